// SPDX-License-Identifier: MIT
// Where initctl reads and writes: the real world, or what a test puts in its place.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "initctl/screen.h"
#include "taskview/event_view.h"
#include "taskview/task_source.h"
#include "taskview/terminal.h"

namespace leash::initctl {

using taskview::Terminal;

struct Session {
    std::function<bool(std::string_view)> out; // false: nobody reads any more
    std::function<void(std::string_view)> err;
    Terminal terminal; // what `out` is
    std::string socket;     // of init
    std::string clients_socket = "/run/watchdogd/sock"; // of what serves clients of watchdogd
    std::string log_folder; // of the logger
    std::string records_folder, records_spool; // of trouble
    // Name and state of process 1; nothing where /proc does not tell.
    std::function<std::optional<std::pair<std::string, char>>()> process_one = [] {
        return std::optional<std::pair<std::string, char>>();
    };
    std::string config_root; // what /usr/lib/leash, /etc/leash and /run/leash lie below; "": /
    // reboot(2), with or without sync before; returns only if that failed.
    std::function<void(int command)> reboot_now;
    // Becomes this program, with LEASH_TAG set to `tag`; returns errno if it cannot.
    std::function<int(const std::vector<std::string>& command, const std::string& tag)> become;
    // `log -f`: waits a moment; false: enough.
    std::function<bool()> next_look;
    // The kernel module.
    taskview::OpenTaskSource open_tasks;
    taskview::OpenEventSource open_events;
    // `top`: the terminal, made ready for it.
    std::function<std::unique_ptr<Screen>(bool batch)> open_screen;

    template <class... Args> bool print(fmt::format_string<Args...> f, Args&&... args) const {
        return out(fmt::format(f, std::forward<Args>(args)...) + "\n");
    }
    template <class... Args> void complain(fmt::format_string<Args...> f, Args&&... args) const {
        err("initctl: " + fmt::format(f, std::forward<Args>(args)...) + "\n");
    }
};

[[nodiscard]] Session real_session();

} // namespace leash::initctl
