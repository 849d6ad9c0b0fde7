// SPDX-License-Identifier: MIT
#include "plugin/loader.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include <dlfcn.h>
#include <unistd.h>

namespace leash {

namespace {

// Through the members that there were in 0.1 from the first day.
constexpr std::size_t kSmallestPlugin = offsetof(leash_plugin, release);

} // namespace

// Where there are some, the build has another one (plugins/linked.cmake).
__attribute__((weak)) const std::vector<LinkedPlugin>& linked_plugins() {
    static const std::vector<LinkedPlugin> none;
    return none;
}

bool valid_plugin_name(std::string_view name) {
    return !name.empty() && name.size() <= 31 && std::ranges::all_of(name, [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
    });
}

Result<LoadedPlugin> check_plugin(const std::string& name, PluginEntry entry) {
    const leash_plugin* plugin = entry();
    if (plugin == nullptr)
        return fail("plugin {}: its leash_plugin_entry() returned nothing", name);
    // `size` and `abi` stand first and stay there: they may be read whatever the number is.
    if (plugin->abi != LEASH_PLUGIN_ABI) {
        return fail(
            "plugin {}: built for plugin interface {}, this init speaks {}; build it against "
            "the leash_plugin.h of this version",
            name, plugin->abi, LEASH_PLUGIN_ABI);
    }
    if (plugin->size < kSmallestPlugin) {
        return fail(
            "plugin {}: struct leash_plugin has {} bytes, at least {} are needed; its `size` "
            "must be sizeof(struct leash_plugin)",
            name, plugin->size, kSmallestPlugin);
    }
    LoadedPlugin loaded;
    std::memcpy(&loaded.plugin, plugin, std::min<std::size_t>(plugin->size, sizeof loaded.plugin));
    if (loaded.plugin.name == nullptr || name != loaded.plugin.name) {
        return fail("plugin {}: calls itself '{}'; file and name must be the same", name,
                    loaded.plugin.name == nullptr ? "" : loaded.plugin.name);
    }
    if (loaded.plugin.start == nullptr || loaded.plugin.event == nullptr)
        return fail("plugin {}: has no start() or no event()", name);
    return loaded;
}

Result<LoadedPlugin> load_plugin(std::string_view folder, const std::string& name) {
    if (!valid_plugin_name(name)) {
        return fail("plugin '{}': a name has up to 31 of a-z, 0-9, _ and -, and no path or suffix",
                    name);
    }
    for (const LinkedPlugin& linked : linked_plugins())
        if (linked.name == name) return check_plugin(name, linked.entry);

    std::string path = fmt::format("{}/{}.so", folder, name);
    if (access(path.c_str(), R_OK) != 0)
        return fail_errno(errno, "plugin {}: {} cannot be read", name, path);
    void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) {
        const char* why = dlerror();
        return fail("plugin {}: cannot be loaded: {}", name, why == nullptr ? path.c_str() : why);
    }
    auto entry = reinterpret_cast<PluginEntry>(dlsym(handle, "leash_plugin_entry"));
    if (entry == nullptr) {
        dlclose(handle);
        return fail("plugin {}: {} exports no leash_plugin_entry: it is no plugin of Leash", name,
                    path);
    }
    auto checked = check_plugin(name, entry);
    if (!checked) {
        dlclose(handle);
        return checked;
    }
    checked->handle = handle;
    return checked;
}

void unload_plugin(LoadedPlugin& plugin) {
    plugin.plugin = {};
    if (plugin.handle != nullptr) dlclose(plugin.handle);
    plugin.handle = nullptr;
}

} // namespace leash
