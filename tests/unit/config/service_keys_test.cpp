// SPDX-License-Identifier: MIT
// Every key of [service], good and bad.
#include <functional>
#include <set>

#include <gtest/gtest.h>

#include "base/units.h"
#include "config/schema.h"
#include "helpers.h"

using namespace leash;

namespace {

using S = ServiceSettings;
using Words = std::vector<std::string>;
using Pairs = std::vector<std::pair<std::string, std::string>>;

struct Good {
    std::string lines; // the whole file below [service]
    std::function<bool(const S&)> holds;
};
struct Bad {
    std::string lines, complaint;
};

const std::string kCommand = "command = /bin/true\n";

const std::vector<Good> kGood{
    {kCommand, [](const S& s) {
         return s.name == kName && s.file == kPath && s.type == ServiceType::daemon &&
                s.restart == RestartWhen::always && s.watchdog_source == WatchdogSource::tasks &&
                s.tty.empty() && s.command == Words{"/bin/true"} && !s.on_trouble;
     }},
    {kCommand + "description = A: b = c; d # e\n",
     [](const S& s) { return s.description == "A: b = c; d # e"; }},
    {kCommand + "type = daemon\n", [](const S& s) { return s.type == ServiceType::daemon; }},
    {kCommand + "type = oneshot\n", [](const S& s) {
         return s.type == ServiceType::oneshot && s.restart == RestartWhen::no;
     }},
    {kCommand + "type = oneshot\nrestart = on-failure\n",
     [](const S& s) { return s.restart == RestartWhen::on_failure; }},
    {kCommand + "type = console\n",
     [](const S& s) { return s.type == ServiceType::console && s.tty == "console"; }},
    {kCommand + "listen = stream:/run/x\nlisten-start = demand\nlisten-mode = 600\nlisten-user = 0\n"
                "listen-group = adm\nlisten-backlog = 1\n",
     [](const S& s) { return s.listen->on_demand() && s.listen->mode == 0600; }},
    {kCommand + "type = console\n",
     [](const S& s) { return s.restart_limit == RateLimit{0, 10s}; }},
    {kCommand + "type = console\nrestart-limit = 3/1m\n",
     [](const S& s) { return s.restart_limit == RateLimit{3, 1min}; }},
    {kCommand, [](const S& s) { return s.restart_limit == RateLimit{5, 10s}; }},
    {kCommand, [](const S& s) { return s.restart_limit_long == RateLimit{20, 1h}; }},
    {kCommand + "type = console\n", [](const S& s) { return s.restart_limit_long.count == 0; }},
    {kCommand + "type = console\nrestart-limit-long = 9/1h\n",
     [](const S& s) { return s.restart_limit_long == RateLimit{9, 1h}; }},
    {kCommand + "restart-limit-long = 0\n",
     [](const S& s) { return s.restart_limit_long.count == 0; }},
    {kCommand + "restart-limit = 21/1m\n",
     [](const S& s) { return s.restart_limit_long.count == 0; }},
    {kCommand + "restart-limit = 20/1m\n",
     [](const S& s) { return s.restart_limit_long == RateLimit{20, 1h}; }},
    {kCommand + "restart-limit = 100/1m\nrestart-limit-long = 50/2h\n",
     [](const S& s) { return s.restart_limit_long == RateLimit{50, 2h}; }},
    {kCommand + "type = console\ntty = ttyS0\n", [](const S& s) { return s.tty == "ttyS0"; }},
    {kCommand + "type = console\ntty = /dev/pts/0\n", [](const S& s) { return s.tty == "pts/0"; }},
    {"type = target\n",
     [](const S& s) { return s.type == ServiceType::target && s.command.empty(); }},

    {"command = /bin/sh -c 'a  b; c # d' \"e, f\" g\\ h\n",
     [](const S& s) {
         return s.command == Words{"/bin/sh", "-c", "a  b; c # d", "e, f", "g h"};
     }},
    {"command = x %n %i %% %d 100% %%n a%i.b\n",
     [](const S& s) {
         return s.command == Words{"x", "test@one", "one", "%", "%d", "100%", "%n", "aone.b"};
     }},
    {"command = x $HOME * ~ | y\n",
     [](const S& s) { return s.command == Words{"x", "$HOME", "*", "~", "|", "y"}; }},
    {"command = x ''\n", [](const S& s) { return s.command == Words{"x", ""}; }},

    {kCommand + "user = www-data\n", [](const S& s) { return s.user == "www-data"; }},
    {kCommand + "user = 1000\n", [](const S& s) { return s.user == "1000"; }},
    {kCommand + "group = _grp.1\n", [](const S& s) { return s.group == "_grp.1"; }},
    {kCommand + "directory = /var/lib/\n", [](const S& s) { return s.directory == "/var/lib"; }},
    {kCommand + "directory = /\n", [](const S& s) { return s.directory == "/"; }},
    {kCommand + "environment = A=1, B=\"x, y\"\n",
     [](const S& s) { return s.environment == Pairs{{"A", "1"}, {"B", "x, y"}}; }},
    {kCommand + "environment = A=1\nenvironment = 'B=x  y', C=\n",
     [](const S& s) { return s.environment == Pairs{{"A", "1"}, {"B", "x  y"}, {"C", ""}}; }},
    {kCommand + "environment = A=1\nenvironment =\nenvironment = A=b=c\n",
     [](const S& s) { return s.environment == Pairs{{"A", "b=c"}}; }},

    {kCommand + "requires = a, b\nrequires =\n", [](const S& s) { return s.needs.empty(); }},
    {kCommand + "wants = a, b\nwants=b,c\n",
     [](const S& s) { return s.wants == Words{"a", "b", "c"}; }},
    {kCommand + "wants = a\nwants =\n", [](const S& s) { return s.wants.empty(); }},
    {kCommand + "after = a@1\n", [](const S& s) { return s.after == Words{"a@1"}; }},
    {kCommand + "before = a.b\n", [](const S& s) { return s.before == Words{"a.b"}; }},
    {kCommand + "binds-to = a, b\nbinds-to =\n", [](const S& s) { return s.binds.empty(); }},
    {kCommand + "conflicts = a, b\n", [](const S& s) { return s.conflicts == Words{"a", "b"}; }},
    {kCommand + "on-failure = a\n", [](const S& s) { return s.on_failure == Words{"a"}; }},
    {kCommand + "condition = net:eth0, !path:/run/a b\ncondition = mount:/data\n", [](const S& s) {
         return s.conditions.size() == 3 && s.conditions[0].kind == ConditionKind::net &&
                s.conditions[1].text() == "!path:/run/a b" && s.conditions[2].what == "/data" &&
                s.condition_lost == ConditionLost::by_kind;
     }},
    {kCommand + "condition = user:a, user:a\ncondition =\ncondition = cmdline:a=b\n", [](const S& s) {
         return s.conditions.size() == 1 && s.conditions[0].what == "a=b";
     }},
    {kCommand + "condition = user:a\ncondition-lost = stop\n",
     [](const S& s) { return s.condition_lost == ConditionLost::stop; }},
    {kCommand + "condition = user:a\ncondition-lost = ignore\n",
     [](const S& s) { return s.condition_lost == ConditionLost::ignore; }},
    {kCommand + "on-trouble = restart 3/10m, safe\n", [](const S& s) {
         return s.on_trouble->back().kind == StepKind::safe;
     }},
    {kCommand + "start = auto\n", [](const S& s) { return s.start == StartMode::automatic; }},
    {kCommand + "start = manual\n", [](const S& s) { return s.start == StartMode::manual; }},

    {kCommand + "notify = none\n", [](const S& s) { return s.notify == Notify{}; }},
    {kCommand + "notify = systemd\n", [](const S& s) {
         return s.notify.kind == NotifyKind::systemd &&
                s.watchdog_source == WatchdogSource::heartbeat;
     }},
    {kCommand + "notify = systemd\nnotify-access = exec\nextend-limit = 0\n", [](const S& s) {
         return s.notify_access == NotifyAccess::exec && s.extend_limit == Ms{0};
     }},
    {kCommand + "fd-store-max = 128\nfd-store-keep = always\nnotify-access = none\n", [](const S& s) {
         return s.fd_store_max == 128 && s.fd_store_keep == FdStoreKeep::always &&
                s.notify_access == NotifyAccess::none;
     }},
    {kCommand + "fd-store-max = 2\nnotify = s6:5\n",
     [](const S& s) { return s.fd_store_max == 2 && s.notify.fd == 5; }},
    {kCommand + "notify = s6:3\n",
     [](const S& s) { return s.notify == Notify{NotifyKind::s6, 3, ""}; }},
    {kCommand + "notify = s6:1023\n", [](const S& s) { return s.notify.fd == 1023; }},
    {kCommand + "notify = pidfile:/run/x.pid\n",
     [](const S& s) { return s.notify == Notify{NotifyKind::pidfile, -1, "/run/x.pid"}; }},
    {kCommand + "start-timeout = 0\n", [](const S& s) { return s.start_timeout == Ms{0}; }},
    {kCommand + "start-timeout = 2m\n", [](const S& s) { return s.start_timeout == 2min; }},

    {kCommand + "restart = no\n", [](const S& s) { return s.restart == RestartWhen::no; }},
    {kCommand + "restart-delay = 1500ms\n", [](const S& s) { return s.restart_delay == 1500ms; }},
    {kCommand + "restart-delay = 0\n", [](const S& s) { return s.restart_delay == 0ms; }},
    {kCommand + "restart-delay-max = 1m\n", [](const S& s) { return s.restart_delay_max == 60s; }},
    {kCommand + "process-limit = 64\n",
     [](const S& s) { return s.kernel_limits->processes == 64; }},
    {kCommand + "fork-rate-limit = 100/1s\n",
     [](const S& s) { return s.kernel_limits->forks == RateLimit{100, Ms{1000}}; }},
    {kCommand + "limit-action = refuse\n",
     [](const S& s) { return s.kernel_limits->action == LimitAction::refuse; }},
    {kCommand + "limit-action = kill\n",
     [](const S& s) { return s.kernel_limits->action == LimitAction::kill; }},
    {kCommand + "restart-limit = 3/10m\n",
     [](const S& s) { return s.restart_limit == RateLimit{3, Ms{600'000}}; }},
    {kCommand + "stop-signal = INT\n", [](const S& s) { return s.stop_signal == SIGINT; }},
    {kCommand + "stop-signal = SIGQUIT\n", [](const S& s) { return s.stop_signal == SIGQUIT; }},
    {kCommand + "stop-timeout = 1h\n", [](const S& s) { return s.stop_timeout == 1h; }},
    {kCommand + "stop-timeout = 0\n", [](const S& s) { return s.stop_timeout == 0s; }},
    {kCommand + "start-timeout = infinity\n", [](const S& s) { return s.start_timeout == 0s; }},
    {kCommand + "stop-timeout = infinity\n", [](const S& s) { return s.stop_timeout == 0s; }},
    {kCommand + "reload-timeout = 5s\n", [](const S& s) { return s.reload_timeout == 5s; }},
    {kCommand + "runtime-limit = 2h\non-runtime-limit = restart\n", [](const S& s) {
         return s.runtime_limit == 2h &&
                policy_for(s, TroubleKind::runtime_limit)[0].kind == StepKind::restart;
     }},
    {kCommand + "exec-timeout = 90s\n", [](const S& s) { return s.exec_timeout == 90s; }},
    {kCommand + "on-client-deadline = report, reboot\n", [](const S& s) {
         return policy_for(s, TroubleKind::client_deadline).size() == 2;
     }},
    {kCommand + "runtime-limit = 2h\n", [](const S& s) {
         return policy_for(s, TroubleKind::runtime_limit)[0].kind == StepKind::stop;
     }},
    {kCommand + "restart = on-abnormal\n",
     [](const S& s) { return s.restart == RestartWhen::on_abnormal; }},
    {kCommand + "restart = on-watchdog\n",
     [](const S& s) { return s.restart == RestartWhen::on_watchdog; }},
    {kCommand + "success-exit-status = 3, USR1\nsuccess-exit-status = 200, SIGTERM\n",
     [](const S& s) {
         return s.success_exit_status->statuses == std::vector{3, 200} &&
                s.success_exit_status->signals == std::vector{SIGUSR1, SIGTERM};
     }},
    {kCommand + "command-pre = mkdir -p '/run/a, b'\ncommand-pre = - /bin/x -o a,b\n", [](const S& s) {
         const auto& pre = commands_of(s, ControlKind::pre);
         return pre.size() == 2 && !pre[0].may_fail && pre[1].may_fail &&
                pre[0].command == Words{"mkdir", "-p", "/run/a, b"} &&
                pre[1].command == Words{"/bin/x", "-o", "a,b"};
     }},
    {kCommand + "command-pre = a\ncommand-pre =\ncommand-post = %n\ncommand-stop = c\n"
                "command-cleanup = d\ncommand-reload = -e\n", [](const S& s) {
         return commands_of(s, ControlKind::pre).empty() &&
                commands_of(s, ControlKind::post)[0].command == Words{s.name} &&
                commands_of(s, ControlKind::stop)[0].command == Words{"c"} &&
                commands_of(s, ControlKind::cleanup)[0].command == Words{"d"} &&
                commands_of(s, ControlKind::reload)[0] == ControlCommand{{"e"}, true};
     }},
    {kCommand + "type = oneshot\ncalendar = Mon..Fri 03:00; daily\n",
     [](const S& s) { return s.calendar->rules.size() == 2 && s.interval == 0s; }},
    {kCommand + "type = oneshot\ncalendar = daily\npersistent = yes\n",
     [](const S& s) { return s.persistent; }},
    {kCommand + "type = oneshot\nremain-after-exit = no\ninterval = 5m\n",
     [](const S& s) { return !s.remain_after_exit && s.interval == 5min; }},
    {kCommand + "type = oneshot\n",
     [](const S& s) { return s.remain_after_exit && s.interval == 0s; }},

    {kCommand + "notify = systemd\nwatchdog = main:5s, io:30s\nwatchdog-soft = 4s\n"
                "watchdog-grace = 1m\n",
     [](const S& s) {
         return s.watchdog == 5s && s.watchdog_soft == 4s && s.watchdog_grace == 60s &&
                s.watchdog_timers == std::vector<WatchdogTimer>{{"main", 5s}, {"io", 30s}};
     }},
    {kCommand + "watchdog = 10s\n", [](const S& s) {
         return s.watchdog_timers == std::vector<WatchdogTimer>{{"main", 10s}};
     }},
    {kCommand + "watchdog = 0\n",
     [](const S& s) { return s.watchdog == 0s && s.watchdog_timers.empty(); }},
    {kCommand + "watchdog = 10s\nwatchdog-source = progress\n",
     [](const S& s) { return s.watchdog_source == WatchdogSource::progress; }},
    {kCommand + "watchdog = 10s\nwatchdog-source = probe:/bin/x 'a b' %n\nprobe-interval = 2s\n"
                "probe-timeout = 1s\n",
     [](const S& s) {
         return s.watchdog_source == WatchdogSource::probe && s.probe_interval == 2s &&
                s.probe_timeout == 1s &&
                s.probe == std::vector<std::string>{"/bin/x", "a b", s.name};
     }},
    {kCommand + "watchdog = 10s\nwatchdog-source = tcp:[::1]:80\n",
     [](const S& s) {
         return s.watchdog_source == WatchdogSource::probe && s.probe_target == "tcp:[::1]:80";
     }},
    {kCommand + "watchdog = 10s\nwatchdog-source = unix:/run/%n.sock\n",
     [](const S& s) { return s.probe_target == "unix:/run/" + s.name + ".sock"; }},
    {kCommand + "watchdog = 10s\nwatchdog-source = http://127.0.0.1:8080/well\n",
     [](const S& s) { return s.probe_target == "http://127.0.0.1:8080/well"; }},
    {kCommand + "watchdog = 10s\nwatchdog-source = http://[::1]/\n",
     [](const S& s) { return s.probe_target == "http://[::1]/"; }},
    {kCommand + "watchdog = 10s\n", [](const S& s) {
         return s.watchdog == 10s && s.watchdog_source == WatchdogSource::tasks;
     }},
    {kCommand + "watchdog = 10s\nnotify = systemd\n", [](const S& s) {
         return s.watchdog_source == WatchdogSource::heartbeat;
     }},
    {kCommand + "watchdog = 10s\nnotify = systemd\nwatchdog-source = tasks\n",
     [](const S& s) { return s.watchdog_source == WatchdogSource::tasks; }},
    {kCommand + "watchdog = 10s\nwatchdog-source = heartbeat\nnotify = systemd\n",
     [](const S& s) { return s.watchdog_source == WatchdogSource::heartbeat; }},
    {kCommand + "on-trouble = restart 3/10m, reboot\n", [](const S& s) {
         return s.on_trouble && s.on_trouble->size() == 2 &&
                (*s.on_trouble)[1].kind == StepKind::reboot;
     }},
    {kCommand + "watchdog = 1s\non-missed-heartbeat = signal ABRT, restart\n",
     [](const S& s) { return (*s.on_kind)[0] && (*(*s.on_kind)[0])[0].signal == SIGABRT; }},
    {kCommand + "on-crash-loop = exec:/bin/logger \"a, b\", stop\n", [](const S& s) {
         return (*s.on_kind)[1] && (*(*s.on_kind)[1])[0].command == Words{"/bin/logger", "a, b"};
     }},
    {kCommand + "on-start-timeout = stop\n", [](const S& s) { return (*s.on_kind)[2].has_value(); }},

    {kCommand + "kill = all\n", [](const S& s) { return s.kill == KillScope::all; }},
    {kCommand + "kill = cgroup\n", [](const S& s) { return s.kill == KillScope::cgroup; }},
    {kCommand + "kill = main\n", [](const S& s) { return s.kill == KillScope::main; }},
    {kCommand + "sessions = keep\n", [](const S& s) { return s.sessions == SessionPolicy::keep; }},
    {kCommand + "sessions = kill\n", [](const S& s) { return s.sessions == SessionPolicy::kill; }},
    {kCommand + "type = oneshot\nleave = keep\n",
     [](const S& s) { return s.leave == LeavePolicy::keep; }},
    {kCommand + "type = oneshot\nleave = kill\n",
     [](const S& s) { return s.leave == LeavePolicy::kill; }},
    {kCommand + "strays = report\n", [](const S& s) { return s.strays == StrayPolicy::report; }},
    {kCommand + "strays = return\n", [](const S& s) { return s.strays == StrayPolicy::bring_back; }},
    {kCommand + "strays = kill\n", [](const S& s) { return s.strays == StrayPolicy::kill; }},
};

// All of them are in line 3 of the file, but for those that say otherwise.
const std::vector<Bad> kBad{
    {kCommand + "restrat = no\n", ":3: restrat: unknown key; did you mean 'restart'?"},
    {kCommand + "Restart = no\n", ":3: Restart: unknown key; did you mean 'restart'?"},
    {kCommand + "stop_timeout = 1s\n", "did you mean 'stop-timeout'?"},
    {kCommand + "timeout = 1s\n", ":3: timeout: unknown key"},
    {kCommand + "hostname = x\n", ":3: hostname: unknown key; hostname belongs into init.conf, "
                                  "[system]"},
    {kCommand + "on-gremlins = reboot\n",
     ":3: on-gremlins: unknown key; this version has on-trouble, on-missed-heartbeat, "
     "on-crash-loop, on-start-timeout, on-runtime-limit, on-client-deadline, on-cpu-hog, "},
    {kCommand + "restart = no\nrestart = no\n", ":4: restart: is already set in line 3"},
    {kCommand + "restart = sometimes\n", ":3: restart: 'sometimes'; allowed: always, on-failure, "
                                        "on-abnormal, on-watchdog, no"},
    {kCommand + "command-pre = -\n", ":3: command-pre: there is no program in it"},
    {kCommand + "command-stop = sh -c 'x\n", ":3: command-stop: the quote"},
    {kCommand + "command-post = run 'x\n", ":3: command-post: the quote"},
    {kCommand + "command-reload = - ''\n", ":3: command-reload: there is no program in it"},
    {kCommand + "command-cleanup = x\\\n", ":3: command-cleanup: a backslash at the end"},
    {kCommand + "reload-timeout = 50ms\n", ":3: reload-timeout: '50ms' is out of range"},
    {kCommand + "exec-timeout = 0\n", ":3: exec-timeout: '0' is out of range; allowed: 100ms..1h"},
    {kCommand + "runtime-limit = soon\n", ":3: runtime-limit: 'soon'"},
    {kCommand + "on-client-deadline = panic\n", ":3: on-client-deadline: "},
    {kCommand + "on-runtime-limit =\n", ":3: on-runtime-limit: no value; allowed: STEP"},
    {kCommand + "stop-timeout = never\n", "allowed: 0 (no limit) or 1ms..1h"},
    {kCommand + "restart-delay = infinity\n", ":3: restart-delay:"}, // there is no such pause
    {kCommand + "success-exit-status = 256\n",
     ":3: success-exit-status: '256' is no exit status; allowed: 0..255"},
    {kCommand + "success-exit-status = 3, SIGFOO\n", "neither a status (0..255) nor a signal's name"},
    {kCommand + "type = oneshot\ncalendar = dialy\n",
     ":4: calendar: 'dialy' is not known; did you mean"},
    {kCommand + "interval = 1m\n", ":3: interval: not for type = daemon; allowed for: oneshot"},
    {kCommand + "remain-after-exit = no\n", ":3: remain-after-exit: not for type = daemon"},
    {kCommand + "type = oneshot\ncalendar = daily\npersistent = maybe\n", ":5: persistent: 'maybe'"},
    {kCommand + "type = oneshot\nruntime-limit = 1m\n", "runtime-limit: not for type = oneshot"},
    {kCommand + "type = oneshot\ninterval = 10ms\n", "allowed: 0 (run once) or 1s.."},
    {kCommand + "restart = onfailure\n", "did you mean 'on-failure'?"},
    {kCommand + "restart =\n", ":3: restart: no value; allowed: always, on-failure, on-abnormal, "
                               "on-watchdog, no"},
    {kCommand + "type = demon\n", ":3: type: 'demon'; allowed: daemon, oneshot, console, target; did "
                                  "you mean 'daemon'?"},
    {"", ":1: command: missing; a daemon needs one"},
    {"type = oneshot\n", ":1: command: missing; a oneshot needs one"},
    {"command = \n", ":2: command: no value"},
    {"command = ''\n", ":2: command: there is no program in it"},
    {"command = sh -c 'x\n", ":2: command: the quote"},
    {"command = x\\\n", ":2: command: a backslash at the end"},
    {kCommand + "type = target\n", ":2: command: not for type = target; allowed for: daemon, oneshot, "
                                   "console"},
    {"type = target\nuser = root\n", ":3: user: not for type = target"},
    {kCommand + "listen = stream:host:80\n", ":3: listen: 'host:80' has no numeric address"},
    {kCommand + "listen-start = lazy\n", ":3: listen-start: 'lazy'; allowed: always, demand"},
    {kCommand + "listen-mode = rw\n", ":3: listen-mode: 'rw' is no mode"},
    {kCommand + "listen-user = a b\n", ":3: listen-user: 'a b' is not a name"},
    {kCommand + "listen-group = a b\n", ":3: listen-group: 'a b' is not a name"},
    {kCommand + "listen-backlog = many\n", ":3: listen-backlog: 'many' is no number"},
    {kCommand + "leave = keep\n", ":3: leave: not for type = daemon; allowed for: oneshot"},
    {kCommand + "tty = tty1\n", ":3: tty: not for type = daemon; allowed for: console"},
    {kCommand + "restart = always\ntype = oneshot\n",
     ":3: restart: 'always' is not for type = oneshot; allowed: on-failure, on-abnormal, "
     "on-watchdog, no"},
    {kCommand + "user = a b\n", ":3: user: 'a b' is not a name of a user or group; allowed:"},
    {kCommand + "user = -x\n", "is not a name of a user"},
    {kCommand + "user = 4294967295\n", ":3: user: '4294967295' is too large; allowed: a name or"},
    {kCommand + "group = a:b\n", ":3: group: 'a:b' is not a name"},
    {kCommand + "directory = var\n", ":3: directory: 'var' is not an absolute path"},
    {kCommand + "directory = /a/../b\n", ":3: directory: '/a/../b' has an empty, '.' or '..' part"},
    {kCommand + "environment = A\n", ":3: environment: 'A' is not NAME=VALUE"},
    {kCommand + "environment = =A\n", "is not NAME=VALUE"},
    {kCommand + "environment = 1A=b\n", "'1A' is not a name of a variable"},
    {kCommand + "environment = A=b c\n", "'A=b c' has blanks outside of quotes"},
    {kCommand + "environment = A=1, A=2\n", "'A' is set twice"},
    {kCommand + "environment = A=1\nenvironment = A=2\n", ":4: environment: 'A' is set twice"},
    {kCommand + "environment = LEASH_TAG=x\n", "LEASH_TAG is set by Leash itself"},
    {kCommand + "environment = A=\"x\n", ":3: environment: the quote"},
    {kCommand + "environment = A=1,\n", "nothing between two commas or after the last one"},
    {kCommand + "type = console\ntty = /tmp/x\n", ":4: tty: '/tmp/x' is not a device"},
    {kCommand + "type = console\ntty = ../x\n", ":4: tty: '../x' is not a device"},
    {kCommand + "requires = a b\n", ":3: requires: 'a b' is not a service's name; allowed: 1 to 63"},
    {kCommand + "requires = a,,b\n", ":3: requires: there is nothing between two commas"},
    {kCommand + "requires = a/b\n", "'a/b' is not a service's name"},
    {kCommand + "wants = a.conf\n", ":3: wants: 'a.conf' is a file's name; write 'a'"},
    {kCommand + "after = " + std::string(64, 'x') + "\n", ":3: after: '"},
    {kCommand + "before = ..\n", ":3: before: '..' is not"},
    {kCommand + "binds-to = nobody\n", ":3: binds-to: "},
    {kCommand + "conflicts = a b\n", ":3: conflicts: 'a b' is not"},
    {kCommand + "on-failure = a/b\n", ":3: on-failure: 'a/b' is not"},
    {kCommand + "condition = eth0\n", ":3: condition: 'eth0' is no condition: write path:/PATH"},
    {kCommand + "condition = pth:/x\n", ":3: condition: 'pth:/x': did you mean path:/x?"},
    {kCommand + "condition = user:a, !user:a\n",
     ":3: condition: 'user:a' and '!user:a' never hold both"},
    {kCommand + "condition-lost = halt\n", ":3: condition-lost: "},
    {kCommand + "start = yes\n", ":3: start: 'yes'; allowed: auto, manual"},
    {kCommand + "notify = system\n", ":3: notify: 'system'; allowed: none, systemd, s6:FD (FD "
                                     "3..1023), pidfile:/PATH; did you mean 'systemd'?"},
    {kCommand + "notify-access = some\n", ":3: notify-access: 'some'; allowed: none, main, exec, all"},
    {kCommand + "extend-limit = 25h\n", ":3: extend-limit: "},
    {kCommand + "fd-store-max = 129\n",
     ":3: fd-store-max: '129' is no number of descriptors; allowed: 0..128"},
    {kCommand + "fd-store-max = some\n", "'some' is no number of descriptors"},
    {kCommand + "fd-store-keep = stop\n", ":3: fd-store-keep: 'stop'; allowed: restart, always"},
    {kCommand + "notify = s6:4\nfd-store-max = 2\n",
     ":4: fd-store-max: descriptor 4 of notify = s6 may be one of the 2 that are handed back from 3 on; "
     "take notify = s6:5"},
    {kCommand + "environment = LISTEN_FDS=1\n", "LISTEN_FDS is set by Leash itself"},
    {kCommand + "notify = s6:2\n", ":3: notify: 's6:2' does not name a descriptor; allowed: none"},
    {kCommand + "notify = s6:1024\n", "does not name a descriptor"},
    {kCommand + "notify = s6:\n", "does not name a descriptor"},
    {kCommand + "notify = pidfile:x.pid\n", ":3: notify: 'x.pid' is not an absolute path; allowed:"},
    {kCommand + "start-timeout = 10\n", ":3: start-timeout: '10' has no unit"},
    {kCommand + "start-timeout = 50ms\n",
     ":3: start-timeout: '50ms' is out of range; allowed: 0 (no limit) or 100ms..24h"},
    {kCommand + "restart-delay = 2h\n", ":3: restart-delay: '2h' is out of range; allowed: 0s..1h"},
    {kCommand + "restart-delay = 1 min\n", ":3: restart-delay: unknown unit 'min'"},
    {kCommand + "restart-delay = 1m\n",
     ":3: restart-delay: the first pause (1m) is longer than restart-delay-max (30s); set both"},
    {kCommand + "restart-delay-max = 50ms\n", ":3: restart-delay-max: the first pause (100ms)"},
    {kCommand + "process-limit = many\n", ":3: process-limit: 'many' is no number of processes"},
    {kCommand + "process-limit = 4194305\n", ":3: process-limit: '4194305' is no number"},
    {kCommand + "fork-rate-limit = 0/1s\n", ":3: fork-rate-limit: '0/1s' is out of range"},
    {kCommand + "limit-action = restart\n", ":3: limit-action: "},
    {kCommand + "restart-limit = 5\n", ":3: restart-limit: '5' is no rate"},
    {kCommand + "restart-limit = 0/10s\n",
     ":3: restart-limit: '0/10s' is out of range; allowed: N/TIME, for example 5/10s, N 1..10000"},
    {kCommand + "restart-limit = 0\n", ":3: restart-limit: '0' is no rate"},
    {kCommand + "restart-limit-long = 5\n", ":3: restart-limit-long: '5' is no rate"},
    {kCommand + "restart-limit-long = 0/1h\n",
     ":3: restart-limit-long: '0/1h' is out of range; allowed: 0 (no limit) or N/TIME"},
    {kCommand + "restart-limit = 5/10\n", ":3: restart-limit: '5/10'"},
    {kCommand + "stop-signal = TREM\n", ":3: stop-signal: unknown signal 'TREM'"},
    {kCommand + "stop-signal = 65\n", ":3: stop-signal: there is no signal 65"},
    {kCommand + "stop-timeout = -1s\n", ":3: stop-timeout: '-1s'"},
    {kCommand + "stop-timeout = 1.5s\n", ":3: stop-timeout: '1.5s' is no whole number"},
    {kCommand + "watchdog = 10\n",
     ":3: watchdog: '10' has no unit: add a unit, such as 10ms, 10s, 10m or 10h; allowed: 0 (not "
     "watched) or 100ms..24h"},
    {kCommand + "watchdog = 25h\n", ":3: watchdog: '25h' is out of range"},
    {kCommand + "watchdog = 5s\nwatchdog-source = heartbeat\n",
     ":4: watchdog-source: 'heartbeat', but nothing could beat"},
    {kCommand + "watchdog = 5s\nwatchdog-source = heartbeat\nnotify = pidfile:/run/a.pid\n",
     "nothing could beat"},
    {kCommand + "watchdog = main:5s, io:9s\nwatchdog-source = heartbeat\nnotify = s6:3\n",
     "names none"},
    {kCommand + "watchdog = main:5s, io\n", ":3: watchdog: 'io' is no time"},
    {kCommand + "watchdog = io:\n", ":3: watchdog: the timer io has no time; for example io:10s"},
    {kCommand + "watchdog = a b:5s\n", "'a b' is no timer's name; allowed: 1 to 15 of letters"},
    {kCommand + "notify = systemd\nwatchdog = io:5s, io:6s\n",
     ":4: watchdog: the timer io is there twice"},
    {kCommand + "notify = systemd\nwatchdog = 5s, main:6s\n",
     "the timer main is there twice; a time without a name is that of `main`"},
    {kCommand + "notify = systemd\nwatchdog = 5s, io:0s\n", "the timer io has no limit; leave it out"},
    {kCommand + "notify = systemd\nwatchdog = io:99ms\n", ":4: watchdog: '99ms' is out of range"},
    {kCommand + "watchdog = a:5s, b:6s\n",
     ":3: watchdog: several timers, but only a service that sends heartbeats can have them; add "
     "notify = systemd, or give one time"},
    {kCommand + "watchdog = 5s\nwatchdog-grace = soon\n", ":4: watchdog-grace: "},
    {kCommand + "watchdog = 5s\nwatchdog-soft = 5s\n",
     ":4: watchdog-soft: 5s is not shorter than `watchdog` (5s)"},
    {kCommand + "notify = systemd\nwatchdog = 9s, io:2s\nwatchdog-soft = 3s\n",
     ":5: watchdog-soft: 3s is not shorter than `watchdog` (2s)"},
    {kCommand + "notify = systemd\nwatchdog = 9s\nnotify-access = none\n",
     ":5: notify-access: 'none', but the service is watched by its heartbeats"},
    {kCommand + "watchdog-source = probe\n",
     ":3: watchdog-source: 'probe' without a command; for example"},
    {kCommand + "watchdog-source = probe: \n", ":3: watchdog-source: 'probe:' without a command"},
    {kCommand + "watchdog-source = probe:/bin/x 'a\n", ":3: watchdog-source: "},
    {kCommand + "watchdog-source = tcp:localhost:80\n",
     "for example 127.0.0.1:80 or [::1]:80; names are not looked up"},
    {kCommand + "watchdog-source = tcp:80\n", "'80' is no ADDRESS:PORT"},
    {kCommand + "watchdog-source = tcp:127.0.0.1:70000\n", ":3: watchdog-source: "},
    {kCommand + "watchdog-source = unix:run/x\n", ":3: watchdog-source: "},
    {kCommand + "watchdog-source = http://127.0.0.1\n",
     "'http://127.0.0.1' has no path; for example http://127.0.0.1/"},
    {kCommand + "watchdog-source = https://127.0.0.1/\n", "there is no https here"},
    {kCommand + "watchdog-source = http://127.0.0.1/a b\n", "has a blank or a control character in it"},
    {kCommand + "watchdog = 3s\nwatchdog-source = probe:/bin/x\nprobe-interval = 3s\n",
     ":5: probe-interval: 3s is not shorter than `watchdog` (3s): the service would be called silent"},
    {kCommand + "watchdog = 3s\nwatchdog-source = probe:/bin/x\nprobe-timeout = 4s\n",
     ":5: probe-timeout: 4s is longer than `watchdog` (3s)"},
    {kCommand + "watchdog-source = task\n", "did you mean 'tasks'?"},
    {kCommand + "on-trouble = explode\n", ":3: on-trouble: step 1: unknown step 'explode'"},
    {kCommand + "on-trouble = restart, , reboot\n", ":3: on-trouble: step 2 is empty"},
    {kCommand + "on-crash-loop = restart 0/1m\n", ":3: on-crash-loop: step 1:"},
    {kCommand + "on-missed-heartbeat =\n", ":3: on-missed-heartbeat: no value; allowed: STEP"},
    {kCommand + "on-start-timeout = signal FOO\n", ":3: on-start-timeout: step 1: unknown signal"},
    {kCommand + "kill = none\n", ":3: kill: 'none'; allowed: all, cgroup, main"},
    {kCommand + "sessions = yes\n", ":3: sessions: 'yes'; allowed: kill, keep"},
    {kCommand + "type=oneshot\nleave = no\n", ":4: leave: 'no'; allowed: kill, keep"},
    {kCommand + "strays = bring-back\n", ":3: strays: 'bring-back'; allowed: report, return, kill"},
};

} // namespace

TEST(ServiceKeys, Good) {
    for (const auto& row : kGood) {
        auto catalog = load_service(row.lines);
        ASSERT_TRUE(catalog.services.contains(kName)) << row.lines << all(catalog.complaints);
        EXPECT_FALSE(catalog.has_errors()) << row.lines << all(catalog.complaints);
        EXPECT_TRUE(row.holds(catalog.services.at(kName))) << row.lines;
    }
}

TEST(ServiceKeys, Bad) {
    for (const auto& row : kBad) {
        auto catalog = load_service(row.lines);
        EXPECT_FALSE(catalog.services.contains(kName)) << row.lines;
        EXPECT_TRUE(catalog.left_out.contains(kName)) << row.lines;
        auto wanted = row.complaint.starts_with(':') ? kPath + row.complaint : row.complaint;
        EXPECT_TRUE(has(catalog.complaints, wanted)) << row.lines;
        EXPECT_EQ(catalog.complaints.size(), 1U) << row.lines << all(catalog.complaints);
        for (const auto& complaint : catalog.complaints) {
            EXPECT_EQ(complaint.file, kPath);
            EXPECT_GT(complaint.line, 0) << row.lines;
            EXPECT_FALSE(complaint.key.empty()) << row.lines;
        }
    }
}

TEST(ServiceKeys, TablesHaveEveryKey) {
    for (const auto& spec : service_schema()) {
        if (spec.group == "Hogs, leaks and hangs") continue; // finder_keys_test.cpp
        if (spec.group == "What its processes may do and take") continue; // rights_keys_test.cpp
        auto line = fmt::format("{} =", spec.key);
        auto names_it = [&](const std::string& lines) {
            return lines.starts_with(line) || lines.find("\n" + line) != std::string::npos;
        };
        EXPECT_TRUE(std::ranges::any_of(kGood, names_it, &Good::lines)) << spec.key;
        if (spec.type == ValueType::text) continue; // nothing is bad
        auto blamed = fmt::format(": {}: ", spec.key);
        EXPECT_TRUE(std::ranges::any_of(kBad, [&](const Bad& bad) {
            return bad.complaint.find(blamed) != std::string::npos;
        })) << spec.key;
    }
}

TEST(ServiceKeys, Warnings) {
    struct {
        std::string lines, complaint;
    } const rows[] = {
        {"on-missed-heartbeat = restart\n",
         ":3: warning: on-missed-heartbeat: has no effect without `watchdog`"},
        {"watchdog-source = tasks\n", ":3: warning: watchdog-source: has no effect"},
        {"watchdog-soft = 1s\n", ":3: warning: watchdog-soft: has no effect without `watchdog`"},
        {"watchdog = 9s\nwatchdog-grace = 9s\n",
         ":4: warning: watchdog-grace: has no effect: it is not longer than `watchdog` (9s)"},
        {"watchdog = 9s\nprobe-interval = 1s\n",
         ":4: warning: probe-interval: has no effect: `watchdog-source` is no probe"},
        {"on-trouble = restart, reboot\n",
         ":3: warning: on-trouble: 'reboot' is never reached, since 'restart' ends the list; "
         "give it a budget: restart 3/10m"},
        {"wants = nobody\n", ":3: warning: wants: "},
        {"notify-access = main\n", ":3: warning: notify-access: has no effect: the service has no "
                                   "$NOTIFY_SOCKET; add notify = systemd"},
        {"extend-limit = 1m\n", ":3: warning: extend-limit: has no effect"},
        {"fd-store-keep = always\n", ":3: warning: fd-store-keep: has no effect without `fd-store-max`"},
    };
    for (const auto& row : rows) {
        auto catalog = load_daemon(row.lines);
        EXPECT_TRUE(catalog.services.contains(kName)) << row.lines;
        EXPECT_FALSE(catalog.has_errors());
        EXPECT_TRUE(has(catalog.complaints, kPath + row.complaint));
        EXPECT_EQ(catalog.complaints.size(), 1U);
    }
    EXPECT_EQ(
        all(load_daemon("on-trouble = report, signal TERM, restart 3/10m, reboot\n").complaints),
        "");
}

TEST(ServiceKeys, InstanceNeedsAnAt) {
    auto catalog = load(SourceFile{"init.conf", "", ""},
                        {{"services.d/plain.conf", "[service]\ncommand = x %i\n", ""},
                         {"services.d/a@b@c.conf", "[service]\ncommand = x %i\n", ""}});
    EXPECT_TRUE(has(catalog.complaints, "services.d/plain.conf:2: command: %i stands for what follows"));
    EXPECT_TRUE(has(catalog.complaints, "NAME@INSTANCE.conf"));
    EXPECT_EQ(catalog.services.at("a@b@c").command, (Words{"x", "b@c"}));
}

TEST(ServiceKeys, NamesCannotAddWords) {
    auto catalog = load_service("command = x '%n' a%nb\n");
    EXPECT_EQ(catalog.services.at(kName).command, (Words{"x", "test@one", "atest@oneb"}));
}
