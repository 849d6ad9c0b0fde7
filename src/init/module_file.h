// SPDX-License-Identifier: MIT
// Where the index of kernel modules says that one is, and whether init may load it from there by itself:
// modprobe takes as long as ten services. What modprobe knows of more than that file stays its business.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leash {

struct ModuleFile {
    std::string path;   // below the folder of modules.dep
    bool plain = false; // not compressed, and it needs no other module
    bool operator==(const ModuleFile&) const = default;
};

// The first line of modules.dep for `name` ("leash").
[[nodiscard]] std::optional<ModuleFile> find_module_file(std::string_view index, std::string_view name);

// Whether a setting of modprobe, or the kernel's command line, may say something about `name`:
// parameters, another command, "not at all". Rather too often than too seldom.
[[nodiscard]] bool may_configure_module(std::string_view setting, std::string_view name);
[[nodiscard]] bool command_line_configures_module(std::string_view line, std::string_view name);

// What modprobe reads, as it is on this machine: the text of each file.
[[nodiscard]] std::vector<std::string> modprobe_settings();

// Blocks. True: it is in the kernel.
[[nodiscard]] bool insert_module(const std::string& path);

} // namespace leash
