// SPDX-License-Identifier: MIT
// Reads configuration files. Disks can hang: in PID 1 only a worker may call this.
#pragma once

#include <string>
#include <vector>

#include "config/source_file.h"

namespace leash {

// ETC/init.conf first, always, then ETC/services.d/*.conf in alphabetical order (hidden files and
// other names are passed over; symbolic links are followed). Paths are relative to ETC. What could
// not be read has its error: missing, not a regular file, too large, one too many. A services.d
// that cannot be listed is an entry "services.d" with an error.
[[nodiscard]] std::vector<SourceFile> read_config_tree(const std::string& etc_dir);

// One file, bounded by kMaxConfigFileSize. `shown` becomes its path in messages.
[[nodiscard]] SourceFile read_config_file(const std::string& path, const std::string& shown);

} // namespace leash
