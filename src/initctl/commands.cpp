// SPDX-License-Identifier: MIT
#include "initctl/commands.h"

#include <algorithm>
#include <charconv>

#include "base/text.h"
#include "base/units.h"
#include "control/protocol.h"

namespace leash::initctl {
namespace {

namespace status = control::status;
constexpr std::size_t kAny = 1000;

int run_help(const Command& command, const Options& options, const Session& session);

constexpr std::string_view kPowerDetails =
    "  -f, --force   do not insist on an orderly end; if init does not answer within\n"
    "                10 s, sync and call the kernel directly. Given twice: directly,\n"
    "                without asking init\n";

constexpr Command kCommands[] = {
    {"start", "NAME... [--no-wait]", "start services and what they require",
     "  Waits until each one is running (or done, or failed).\n"
     "      --no-wait  only ask for it\n",
     "w", 1, control::kMaxNames, run_change},
    {"stop", "NAME... [--no-wait]", "stop services, and first what requires them",
     "  Waits until nothing that belongs to them is left.\n"
     "      --no-wait  only ask for it\n",
     "w", 1, control::kMaxNames, run_change},
    {"restart", "NAME... [--no-wait]", "stop and start again, dependants included",
     "      --no-wait  only ask for it\n", "w", 1, control::kMaxNames, run_change},
    {"freeze", "NAME...", "stop all tasks of services where they are",
     "  They use no CPU and keep what they have, until they are thawed, stopped or restarted.\n", "",
     1, control::kMaxNames, run_freeze},
    {"thaw", "NAME...", "let frozen services go on",
     "  Those that a policy has frozen, too.\n", "", 1, control::kMaxNames, run_freeze},
    {"run", "--scope NAME -- COMMAND...", "run a command as a start of its own",
     "  It is listed, stopped and killed under that name, whatever it becomes, instead of\n"
     "  with the service that this login belongs to; when nothing is left of it, the name\n"
     "  is forgotten. Exit status: that of COMMAND, 127 if it cannot be executed.\n"
     "      --scope NAME  the name; no service may have it\n",
     "s", 1, kAny, run_scope},
    {"status", "[NAME...]", "show services with their tasks, or the system",
     "  Exit status: 0 running or done, 3 not running, 4 no such service.\n", "", 0, kAny,
     run_status},
    {"list", "[--all]", "show all services",
     "  -a, --all  those that are masked, too\n", "a", 0, 0, run_list},
    {"ps", "[--threads] [--kernel]", "show all tasks and whose they are",
     "  -t, --threads  threads, not only processes\n"
     "  -k, --kernel   ask the kernel module, which knows more; needs no running init.\n"
     "                 Without an init that listens this is what is done anyway\n",
     "tk", 0, 0, run_ps},
    {"top", "[-b] [-d SECONDS] [-n COUNT]", "watch services and the busiest processes",
     "  Asks the kernel module; needs no running init. RSS counts what processes share in each.\n"
     "  Keys: q quit; c m f by CPU, memory, descriptors; s services only; p processes only;\n"
     "  any other: look again.\n"
     "  -b, --batch          page after page, as text; also where the output is no terminal\n"
     "  -d, --delay SECONDS  between looks (2), at least 0.1\n"
     "  -n, --count COUNT    end after so many looks\n",
     "bdN", 0, 0, run_top},
    {"doctor", "", "tell what is wrong, whose it is, and what will be done",
     "  One look at the whole machine: services, trouble that stands, the WDT, resets, strays,\n"
     "  the kernel module. Without init it says so, and what is known all the same.\n"
     "  Exit status: 0 nothing is wrong, 1 something is, 5 init not reachable.\n",
     "", 0, 0, run_doctor},
    {"explain", "[NAME] [-n N] [--since TIME]", "tell the history of a service's trouble",
     "  How it is and why, then its records, the oldest first; also of earlier boots. Without\n"
     "  NAME those of the machine and of all services.\n"
     "  -n, --lines N     only the last N records (20; with --since all)\n"
     "      --since TIME  2h, 2026-11-22 or \"2026-11-22 13:40\" (UTC)\n",
     "nS", 0, 1, run_explain},
    {"log", "[-f] [-n N] [NAME]", "show what a service wrote; without a name, all",
     "  `init` is the name of init's own messages.\n"
     "  -f, --follow   go on as more is written, after the last 10 lines\n"
     "  -n, --lines N  only the last N lines\n",
     "Fn", 0, 1, run_log},
    {"monitor", "--tasks [SERVICE|PID...] [--events LIST]", "show events of tasks as they happen",
     "  Processes and threads of all services, of these services, or these processes: made,\n"
     "  ended, aborted, other programs, limits. Without names trouble and OOM kills of others,\n"
     "  too. Needs the kernel module; until Ctrl-C.\n"
     "      --tasks        what the kernel module tells (there is nothing else to monitor yet)\n"
     "  -e, --events LIST  only these, separated by commas: fork, exec, exit, abort, empty ...;\n"
     "                     `help` lists all\n",
     "Te", 0, kAny, run_monitor},
    {"reload", "[NAME... [--no-wait]]", "have services reload; else read the configuration again",
     "  With NAME: its command-reload, or SIGHUP to its main process; waits until it is through.\n"
     "  Without: reads the files of Leash again, and tells what is new, changed or gone. A\n"
     "  service that lives keeps its old settings until its next start.\n"
     "      --no-wait  only ask for it\n",
     "w", 0, control::kMaxNames, run_reload},
    {"target", "[NAME [--no-wait]]", "go to a target: start what it needs, stop all else",
     "  NAME: default, rescue (consoles), safe (consoles and what safe.conf needs), or a service\n"
     "  of type target. Waits until it has settled; exit status 1 if a service of it has failed.\n"
     "  Without NAME: print the target that the machine is in. Scopes go on.\n"
     "      --no-wait  only ask for it\n",
     "w", 0, 1, run_target},
    {"cond", "list | set NAME... | clear NAME...", "show what services wait for; set it by hand",
     "  list: every condition that a service names, whether it holds, and who names it.\n"
     "  set, clear: the condition user:NAME holds from now on, or does not.\n",
     "", 1, control::kMaxNames + 1, run_cond},
    {"enable", "NAME... [--now] [--runtime]", "have services started at boot",
     "  Writes a drop-in to /etc/leash and has init read it. Instances of templates, too.\n"
     "      --now       start them at once, too\n"
     "      --runtime   until the next boot only: written to /run/leash\n"
     "      --root DIR  of another machine's root folder; init is not told\n",
     "our", 1, control::kMaxNames, run_config_change},
    {"disable", "NAME... [--now] [--runtime]", "do not start services at boot",
     "  Other services that require or want them start them nevertheless; see mask.\n"
     "      --now       stop them at once, too\n"
     "      --runtime   until the next boot only\n"
     "      --root DIR  of another machine's root folder; init is not told\n",
     "our", 1, control::kMaxNames, run_config_change},
    {"mask", "NAME... [--now] [--runtime]", "make services impossible to start",
     "  A link to /dev/null takes the place of their file in /etc/leash.\n"
     "      --now       stop them at once, too\n"
     "      --runtime   until the next boot only: in /run/leash\n"
     "      --root DIR  of another machine's root folder; init is not told\n",
     "our", 1, control::kMaxNames, run_config_change},
    {"unmask", "NAME...", "take back mask",
     "      --root DIR  of another machine's root folder; init is not told\n",
     "r", 1, control::kMaxNames, run_config_change},
    {"cat", "NAME...", "show the files that services are made of",
     "  The file that counts, then all drop-ins, in their order, each with its path.\n"
     "      --root DIR  of another machine's root folder\n",
     "r", 1, kAny, run_cat},
    {"show", "NAME...", "show the keys that count, and where each was set",
     "      --root DIR  of another machine's root folder\n",
     "r", 1, kAny, run_show},
    {"watchdog", "[WORD...]", "the WDT, causes of resets, and who is watched",
     "  status              the WDTs (without a word, too)\n"
     "  enable, disable     kick the WDT, or stop it where the driver lets it\n"
     "  reason [all|next]   why the machine was reset last; all that is known; what comes next\n"
     "  counter, clear      how often it was reset; count and reason anew\n"
     "  reset [MSEC] [TEXT] reset the machine in order, and by the WDT\n"
     "  fail CODE [MSEC] [TEXT]\n"
     "                      record a cause, and with MSEC reset the machine, too; also\n"
     "                      fail -c CODE -p PID [MSEC] [TEXT]\n"
     "  clients             programs that use libwdog, and the time that each has left\n"
     "  loglevel LEVEL      error, warning, notice, info, debug\n"
     "  Called as watchdogctl, this takes the commands of watchdogd's.\n",
     "cp", 0, control::kMaxNames, run_watchdog},
    {"plugin", "NAME [WORD...]", "tell a plugin of init something", "", "", 1, control::kMaxNames,
     run_plugin},
    {"daemon-reexec", "", "execute init anew in place: after an upgrade of /sbin/init",
     "  Services and their counters, sockets and deadlines stay. The binary on the disk is\n"
     "  asked first whether it can take over; if it cannot, nothing happens. Returns when\n"
     "  the new one answers.\n",
     "", 0, 0, run_daemon_reexec},
    {"verify", "[--root DIR] [FILE...]", "check configuration files; needs no running init",
     "  Without FILE: /usr/lib/leash, /etc/leash and /run/leash together. FILE may be a\n"
     "  service's file, a drop-in, an init.conf, or a folder that holds init.conf and\n"
     "  services.d. Exit status: 0 no errors, 1 errors.\n"
     "      --root DIR  the machine's root folder: DIR/etc/leash, programs below DIR\n",
     "r", 0, kAny, run_verify},
    {"is-system-running", "[--wait]", "print starting, running, degraded or stopping",
     "  Exit status: 0 running, 1 any other state.\n"
     "      --wait  until it is no longer starting\n",
     "W", 0, 0, run_is_system_running},
    {"poweroff", "[-f]", "stop everything and power off", kPowerDetails, "f", 0, 0, run_power},
    {"reboot", "[-f] [--via-wdt]", "stop everything and reboot",
     "      --via-wdt  leave the last step to the WDT, as SIGPWR to init does: its timer runs\n"
     "                 out; after three times its timeout the reboot is forced\n"
     "  -f, --force   do not insist on an orderly end; if init does not answer within\n"
     "                10 s, sync and call the kernel directly. Given twice: directly,\n"
     "                without asking init\n",
     "fv", 0, 0, run_power},
    {"halt", "[-f]", "stop everything and halt", kPowerDetails, "f", 0, 0, run_power},
    {"kexec", "[-f]", "stop everything and start the kernel that kexec -l has loaded", kPowerDetails,
     "f", 0, 0, run_power},
    {"soft-reboot", "[-f]", "stop everything and begin user space anew",
     "  The kernel goes on, file systems stay mounted and the WDT is kicked all the while.\n"
     "  -f, --force   do not insist on an orderly end\n",
     "f", 0, 0, run_power},
    {"version", "", "show the versions of initctl and init", "", "", 0, 0, run_version},
    {"help", "[COMMAND]", "show this, or what a command does", "", "", 0, 1, run_help},
};

const Command* find_command(std::string_view name) {
    auto found = std::ranges::find(kCommands, name, &Command::name);
    return found == std::end(kCommands) ? nullptr : found;
}

std::vector<std::string_view> command_names() {
    std::vector<std::string_view> names;
    for (const auto& command : kCommands) names.push_back(command.name);
    return names;
}

void unknown_command(std::string_view name, const Session& session) {
    auto near = closest_word(name, command_names());
    if (near.empty()) session.complain("unknown command '{}'; see 'initctl help'", printable(name));
    else session.complain("unknown command '{}'; did you mean '{}'?", printable(name), near);
}

std::string help_of(const Command& command) {
    auto line = fmt::format("usage: initctl {}", command.name);
    if (!command.usage.empty()) line += fmt::format(" {}", command.usage);
    return fmt::format("{} [--json]\n\n  {}.\n{}", line, command.summary, command.details);
}

std::string help() {
    std::string text = "usage: initctl COMMAND [ARGUMENTS] [--json]\n\n";
    std::size_t width = 0;
    for (const auto& command : kCommands)
        width = std::max(width, command.name.size() + 1 + command.usage.size());
    for (const auto& command : kCommands)
        text += fmt::format("  {:<{}}  {}\n", fmt::format("{} {}", command.name, command.usage), width,
                            command.summary);
    text += "\nExit status: 0 done, 1 failed, 2 usage, 3 not running (status only), 4 no such\n"
            "service, 5 init not reachable, 6 not permitted.\n";
    return text;
}

int run_help(const Command&, const Options& options, const Session& session) {
    if (options.words.empty()) {
        session.out(help());
        return status::done;
    }
    const auto* command = find_command(options.words[0]);
    if (command == nullptr) {
        unknown_command(options.words[0], session);
        return status::usage;
    }
    session.out(help_of(*command));
    return status::done;
}

// ---- the command line ---------------------------------------------------------------------------

struct Flag {
    char letter; // as in Command::flags
    std::string_view name, short_name;
    bool takes_value = false;
};
constexpr Flag kFlags[] = {
    {'w', "--no-wait", ""},     {'W', "--wait", ""},           {'t', "--threads", "-t"},
    {'F', "--follow", "-f"},    {'f', "--force", "-f"},        {'n', "--lines", "-n", true},
    {'r', "--root", "", true},  {'s', "--scope", "", true},    {'k', "--kernel", "-k"},
    {'a', "--all", "-a"},       {'o', "--now", ""},            {'u', "--runtime", ""},
    {'b', "--batch", "-b"},     {'d', "--delay", "-d", true},  {'N', "--count", "-n", true},
    {'c', "--code", "-c", true}, {'p', "--pid", "-p", true},
    {'v', "--via-wdt", ""},     {'T', "--tasks", ""},
    {'e', "--events", "-e", true}, {'e', "--mask", "", true},
    {'S', "--since", "", true},
};

// "2", "0.5", "2s", "500ms".
std::optional<Ms> parse_delay(const std::string& text) {
    constexpr Ms kShortest{100}, kLongest{24h};
    Ms delay{0};
    if (auto duration = parse_duration(text)) {
        delay = *duration;
    } else {
        double seconds = 0;
        const char* end = text.data() + text.size();
        auto [at, error] = std::from_chars(text.data(), end, seconds, std::chars_format::fixed);
        if (error != std::errc{} || at != end || !(seconds < 1e6)) return std::nullopt;
        delay = Ms{static_cast<std::int64_t>(seconds * 1000)};
    }
    if (delay < kShortest || delay > kLongest) return std::nullopt;
    return delay;
}

class Parser {
  public:
    Parser(const Command& command, const Session& session) : command_(command), session_(session) {}

    // False: told what is wrong. `help()`: it was asked for.
    bool parse(const std::vector<std::string>& args) {
        for (std::size_t i = 0; i < args.size(); ++i) {
            const auto& arg = args[i];
            if (only_words_ || arg.size() < 2 || arg[0] != '-') options_.words.push_back(arg);
            else if (arg == "--") only_words_ = true;
            else if (arg == "--json") options_.json = true;
            else if (arg == "--help" || arg == "-h") help_ = true;
            else if (!flag(args, i)) return false;
        }
        if (help_) return true;
        if (options_.words.size() < command_.min_words)
            return wrong(command_.name == "plugin" ? "needs the name of a plugin"
                                                   : "needs the name of a service");
        if (options_.words.size() > command_.max_words)
            return wrong(command_.max_words == 0 ? "takes no arguments" : "too many arguments");
        return true;
    }

    [[nodiscard]] bool help() const { return help_; }
    [[nodiscard]] const Options& options() const { return options_; }

  private:
    bool wrong(std::string_view what) {
        session_.complain("{}: {}", command_.name, what);
        session_.err(fmt::format("usage: initctl {}{}{}\n", command_.name,
                                 command_.usage.empty() ? "" : " ", command_.usage));
        return false;
    }

    // --name, --name=VALUE, --name VALUE, -n, -nVALUE, -n VALUE, -ff
    bool flag(const std::vector<std::string>& args, std::size_t& i) {
        const auto& arg = args[i];
        std::vector<std::string_view> known{"--json", "--help"};
        for (const auto& flag : kFlags) {
            if (command_.flags.find(flag.letter) == std::string_view::npos) continue;
            known.push_back(flag.name);
            bool is_short = !flag.short_name.empty() && arg.starts_with(flag.short_name);
            auto name = is_short ? flag.short_name : flag.name;
            if (!arg.starts_with(name)) continue;
            std::string rest = arg.substr(name.size());
            if (!flag.takes_value) {
                // -ff is -f -f
                bool repeats = is_short && rest.find_first_not_of(name[1]) == std::string::npos;
                if (!rest.empty() && !repeats) continue;
                for (std::size_t n = 0; n <= rest.size(); ++n) set(flag, "");
                return true;
            }
            if (!is_short && rest.starts_with('=')) rest.erase(0, 1);
            else if (!is_short && !rest.empty()) continue;
            else if (rest.empty() && i + 1 < args.size()) rest = args[++i];
            else if (rest.empty()) return wrong(fmt::format("{} needs a value", name));
            return set(flag, rest);
        }
        auto near = closest_word(arg, known);
        auto hint = near.empty() ? "" : fmt::format("; did you mean '{}'?", near);
        return wrong(fmt::format("unknown option '{}'{}", printable(arg), hint));
    }

    bool set(const Flag& flag, const std::string& value) {
        switch (flag.letter) {
        case 'w': options_.no_wait = true; break;
        case 'W': options_.wait = true; break;
        case 't': options_.threads = true; break;
        case 'F': options_.follow = true; break;
        case 'f': ++options_.force; break;
        case 'k': options_.kernel = true; break;
        case 'b': options_.batch = true; break;
        case 'a': options_.all = true; break;
        case 'o': options_.now = true; break;
        case 'u': options_.runtime = true; break;
        case 'v': options_.via_wdt = true; break;
        case 'T': options_.tasks = true; break;
        case 'e': options_.events = value; break;
        case 'd':
            options_.delay = parse_delay(value);
            if (!options_.delay)
                return wrong(fmt::format("'{}' is no delay: seconds from 0.1 to 86400",
                                         printable(value)));
            break;
        case 'N':
            options_.lines = parse_unsigned(value);
            if (!options_.lines || *options_.lines == 0)
                return wrong(fmt::format("'{}' is no number of looks", printable(value)));
            break;
        case 'r': options_.root = value; break;
        case 's': options_.scope = value; break;
        case 'c': options_.code = value; break;
        case 'p': options_.pid = value; break;
        case 'S': options_.since = value; break;
        case 'n':
            options_.lines = parse_unsigned(value);
            if (!options_.lines)
                return wrong(fmt::format("'{}' is not a number of lines: write one, as in -n 50",
                                         printable(value)));
            break;
        default: break;
        }
        return true;
    }

    const Command& command_;
    const Session& session_;
    Options options_;
    bool only_words_ = false, help_ = false;
};

int run_command(const Command& command, const std::vector<std::string>& args,
                const Session& session) {
    Parser parser(command, session);
    if (!parser.parse(args)) return status::usage;
    if (parser.help()) {
        session.out(help_of(command));
        return status::done;
    }
    return command.run(command, parser.options(), session);
}

} // namespace

std::span<const Command> commands() { return kCommands; }

int run(const std::vector<std::string>& args, const Session& session) {
    std::string_view called = args.empty() ? "initctl" : std::string_view(args[0]);
    called.remove_prefix(called.rfind('/') + 1); // npos + 1 is 0
    std::vector<std::string> rest(args.begin() + (args.empty() ? 0 : 1), args.end());
    if (called == "watchdogctl") {
        rest = from_watchdogctl(std::move(rest));
        called = "initctl";
    }
    if (called == "poweroff" || called == "reboot" || called == "halt") {
        auto p = std::ranges::find(rest, "-p"); // `halt -p`, as everywhere else
        if (p != rest.end()) {
            rest.erase(p);
            called = "poweroff";
        }
        return run_command(*find_command(called), rest, session);
    }

    bool help_wanted = false;
    std::vector<std::string> options; // --json may stand before the command, too
    while (!rest.empty() && rest[0].starts_with('-')) {
        if (rest[0] == "--json") options.push_back(rest[0]);
        else if (rest[0] == "--help" || rest[0] == "-h") help_wanted = true;
        else if (rest[0] == "--version") rest[0] = "version";
        else {
            session.complain("unknown option '{}'; see 'initctl help'", printable(rest[0]));
            return status::usage;
        }
        if (rest[0] == "version") break;
        rest.erase(rest.begin());
    }
    if (rest.empty()) {
        if (help_wanted) session.out(help());
        else session.err(help());
        return help_wanted ? status::done : status::usage;
    }
    const auto* command = find_command(rest[0]);
    if (command == nullptr) {
        unknown_command(rest[0], session);
        return status::usage;
    }
    rest.erase(rest.begin());
    if (help_wanted) options.push_back("--help");
    rest.insert(rest.begin(), options.begin(), options.end());
    return run_command(*command, rest, session);
}

} // namespace leash::initctl
