// SPDX-License-Identifier: MIT
// Reads configuration files. Disks can hang: in PID 1 only a worker may call this.
#pragma once

#include <string>
#include <vector>

#include "config/source_file.h"

namespace leash {

// Where configuration comes from, one folder over the other.
struct ConfigLayer {
    std::string folder; // where it is read
    std::string shown;  // what messages call it; "" for paths relative to it
};
// ROOT/usr/lib/leash, ROOT/etc/leash, ROOT/run/leash; what comes later counts more. ROOT is "" for
// this machine.
[[nodiscard]] std::vector<ConfigLayer> config_layers(const std::string& root);

// init.conf first, always, then init.conf.d/*.conf, then for each service in alphabetical order
// services.d/NAME.conf and services.d/NAME.conf.d/*.conf. Of files with the same name in the same
// place of several layers, the last one counts. Hidden files and other names are passed over;
// symbolic links are followed, and one to /dev/null is an empty file. What could not be read has its
// error: missing, not a regular file, too large, one too many. A services.d that cannot be listed,
// or that no layer has, is an entry "services.d" with an error.
[[nodiscard]] std::vector<SourceFile> read_config_layers(const std::vector<ConfigLayer>& layers);
// The same of one folder that holds init.conf and services.d; paths are relative to it.
[[nodiscard]] std::vector<SourceFile> read_config_tree(const std::string& folder);

// One file, bounded by kMaxConfigFileSize. `shown` becomes its path in messages.
[[nodiscard]] SourceFile read_config_file(const std::string& path, const std::string& shown);

} // namespace leash
