// SPDX-License-Identifier: MIT
// The commands of initctl: one table feeds the parser, the help and the list of what may be meant.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "initctl/session.h"

namespace leash::initctl {

struct Options {
    std::vector<std::string> words; // what is left: names, files
    bool json = false;
    bool no_wait = false;
    bool wait = false;
    bool threads = false;
    bool follow = false;
    bool kernel = false;
    bool batch = false;
    bool all = false;
    bool now = false;
    bool runtime = false;
    bool via_wdt = false;
    bool tasks = false;
    std::string events; // of `monitor`
    int force = 0; // how often it was given
    std::optional<std::uint64_t> lines; // or times, of `top`
    std::optional<Ms> delay;
    std::string root;
    std::string scope;
    std::string code, pid; // of `watchdog`
    std::string since;
};

struct Command {
    std::string_view name;
    std::string_view usage;   // behind the name
    std::string_view summary; // one line
    std::string_view details; // more lines, each with its '\n'; may be empty
    std::string_view flags;   // the options it takes beside --json and --help, as letters:
                              // w no-wait, W wait, t threads, F follow, f force, n lines, r root,
                              // s scope, k kernel, b batch, N count, d delay, a all,
                              // o now, u runtime, c code, p pid, v via-wdt, T tasks, e events, S since
    std::size_t min_words;
    std::size_t max_words;
    int (*run)(const Command& command, const Options& options, const Session& session);
};

[[nodiscard]] std::span<const Command> commands();

// `args` begins with the name by which the program was called: as poweroff, reboot or halt it is
// that command. Gives back the exit status.
[[nodiscard]] int run(const std::vector<std::string>& args, const Session& session);

// ---- in files of their own ----------------------------------------------------------------------

int run_change(const Command& command, const Options& options, const Session& session);
int run_freeze(const Command& command, const Options& options, const Session& session);
int run_status(const Command& command, const Options& options, const Session& session);
int run_list(const Command& command, const Options& options, const Session& session);
int run_ps(const Command& command, const Options& options, const Session& session);
// `why`: init was asked first, and this is why it is the module now; it is told on stderr.
int run_kernel_ps(const Options& options, const Session& session, std::string_view why = "");
int run_top(const Command& command, const Options& options, const Session& session);
int run_monitor(const Command& command, const Options& options, const Session& session);
int run_reload(const Command& command, const Options& options, const Session& session);
int run_is_system_running(const Command& command, const Options& options, const Session& session);
int run_version(const Command& command, const Options& options, const Session& session);
int run_log(const Command& command, const Options& options, const Session& session);
int run_power(const Command& command, const Options& options, const Session& session);
int run_daemon_reexec(const Command& command, const Options& options, const Session& session);
int run_target(const Command& command, const Options& options, const Session& session);
int run_cond(const Command& command, const Options& options, const Session& session);
int run_doctor(const Command& command, const Options& options, const Session& session);
int run_explain(const Command& command, const Options& options, const Session& session);
int run_scope(const Command& command, const Options& options, const Session& session);
int run_watchdog(const Command& command, const Options& options, const Session& session);
int run_plugin(const Command& command, const Options& options, const Session& session);
// The arguments of watchdogctl as those of initctl.
[[nodiscard]] std::vector<std::string> from_watchdogctl(std::vector<std::string> args);
// enable, disable, mask, unmask
int run_config_change(const Command& command, const Options& options, const Session& session);
int run_cat(const Command& command, const Options& options, const Session& session);
int run_show(const Command& command, const Options& options, const Session& session);
// Has init read the files again, and tells only what is wrong with them; the exit status.
int reload_quietly(const Session& session);
int run_verify(const Command& command, const Options& options, const Session& session);

} // namespace leash::initctl
