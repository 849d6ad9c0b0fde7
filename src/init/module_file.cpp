// SPDX-License-Identifier: MIT
#include "init/module_file.h"

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include <fcntl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"
#include "base/unique_fd.h"
#include "base/whole_file.h"

namespace leash {

std::optional<ModuleFile> find_module_file(std::string_view index, std::string_view name) {
    for (auto line : split(index, '\n', true)) {
        auto colon = line.find(':');
        auto path = line.substr(0, colon);
        auto file = path.substr(path.rfind('/') + 1);
        if (file.substr(0, file.find('.')) != name) continue;
        bool alone = colon != std::string_view::npos && trim(line.substr(colon + 1)).empty();
        return ModuleFile{std::string(path), alone && path.ends_with(".ko")};
    }
    return std::nullopt;
}

// `install` takes patterns for names.
bool may_configure_module(std::string_view setting, std::string_view name) {
    return setting.contains(name) || setting.contains("install");
}

// NAME.PARAMETER, also ours: modprobe hands `leash.debug` to the module. *blacklist=NAME,...
bool command_line_configures_module(std::string_view line, std::string_view name) {
    return std::ranges::any_of(split(line, ' ', true), [&](std::string_view word) {
        if (word.starts_with('"')) word.remove_prefix(1);
        bool parameter = word.starts_with(name) && word.substr(name.size()).starts_with('.');
        return parameter || (word.contains("blacklist") && word.contains(name));
    });
}

std::vector<std::string> modprobe_settings() {
    namespace fs = std::filesystem;
    std::vector<std::string> texts;
    for (const char* place : {"/etc/modprobe.conf", "/etc/modprobe.d", "/run/modprobe.d",
                              "/usr/local/lib/modprobe.d", "/usr/lib/modprobe.d", "/lib/modprobe.d"}) {
        std::error_code none, end;
        if (fs::is_regular_file(place, none)) texts.push_back(read_whole_file(place));
        fs::directory_iterator at(place, end);
        for (; !end && at != fs::directory_iterator(); at.increment(end))
            if (at->is_regular_file(none)) texts.push_back(read_whole_file(at->path()));
    }
    return texts;
}

bool insert_module(const std::string& path) {
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    return fd && (syscall(SYS_finit_module, fd.get(), "", 0) == 0 || errno == EEXIST);
}

} // namespace leash
