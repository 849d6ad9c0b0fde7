// SPDX-License-Identifier: MIT
// The rows of [service]. Words stand in the order of the enum that they name.
#include "config/listen_value.h"
#include "config/schema.h"
#include "config/schema_parts.h"
#include "config/service_setters.h"
#include "config/watch_values.h"

namespace leash {
namespace {

using namespace setters;

constexpr std::int64_t kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute;

// ---- the table ----------------------------------------------------------------------------------

std::vector<KeySpec> rows() {
    using enum ValueType;
    constexpr std::string_view section = "service";
    constexpr std::string_view names = "SERVICE";
    std::vector<KeySpec> table;

    constexpr std::string_view what = "What it is";
    table.push_back({.section = section, .group = what, .key = "description", .type = text,
        .filled = true,
        .text = "One line for people. It is shown by `initctl status` and in messages.",
        .set = ServiceSetter{[](S& s, const V& v) -> Checked<void> {
            s.description = v.text;
            return {};
        }}});
    table.push_back({.section = section, .group = what, .key = "type", .type = word,
        .words = {"daemon", "oneshot", "console", "target"}, .fallback = "daemon",
        .text = "A `daemon` runs until it is stopped. A `oneshot` does one job and is `done` when "
                "its main process has ended with status 0. A `console` gets a terminal of its own "
                "(see `tty`). A `target` runs nothing: it groups the services that it requires "
                "and wants.",
        .set = ServiceSetter{set_word<&S::type>}});
    table.push_back({.section = section, .group = what, .key = "command", .type = command,
        .fallback_note = "none: every type but `target` needs one", .types = kProcess,
        .text = "The program and its arguments. The line is split by the shell's quoting rules, "
                "but there is no shell: no variables, no wildcards, no pipes (write `/bin/sh -c "
                "'...'` for those). Within a word, `%n` is replaced by the service's name, `%i` "
                "by what follows the first @ of the name, and `%%` by a single %; nothing else "
                "is. A program without a slash is looked for in /sbin, /usr/sbin, /bin and "
                "/usr/bin. The program has to stay in the foreground; see `notify = pidfile:` for "
                "one that cannot.",
        .set = ServiceSetter{set_command}});
    table.push_back({.section = section, .group = what, .key = "user", .type = grammar,
        .grammar = "a user's name, or a number 0..4294967294", .fallback_note = "root",
        .types = kProcess,
        .filled = true,
        .text = "The user that the command runs as, by name (/etc/passwd) or number.",
        .set = ServiceSetter{set_account<&S::user>}});
    table.push_back({.section = section, .group = what, .key = "group", .type = grammar,
        .grammar = "a group's name, or a number 0..4294967294",
        .fallback_note = "the user's own group", .types = kProcess,
        .filled = true,
        .text = "The group that the command runs as, by name (/etc/group) or number.",
        .set = ServiceSetter{set_account<&S::group>}});
    table.push_back({.section = section, .group = what, .key = "directory", .type = grammar,
        .grammar = "an absolute path", .fallback_note = "/", .types = kProcess,
        .filled = true,
        .text = "The working directory of the command.",
        .set = ServiceSetter{set_directory}});
    table.push_back({.section = section, .group = what, .key = "environment", .type = list,
        .grammar = "NAME=VALUE", .types = kProcess,
        .filled = true,
        .text = "Variables that the command finds in its environment, beside the few that Leash "
                "sets itself. A value with commas or blanks needs quotes: `environment = A=1, "
                "B=\"x, y\"`.",
        .set = ServiceSetter{set_environment}});
    table.push_back({.section = section, .group = what, .key = "tty", .type = grammar,
        .grammar = "a device below /dev, for example ttyS0, tty1, console",
        .fallback_note = "`console`", .types = kConsole,
        .filled = true,
        .text = "The terminal of a `console`: its controlling terminal, and its input and output.",
        .set = ServiceSetter{set_tty}});

    constexpr std::string_view order = "Dependencies and order";
    table.push_back({.section = section, .group = order, .key = "requires", .type = list,
        .grammar = names,
        .filled = true,
        .text = "Services that this one cannot do without. They are started first, and this one "
                "starts when they are running or done. If one of them fails, this one does not "
                "start; when one is stopped, this one is stopped before it.",
        .set = ServiceSetter{set_names<&S::needs>}});
    table.push_back({.section = section, .group = order, .key = "binds-to", .type = list,
        .grammar = names,
        .filled = true,
        .text = "As `requires`, and more: when one of them goes down, for whatever reason (an exit, a "
                "crash, a restart, a condition that is lost), this one is stopped, waits, and starts "
                "again when that one is up again. Its own counters stay as they are. That one starts "
                "again only when this one has stopped. With `requires` alone, only a stop or restart by "
                "request takes this one along.",
        .set = ServiceSetter{set_names<&S::binds>}});
    table.push_back({.section = section, .group = order, .key = "wants", .type = list,
        .grammar = names,
        .filled = true,
        .text = "Services that are started with this one and before it, but that it can do "
                "without: if one of them fails, this one starts nevertheless.",
        .set = ServiceSetter{set_names<&S::wants>}});
    table.push_back({.section = section, .group = order, .key = "after", .type = list,
        .grammar = names,
        .filled = true,
        .text = "Order only: if both are to be started, this one waits for those. `requires` and "
                "`wants` imply it.",
        .set = ServiceSetter{set_names<&S::after>}});
    table.push_back({.section = section, .group = order, .key = "before", .type = list,
        .grammar = names,
        .filled = true,
        .text = "Order only, the other way round: if both are to be started, those wait for this "
                "one.",
        .set = ServiceSetter{set_names<&S::before>}});
    table.push_back({.section = section, .group = order, .key = "conflicts", .type = list,
        .grammar = names,
        .filled = true,
        .text = "Services that never run together with this one; it is enough if one of two says so. "
                "Starting one stops the other first, with what requires that, and waits until it has "
                "stopped. Two that have both `start = auto` are an error: the one with this line is "
                "left out then.",
        .set = ServiceSetter{set_names<&S::conflicts>}});
    table.push_back({.section = section, .group = order, .key = "on-failure", .type = list,
        .grammar = names,
        .filled = true,
        .text = "Services that are started when this one goes to `failed`. They find its name in "
                "$TROUBLED_SERVICE and why in $REASON. No service may be started that way, directly or "
                "not, by a failure of its own; and a service starts them five times in a minute at "
                "most.",
        .set = ServiceSetter{set_names<&S::on_failure>}});
    table.push_back({.section = section, .group = order, .key = "condition", .type = list,
        .grammar = "[!]path:/PATH, [!]net:INTERFACE, [!]mount:/PATH, [!]cmdline:WORD[=VALUE], "
                   "[!]user:NAME",
        .text = "What has to be so before the service starts; until then it is `waiting`. `path`: there "
                "is something of that name. `net`: the interface is up and has a carrier. `mount`: a "
                "file system is mounted there. `cmdline`: the word stands on the kernel's command line, "
                "alone or as WORD=VALUE. `user`: somebody has said `initctl cond set NAME`. With a `!` "
                "the contrary has to be so. Those that only want the service, or come after it, do not "
                "wait for its conditions. Paths on a disk are looked at every few seconds, all else is "
                "seen at once or within a second.",
        .set = ServiceSetter{set_conditions}});
    table.push_back({.section = section, .group = order, .key = "condition-lost", .type = word,
        .words = {"by-kind", "ignore", "stop"}, .fallback = "by-kind",
        .text = "What is done when a condition holds no more while the service runs. `ignore`: nothing, "
                "it counts for the next start. `stop`: the service is stopped, waits, and starts again "
                "when the condition holds again, its counters as they are. `by-kind`: `stop` for `net`, "
                "`mount` and `user`, `ignore` for `path` and `cmdline`.",
        .set = ServiceSetter{set_word<&S::condition_lost>}});
    table.push_back({.section = section, .group = order, .key = "start", .type = word,
        .words = {"auto", "manual"}, .fallback = "auto",
        .text = "`auto`: wanted by the target `default`, so it is started at boot. `manual`: "
                "started by `initctl start`, or because another service requires or wants it.",
        .set = ServiceSetter{set_word<&S::start>}});

    constexpr std::string_view readiness = "Readiness";
    table.push_back({.section = section, .group = readiness, .key = "notify", .type = grammar,
        .grammar = kNotifyGrammar, .fallback = "none", .types = kProcess,
        .filled = true,
        .text = "How the service tells that it is ready, which is when those that depend on it are "
                "started. `none`: as soon as the program has been executed. `systemd`: it sends "
                "READY=1 to the socket named in $NOTIFY_SOCKET. `s6:FD`: it writes a line to the "
                "descriptor FD. `pidfile:PATH`: it writes the number of its main process to that "
                "file. A `oneshot` is ready when it is done.",
        .set = ServiceSetter{set_notify}});
    table.push_back({.section = section, .group = readiness, .key = "start-timeout",
        .type = duration, .least = 100, .most = 24 * kHour, .zero = "no limit", .fallback = "30s",
        .types = kProcess,
        .text = "How long the service may take to become ready, and a `oneshot` to be done. "
                "Longer is the trouble `start-timeout`.",
        .set = ServiceSetter{set_time<&S::start_timeout>}});

    table.push_back({.section = section, .group = readiness, .key = "notify-access", .type = word,
        .words = {kNotifyAccessWords.begin(), kNotifyAccessWords.end()}, .fallback = "all",
        .types = kProcess,
        .text = "Whose messages to $NOTIFY_SOCKET count: `main`: of the main process; `exec`: of "
                "that and of the commands beside it; `all`: of every task of this start, as the "
                "kernel module or the cgroup tells; `none`: nobody's. The service may change that "
                "by NOTIFYACCESS=, until its start ends.",
        .set = ServiceSetter{set_word<&S::notify_access>}});
    table.push_back({.section = section, .group = readiness, .key = "extend-limit",
        .type = duration, .least = 1, .most = 24 * kHour, .zero = "not at all",
        .fallback = "10m", .types = kProcess,
        .text = "How much longer than its time limit a start, a reload, a stop, a command beside the "
                "main process, or `runtime-limit` may take altogether, where the service asks for "
                "more time by EXTEND_TIMEOUT_USEC=. The deadline of a shutdown is never moved.",
        .set = ServiceSetter{set_time<&S::extend_limit>}});
    table.push_back({.section = section, .group = readiness, .key = "fd-store-max", .type = grammar,
        .grammar = "0..128", .fallback = "0", .types = kProcess,
        .text = "How many open descriptors are kept for the next start of the service: what it sends "
                "with FDSTORE=1 and perhaps FDNAME= is handed back as $LISTEN_FDS and "
                "$LISTEN_FDNAMES, from descriptor 3 on, behind sockets that Leash itself opens. "
                "Sockets and pipes that are hung up are let go, but for FDPOLL=0. More than 0 gives "
                "the service a $NOTIFY_SOCKET, whatever `notify` is, and $FDSTORE.",
        .set = ServiceSetter{set_fd_store_max}});
    table.push_back({.section = section, .group = readiness, .key = "fd-store-keep", .type = word,
        .words = {"restart", "always"}, .fallback = "restart", .types = kProcess,
        .text = "How long such descriptors are kept: over a `restart`, whoever asked for it, or "
                "`always`, so that `initctl stop` and a failure do not drop them either.",
        .set = ServiceSetter{set_word<&S::fd_store_keep>}});

    constexpr std::string_view beside = "Commands beside the main process";
    auto control = [&](std::string_view key, std::string_view about, ServiceSetter set) {
        table.push_back({.section = section, .group = beside, .key = key,
            .type = commands, .types = kProcess, .text = about, .set = set});
    };
    control("command-pre",
            "Run before the main process is started. If it fails, the start has failed. Each takes "
            "`start-timeout` at most. As all keys of this group it may be given several times: the "
            "commands run one after the other, as the service's user, with its environment, in its "
            "cgroup, and write to its log. With a `-` before it, a command may fail.",
            add_control<ControlKind::pre>);
    control("command-post",
            "Run when the service is ready (a `oneshot`: when its main process has ended well); "
            "it is `starting` until they have ended. If one fails, the service is stopped and the "
            "start has failed. Each takes `start-timeout` at most. $MAINPID is the main process.",
            add_control<ControlKind::post>);
    control("command-reload",
            "Run by `initctl reload NAME` instead of SIGHUP to the main process, $MAINPID. The "
            "service is `reloading` until they have ended, and goes on if one fails. Each takes "
            "`reload-timeout` at most.",
            add_control<ControlKind::reload>);
    control("command-stop",
            "Run to ask a service that is running to stop, instead of `stop-signal`. If one fails, "
            "the signal is sent after all. Then the main process, $MAINPID, may take `stop-timeout` "
            "to end, as each of the commands may, before what is left is killed as `kill` says.",
            add_control<ControlKind::stop>);
    control("command-cleanup",
            "Run when nothing of a start is left, however it ended: by a stop, a crash, or before "
            "the main process came to be. $EXIT_CODE is `exited` or `killed` and $EXIT_STATUS the "
            "status or the signal's name, if there was a main process. Failure is reported and "
            "changes nothing. Each takes `stop-timeout` at most. Not run when the deadline of a "
            "shutdown has passed.",
            add_control<ControlKind::cleanup>);
    table.push_back({.section = section, .group = beside, .key = "reload-timeout",
        .type = duration, .least = 100, .most = 24 * kHour, .zero = "no limit", .fallback = "30s",
        .types = kProcess,
        .text = "How long each `command-reload` may take, and a service with `notify = systemd` "
                "until it sends READY=1 after SIGHUP or RELOADING=1. Then it is `running` again, "
                "with a warning.",
        .set = ServiceSetter{set_time<&S::reload_timeout>}});

    add_listen_rows(table);

    constexpr std::string_view jobs = "Jobs and limits";
    table.push_back({.section = section, .group = jobs, .key = "remain-after-exit", .type = word,
        .words = {"no", "yes"}, .fallback = "yes", .types = kOneshot,
        .text = "Whether a `oneshot` that has ended well is `done`, which counts as up, or "
                "`stopped`. What `requires` a stopped one cannot start; `wants` and `after` "
                "take it for settled.",
        .set = ServiceSetter{[](S& s, const V& v) -> Checked<void> {
            s.remain_after_exit = v.word == 1;
            return {};
        }}});
    table.push_back({.section = section, .group = jobs, .key = "interval", .type = duration,
        .least = kSecond, .most = 366 * 24 * kHour, .zero = "run once", .fallback = "0s",
        .types = kOneshot,
        .text = "Run the job again so long after it was started last, whether it ended well or "
                "failed. If it still runs then, it starts again when it has ended. "
                "`initctl stop` ends that.",
        .set = ServiceSetter{set_time<&S::interval>}});
    table.push_back({.section = section, .group = jobs, .key = "calendar", .type = grammar,
        .grammar = "[WEEKDAYS] [YEAR-MONTH-DAY] [HOUR:MINUTE[:SECOND]] [UTC] {; ...}, or one of "
                   "minutely, hourly, daily, weekly, monthly, yearly",
        .fallback_note = "none", .since = "0.4", .types = kOneshot,
        .text = "Run the job at these times of the calendar, such as `Mon..Fri 03:00` or `*-*-1 "
                "04:30`; see CALENDAR. With `start = auto` nothing runs at boot, only the time is "
                "waited for. If it still runs then, it starts again when it has ended. `initctl "
                "start` runs it now, and waits for the next time, too; `initctl stop` ends that. Not "
                "together with `interval`.",
        .set = ServiceSetter{[](S& s, const V& v) -> Checked<void> {
            auto calendar = parse_calendar(v.text);
            if (!calendar) return fault(calendar.error().text);
            s.calendar = std::move(*calendar);
            return {};
        }}});
    table.push_back({.section = section, .group = jobs, .key = "persistent", .type = word,
        .words = {"no", "yes"}, .fallback = "no", .types = kOneshot,
        .text = "With `yes`, a time of `calendar` that has passed unused while the machine was off, "
                "the clock was set past it, or the job was not waited for is made up for, at once "
                "and once, however many they were. When it had its time last is the time of change "
                "of a file in `/var/lib/leash/calendars`.",
        .set = ServiceSetter{[](S& s, const V& v) -> Checked<void> {
            s.persistent = v.word == 1;
            return {};
        }}});
    table.push_back({.section = section, .group = jobs, .key = "runtime-limit", .type = duration,
        .least = 100, .most = 366 * 24 * kHour, .zero = "no limit", .fallback = "0s",
        .types = kDaemon | kConsole,
        .text = "How long the service may be running. Longer is the trouble `runtime-limit`. (A "
                "`oneshot` has `start-timeout`.)",
        .set = ServiceSetter{set_time<&S::runtime_limit>}});

    constexpr std::string_view restart = "Exits and restarts";
    table.push_back({.section = section, .group = restart, .key = "restart", .type = word,
        .words = {"always", "on-failure", "on-abnormal", "on-watchdog", "no"},
        .fallback = "always", .fallback_note = "for a `oneshot`: `no`", .types = kProcess,
        .text = "What is done when the main process ends by itself: start it again `always`; "
                "`on-failure`, which is a status or a signal that is not a success (see "
                "`success-exit-status`), or a command beside it that failed the start; "
                "`on-abnormal`: a signal or a time limit, but no status; `on-watchdog`: only while "
                "it misses its heartbeat (which counts for the two before as well); or `no`. "
                "Troubles are answered by `on-trouble`, whatever this says. A `oneshot` cannot have "
                "`always`.",
        .set = ServiceSetter{set_word<&S::restart>}});
    table.push_back({.section = section, .group = restart, .key = "success-exit-status",
        .type = list, .grammar = "STATUS 0..255 or SIGNAL", .types = kProcess,
        .text = "Ends of the main process that are no failure, beside status 0 and, except for a "
                "`oneshot`, the signals SIGHUP, SIGINT, SIGTERM and SIGPIPE. Numbers are statuses, "
                "names are signals.",
        .set = ServiceSetter{set_success}});
    table.push_back({.section = section, .group = restart, .key = "restart-delay", .type = duration,
        .least = 0, .most = kHour, .fallback = "100ms", .types = kProcess,
        .text = "The pause before the first restart. It grows with each restart that follows "
                "soon, up to `restart-delay-max`.",
        .set = ServiceSetter{set_time<&S::restart_delay>}});
    table.push_back({.section = section, .group = restart, .key = "restart-delay-max",
        .type = duration, .least = 0, .most = 24 * kHour, .fallback = "30s", .types = kProcess,
        .text = "The longest pause before a restart. Not less than `restart-delay`.",
        .set = ServiceSetter{set_time<&S::restart_delay_max>}});
    table.push_back({.section = section, .group = restart, .key = "restart-limit", .type = rate,
        .fallback = "5/10s", .fallback_note = "for a `console`: no limit", .types = kProcess,
        .text = "More than N exits within TIME are the trouble `crash-loop`. A `console` is started "
                "again for ever, as a getty is, with pauses up to `restart-delay-max`, also while "
                "its terminal is missing; only its own file can limit that, `[defaults]` does not.",
        .set = ServiceSetter{[](S& s, const V& v) -> Checked<void> {
            s.restart_limit = v.rate;
            return {};
        }}});
    table.push_back({.section = section, .group = restart, .key = "restart-limit-long", .type = rate,
        .zero = "no limit", .fallback = "20/1h",
        .fallback_note = "no limit for a `console`, and where `restart-limit` allows more than 20",
        .types = kProcess,
        .text = "As `restart-limit`, for a service that crashes too slowly for that one and would be "
                "started again for ever without a word: more than N failures within TIME are the "
                "trouble `crash-loop`, too. Exits that were a success of its own choice do not count, "
                "nor do ends that somebody asked for. When it is exceeded it begins anew, and when "
                "`restart-limit` is. Of a `console` only its own file can limit that.",
        .set = ServiceSetter{[](S& s, const V& v) -> Checked<void> {
            s.restart_limit_long = v.rate;
            return {};
        }}});

    constexpr std::string_view stop = "Stopping";
    table.push_back({.section = section, .group = stop, .key = "stop-signal", .type = signal,
        .fallback = "SIGTERM", .types = kProcess,
        .text = "The signal that asks the service to end.",
        .set = ServiceSetter{[](S& s, const V& v) -> Checked<void> {
            s.stop_signal = v.signal;
            return {};
        }}});
    table.push_back({.section = section, .group = stop, .key = "stop-timeout", .type = duration,
        .least = 1, .most = kHour, .zero = "no limit", .fallback = "5s", .types = kProcess,
        .text = "How long the service may take to end, once it was told to (which waits for a "
                "dump or other evidence, 5s at most). Then what is left of it is killed. A "
                "shutdown does not wait for it longer than its own time limit.",
        .set = ServiceSetter{set_time<&S::stop_timeout>}});
    table.push_back({.section = section, .group = stop, .key = "kill", .type = word,
        .words = {"all", "cgroup", "main"}, .fallback = "all", .types = kProcess,
        .text = "What ends with a start. `all`: every task that descends from it, wherever it "
                "went. `cgroup`: what is in its cgroup. `main`: the main process alone. What is "
                "spared is listed as the remains of that start, and killed at shutdown.",
        .set = ServiceSetter{set_word<&S::kill>}});
    table.push_back({.section = section, .group = stop, .key = "sessions", .type = word,
        .words = {"kill", "keep"}, .fallback = "kill", .types = kProcess,
        .text = "`keep` spares the trees whose session has a controlling terminal that is not the "
                "service's own: the logins under an ssh server survive its restart.",
        .set = ServiceSetter{set_word<&S::sessions>}});
    table.push_back({.section = section, .group = stop, .key = "leave", .type = word,
        .words = {"kill", "keep"}, .fallback = "kill", .types = kOneshot,
        .text = "What becomes of the tasks that a `oneshot` leaves behind when its main process "
                "has ended. `keep` is for a job whose purpose is to start something.",
        .set = ServiceSetter{set_word<&S::leave>}});
    table.push_back({.section = section, .group = stop, .key = "strays", .type = word,
        .words = {"report", "return", "kill"}, .fallback = "report", .types = kProcess,
        .text = "What is done about strays, which are tasks of the service that left its cgroup. "
                "They matter when the service starts again while strays of an earlier start live, "
                "as `kill = cgroup` and `kill = main` leave them (and a task that cannot be "
                "killed). `report`: the start is refused with an error that names them, and "
                "`restart` decides whether it is tried again. `return`: they are moved into the "
                "cgroup and belong to the new start. `kill`: they are killed first. Needs the "
                "kernel module; `initctl ps` and `initctl status` mark strays in any case.",
        .set = ServiceSetter{set_word<&S::strays>}});

    constexpr std::string_view watch = "Watchdog and trouble";
    table.push_back({.section = section, .group = watch, .key = "watchdog", .type = grammar,
        .grammar = kWatchdogGrammar, .fallback = "0s", .fallback_note = "not watched",
        .types = kProcess,
        .text = "The longest silence allowed, 100ms to 24h. A service that gives no sign of life for "
                "so long has the trouble `missed-heartbeat`. A service that sends heartbeats may have "
                "up to eight timers, for example `main:5s, io:30s`: each has to be fed by itself, by "
                "WATCHDOG=1 together with WATCHDOG_TIMER=NAME. A time without a name is that of "
                "`main`. WATCHDOG=1 alone feeds `main`, or the only timer there is, and no other one. "
                "$WATCHDOG_USEC is the shortest time.",
        .set = ServiceSetter{set_watchdog}});
    table.push_back({.section = section, .group = watch, .key = "watchdog-source", .type = grammar,
        .grammar = kSourceGrammar,
        .fallback_note = "`heartbeat` with `notify = systemd`, else `tasks`", .types = kProcess,
        .text = "What counts as a sign of life. `heartbeat`: the service sends WATCHDOG=1 to the "
                "socket named in $NOTIFY_SOCKET, which takes `notify = systemd`; with `notify = s6:FD` "
                "it keeps that descriptor open, and each further newline counts. `tasks`: its main "
                "process has a thread that lives and is not stopped. `progress`: some thread of the "
                "main process, or of those in its cgroup, has done I/O or has waited for something and "
                "gone on; CPU time alone is none, nor is what children do while the whole main process "
                "is stopped. `probe:COMMAND`: the command, run as `command-reload` is, ends with status "
                "0. `tcp:` and `unix:`: a connection is accepted. `http://`: the answer to a GET has a "
                "status of 2xx or 3xx. Addresses are numeric. See WATCHING.",
        .set = ServiceSetter{set_watchdog_source}});
    table.push_back({.section = section, .group = watch, .key = "watchdog-soft", .type = duration,
        .least = 50, .most = 24 * kHour, .zero = "none", .fallback = "0s", .types = kProcess,
        .text = "A silence that is reported in the log, with evidence, and not answered otherwise. "
                "Shorter than each time of `watchdog`.",
        .set = ServiceSetter{set_time<&S::watchdog_soft>}});
    table.push_back({.section = section, .group = watch, .key = "watchdog-grace", .type = duration,
        .least = 100, .most = 24 * kHour, .zero = "none", .fallback = "0s", .types = kProcess,
        .text = "How long after it has become `running` the service may be silent for the first time, "
                "if that is longer than `watchdog`.",
        .set = ServiceSetter{set_time<&S::watchdog_grace>}});
    table.push_back({.section = section, .group = watch, .key = "probe-interval", .type = duration,
        .least = 50, .most = 24 * kHour, .zero = "a third of `watchdog`", .fallback = "0s",
        .types = kProcess,
        .text = "The time from the begin of a probe to the begin of the next one. One at a time.",
        .set = ServiceSetter{set_time<&S::probe_interval>}});
    table.push_back({.section = section, .group = watch, .key = "probe-timeout", .type = duration,
        .least = 50, .most = 24 * kHour, .zero = "as `watchdog`", .fallback = "0s",
        .types = kProcess,
        .text = "How long one probe may take. A command is killed then, with all that it has started.",
        .set = ServiceSetter{set_time<&S::probe_timeout>}});
    table.push_back({.section = section, .group = watch, .key = "on-trouble", .type = policy,
        .fallback_note = "`restart`; for crash-loop and runtime-limit `stop`; see HOGS, LEAKS AND HANGS",
        .types = kProcess,
        .text = "The answer to every trouble that has no `on-KIND` of its own. See POLICIES.",
        .set = ServiceSetter{[](S& s, const V& v) -> Checked<void> {
            s.on_trouble = v.policy;
            return {};
        }}});
    table.push_back({.section = section, .group = watch, .key = "on-missed-heartbeat",
        .type = policy, .fallback_note = "as `on-trouble`, else `restart`", .types = kProcess,
        .text = "The answer to a silence longer than `watchdog`.",
        .set = ServiceSetter{set_policy<TroubleKind::missed_heartbeat>}});
    table.push_back({.section = section, .group = watch, .key = "on-crash-loop", .type = policy,
        .fallback_note = "as `on-trouble`, else `stop`, which leaves the service failed; `report` where "
                         "only `restart-limit-long` is exceeded",
        .types = kProcess,
        .text = "The answer to more exits than `restart-limit` or `restart-limit-long` allows.",
        .set = ServiceSetter{set_policy<TroubleKind::crash_loop>}});
    table.push_back({.section = section, .group = watch, .key = "on-start-timeout", .type = policy,
        .fallback_note = "as `on-trouble`, else `restart`", .types = kProcess,
        .text = "The answer to a service that is not ready within `start-timeout`.",
        .set = ServiceSetter{set_policy<TroubleKind::start_timeout>}});
    table.push_back({.section = section, .group = watch, .key = "on-runtime-limit", .type = policy,
        .fallback_note = "as `on-trouble`, else `stop`, which leaves the service failed",
        .types = kDaemon | kConsole,
        .text = "The answer to a service that is running for longer than `runtime-limit`.",
        .set = ServiceSetter{set_policy<TroubleKind::runtime_limit>}});
    table.push_back({.section = section, .group = watch, .key = "exec-timeout", .type = duration,
        .least = 100, .most = kHour, .fallback = "30s", .types = kProcess,
        .text = "How long the command of a step `exec:` may take. Then it is killed with all of its "
                "process group, which is told as a failure, as is its end by a signal or with a status "
                "other than 0. The steps behind it do not wait for it.",
        .set = ServiceSetter{set_time<&S::exec_timeout>}});
    table.push_back({.section = section, .group = watch, .key = "on-client-deadline", .type = policy,
        .fallback_note = "as `on-trouble`, else `restart`", .types = kProcess,
        .text = "The answer to a task of the service that has subscribed as a client of watchdogd "
                "(libwdog; see `clients` in init.conf(5)) and then is late with a kick, kicks "
                "wrongly, or ends without unsubscribing. The end of a main process is an exit, "
                "which `restart` answers.",
        .set = ServiceSetter{set_policy<TroubleKind::client_deadline>}});
    add_rights(table);
    add_kernel_limits(table);
    add_finder_rows(table);
    return table;
}

} // namespace

std::vector<KeySpec>& kept_service_schema() {
    static std::vector<KeySpec> table;
    return table;
}

const std::vector<KeySpec>& service_schema() {
    auto& table = kept_service_schema();
    if (table.empty()) table = rows();
    return table;
}

} // namespace leash
