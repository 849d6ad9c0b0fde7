// SPDX-License-Identifier: MIT
// Finds a plugin: one that is linked into this program, else /usr/lib/leash/plugins/NAME.so; and
// checks that both sides speak of the same interface.
#pragma once

#include "base/result.h"
#include "plugin/leash_plugin.h"

#include <string>
#include <string_view>
#include <vector>

namespace leash {

inline constexpr std::string_view kPluginFolder = "/usr/lib/leash/plugins";

using PluginEntry = const leash_plugin* (*)();

struct LinkedPlugin {
    std::string_view name;
    PluginEntry entry;
};

// The plugins that the build option LEASH_STATIC_PLUGINS has linked in; they win over files.
[[nodiscard]] const std::vector<LinkedPlugin>& linked_plugins();

// [a-z0-9_-]{1,31}: the name becomes a file's.
[[nodiscard]] bool valid_plugin_name(std::string_view name);

struct LoadedPlugin {
    void* handle = nullptr; // of dlopen; nullptr: linked in
    leash_plugin plugin{};  // as much of it as both sides know, the rest is zero
};

// Errors say what is wrong and what to do about it. Reads a file: at boot only.
[[nodiscard]] Result<LoadedPlugin> load_plugin(std::string_view folder, const std::string& name);
// The same for an entry that is at hand.
[[nodiscard]] Result<LoadedPlugin> check_plugin(const std::string& name, PluginEntry entry);
void unload_plugin(LoadedPlugin& plugin);

} // namespace leash
