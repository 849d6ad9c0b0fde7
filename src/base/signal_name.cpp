// SPDX-License-Identifier: MIT
#include "base/signal_name.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <optional>
#include <vector>

#include "base/text.h"

namespace leash {
namespace {

constexpr int kHighest = 64;

struct Named {
    std::string_view name;
    int number;
};
// Where a number has two names, the first one is shown.
constexpr std::array kNames{
    Named{"HUP", SIGHUP},   Named{"INT", SIGINT},   Named{"QUIT", SIGQUIT},
    Named{"ILL", SIGILL},   Named{"TRAP", SIGTRAP}, Named{"ABRT", SIGABRT},
    Named{"IOT", SIGABRT},  Named{"BUS", SIGBUS},   Named{"FPE", SIGFPE},
    Named{"KILL", SIGKILL}, Named{"USR1", SIGUSR1}, Named{"SEGV", SIGSEGV},
    Named{"USR2", SIGUSR2}, Named{"PIPE", SIGPIPE}, Named{"ALRM", SIGALRM},
    Named{"TERM", SIGTERM}, Named{"CHLD", SIGCHLD}, Named{"CONT", SIGCONT},
    Named{"STOP", SIGSTOP}, Named{"TSTP", SIGTSTP}, Named{"TTIN", SIGTTIN},
    Named{"TTOU", SIGTTOU}, Named{"URG", SIGURG},   Named{"XCPU", SIGXCPU},
    Named{"XFSZ", SIGXFSZ}, Named{"PROF", SIGPROF}, Named{"WINCH", SIGWINCH},
    Named{"IO", SIGIO},     Named{"POLL", SIGIO},   Named{"PWR", SIGPWR},
    Named{"SYS", SIGSYS},   Named{"VTALRM", SIGVTALRM}};
#ifdef SIGSTKFLT
constexpr int kStackFault = SIGSTKFLT; // has no meaning, but a number
#else
constexpr int kStackFault = 0;
#endif

// `RTMIN`, `RTMIN+N`, `RTMAX`, `RTMAX-N`.
std::optional<int> real_time(std::string_view name) {
    bool from_first = name.starts_with("RTMIN");
    if (!from_first && !name.starts_with("RTMAX")) return std::nullopt;
    name.remove_prefix(5);
    std::uint64_t distance = 0;
    if (!name.empty()) {
        if (name[0] != (from_first ? '+' : '-')) return std::nullopt;
        auto number = parse_unsigned(name.substr(1));
        if (!number || *number > static_cast<std::uint64_t>(SIGRTMAX - SIGRTMIN))
            return std::nullopt;
        distance = *number;
    }
    auto offset = static_cast<int>(distance);
    return from_first ? SIGRTMIN + offset : SIGRTMAX - offset;
}

} // namespace

Result<int> signal_number(std::string_view name) {
    name = trim(name);
    if (name.empty()) return fail("no signal given: write a name such as TERM, or 1 to 64");
    if (name.find_first_not_of("0123456789") == std::string_view::npos) {
        auto number = parse_unsigned(name);
        if (!number || *number < 1 || *number > kHighest)
            return fail("there is no signal {}: signals are 1 to {}", name, kHighest);
        return static_cast<int>(*number);
    }

    std::string upper(name);
    std::ranges::transform(upper, upper.begin(),
                           [](char c) { return c >= 'a' && c <= 'z' ? char(c - 'a' + 'A') : c; });
    std::string_view bare = upper;
    if (bare.starts_with("SIG")) bare.remove_prefix(3);
    for (const auto& known : kNames)
        if (known.name == bare) return known.number;
    if (kStackFault != 0 && bare == "STKFLT") return kStackFault;
    if (auto number = real_time(bare)) return *number;

    std::vector<std::string_view> names{"RTMIN", "RTMAX"};
    for (const auto& known : kNames) names.push_back(known.name);
    auto close = closest_word(bare, names);
    if (!close.empty())
        return fail("unknown signal '{}': did you mean {}?", printable(name), close);
    return fail("unknown signal '{}': use a name such as TERM or RTMIN+3, or a number from 1 to {}",
                printable(name), kHighest);
}

std::string signal_name(int number) {
    for (const auto& known : kNames)
        if (known.number == number) return fmt::format("SIG{}", known.name);
    if (kStackFault != 0 && number == kStackFault) return "SIGSTKFLT";
    if (number == SIGRTMIN) return "SIGRTMIN";
    if (number > SIGRTMIN && number <= SIGRTMAX)
        return fmt::format("SIGRTMIN+{}", number - SIGRTMIN);
    return fmt::format("{}", number);
}

} // namespace leash
