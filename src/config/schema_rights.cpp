// SPDX-License-Identifier: MIT
// The rows of [service] that say what its processes may do and take.
#include <array>
#include <charconv>
#include <limits>

#include <sys/capability.h>
#include <sys/resource.h>

#include "base/units.h"
#include "config/schema_parts.h"
#include "config/service_setters.h"

namespace leash {
namespace {

using namespace setters;

// ---- capabilities -------------------------------------------------------------------------------

std::string lower_case(std::string_view text) {
    std::string low(text);
    for (char& c : low)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return low;
}

Checked<int> parse_capability(const std::string& item) {
    auto name = lower_case(item);
    if (!name.starts_with("cap_")) name.insert(0, "cap_");
    cap_value_t number = 0;
    // The library takes numbers as well, but which one is meant is for the kernel's headers to say.
    bool known = only_of(name, "_") && cap_from_name(name.c_str(), &number) == 0;
    if (known && number >= 0 && number < 64) return number;
    return fault(fmt::format("{} is no capability", quote(item)),
                 "names as in capabilities(7), such as net_bind_service or cap_sys_time; `none` for "
                 "none at all");
}

Checked<void> set_capabilities(S& s, const V& v) {
    if (v.items.empty()) {
        s.rights.edit().capabilities.reset();
        return {};
    }
    auto all = s.rights->capabilities.value_or(0);
    for (const auto& item : v.items) {
        if (item == "none") {
            if (v.items.size() > 1)
                return fault("'none' and others", "take `none` out, or all others");
            continue;
        }
        auto number = parse_capability(item);
        if (!number) return std::unexpected(number.error());
        all |= std::uint64_t{1} << *number;
    }
    s.rights.edit().capabilities = all;
    return {};
}

// ---- numbers ------------------------------------------------------------------------------------

std::optional<int> parse_signed(std::string_view text, int least, int most) {
    int number = 0;
    auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    bool whole = fault == std::errc{} && end == text.data() + text.size();
    return whole && number >= least && number <= most ? std::optional(number) : std::nullopt;
}

template <auto member, int least, int most> Checked<void> set_number(S& s, const V& v) {
    auto number = parse_signed(v.text, least, most);
    if (!number)
        return fault(fmt::format("'{}' is not a number of {}..{}", printable(v.text), least, most));
    s.rights.edit().*member = *number;
    return {};
}

Checked<void> set_umask(S& s, const V& v) {
    unsigned mask = 0;
    auto [end, wrong] = std::from_chars(v.text.data(), v.text.data() + v.text.size(), mask, 8);
    if (wrong != std::errc{} || end != v.text.data() + v.text.size() || mask > 0777)
        return fault(fmt::format("'{}' is no file mode mask", printable(v.text)),
                     "an octal number 0..0777, such as 022 or 077");
    s.rights.edit().umask = mask;
    return {};
}

// ---- resource limits ----------------------------------------------------------------------------

enum class Unit { number, bytes };
struct Resource {
    int number;
    Unit unit;
    std::string_view key, text;
};
constexpr std::size_t kPrefix = std::string_view("rlimit-").size();
constexpr std::array kResources{
    Resource{RLIMIT_AS, Unit::bytes, "rlimit-as", "The address space of a process."},
    Resource{RLIMIT_CORE, Unit::bytes, "rlimit-core", "The size of a core dump; 0: none is written."},
    Resource{RLIMIT_CPU, Unit::number, "rlimit-cpu", "CPU time of a process, in seconds."},
    Resource{RLIMIT_DATA, Unit::bytes, "rlimit-data", "Heap and other private writable memory."},
    Resource{RLIMIT_FSIZE, Unit::bytes, "rlimit-fsize", "The size of a file that is written to."},
    Resource{RLIMIT_MEMLOCK, Unit::bytes, "rlimit-memlock", "Memory that may be locked."},
    Resource{RLIMIT_MSGQUEUE, Unit::bytes, "rlimit-msgqueue",
             "Bytes in POSIX message queues, of all processes of the user."},
    Resource{RLIMIT_NICE, Unit::number, "rlimit-nice",
             "How far the nice value may be lowered: to 20 minus this."},
    Resource{RLIMIT_NOFILE, Unit::number, "rlimit-nofile", "Open descriptors of a process."},
    Resource{RLIMIT_NPROC, Unit::number, "rlimit-nproc",
             "Threads of all processes of the user; root is not held to it. See `process-limit`."},
    Resource{RLIMIT_RTPRIO, Unit::number, "rlimit-rtprio", "The highest real-time priority."},
    Resource{RLIMIT_RTTIME, Unit::number, "rlimit-rttime",
             "Microseconds under a real-time policy without a blocking system call."},
    Resource{RLIMIT_SIGPENDING, Unit::number, "rlimit-sigpending",
             "Signals that wait, of all processes of the user."},
    Resource{RLIMIT_STACK, Unit::bytes, "rlimit-stack", "The stack of the main thread."},
};

std::optional<std::uint64_t> parse_limit(std::string_view text, Unit unit) {
    if (text == "unlimited") return kUnlimited;
    if (unit == Unit::number) return parse_unsigned(std::string(text));
    auto size = parse_size(text);
    return size ? std::optional(*size) : std::nullopt;
}

template <std::size_t which> Checked<void> set_limit(S& s, const V& v) {
    const auto& resource = kResources[which];
    auto colon = v.text.find(':');
    auto soft = parse_limit(std::string_view(v.text).substr(0, colon), resource.unit);
    auto hard = colon == std::string::npos
                    ? soft
                    : parse_limit(std::string_view(v.text).substr(colon + 1), resource.unit);
    if (!soft || !hard)
        return fault(fmt::format("'{}' is no limit", printable(v.text)),
                     fmt::format("{}, or `unlimited`; SOFT:HARD for two of them",
                                 resource.unit == Unit::bytes ? "bytes, with K, M or G" : "a number"));
    if (*soft > *hard)
        return fault(fmt::format("'{}': the soft limit is above the hard one", printable(v.text)),
                     "write SOFT:HARD, the smaller one first");
    auto& limits = s.rights.edit().limits;
    std::erase_if(limits, [&](const auto& limit) { return limit.resource == resource.number; });
    limits.push_back({std::string(resource.key.substr(kPrefix)), resource.number, *soft, *hard});
    std::ranges::sort(limits, {}, &ResourceLimit::resource);
    return {};
}

template <std::size_t... which>
void add_limits(std::vector<KeySpec>& table, std::string_view group, std::index_sequence<which...>) {
    (table.push_back({.section = "service", .group = group, .key = kResources[which].key,
                      .type = ValueType::grammar,
                      .grammar = kResources[which].unit == Unit::bytes
                                     ? "SIZE or SIZE:SIZE (soft, hard), or `unlimited`"
                                     : "N or N:N (soft, hard), or `unlimited`",
                      .fallback_note = "what the kernel gave to init", .types = kProcess,
                      .text = kResources[which].text, .set = ServiceSetter{set_limit<which>}}),
     ...);
}

} // namespace

void add_rights(std::vector<KeySpec>& table) {
    using enum ValueType;
    constexpr std::string_view section = "service", group = "What its processes may do and take";
    table.push_back({.section = section, .group = group, .key = "capabilities", .type = list,
        .grammar = "names of capabilities(7), with or without cap_, or `none`",
        .fallback_note = "all of them for root, none for another user", .types = kProcess,
        .text = "The only capabilities that the service and whatever it executes can have. With another "
                "`user` it is given them (as ambient ones: `user = www-data` and `capabilities = "
                "net_bind_service` for a server on port 80); as root it is left with them. No program "
                "with set-user-ID or capabilities of its own gives it others (they are taken from the "
                "bounding set).",
        .set = ServiceSetter{set_capabilities}});
    table.push_back({.section = section, .group = group, .key = "no-new-privileges", .type = word,
        .words = {"no", "yes"}, .fallback = "no", .types = kProcess,
        .text = "With `yes`, no program that it executes gains anything by set-user-ID, set-group-ID or "
                "file capabilities (see PR_SET_NO_NEW_PRIVS).",
        .set = ServiceSetter{[](S& s, const V& v) -> Checked<void> {
            s.rights.edit().no_new_privileges = v.word == 1;
            return {};
        }}});
    table.push_back({.section = section, .group = group, .key = "delegate", .type = word,
        .words = {"no", "yes"}, .fallback = "no", .types = kProcess,
        .text = "With `yes`, the cgroup of its main process (`NAME/main`) is the service's own: it "
                "belongs to its `user`, has the controllers cpu, memory and pids, and may be divided, "
                "16 levels deep and into 1000 groups at most. For what runs containers or sessions of "
                "its own. All that lives in there is still the service's, and ends with it.",
        .set = ServiceSetter{[](S& s, const V& v) -> Checked<void> {
            s.rights.edit().delegate = v.word == 1;
            return {};
        }}});
    table.push_back({.section = section, .group = group, .key = "umask", .type = grammar,
        .grammar = "an octal number 0..0777", .fallback = "022", .types = kProcess,
        .text = "The permissions that files it makes do not get.",
        .set = ServiceSetter{set_umask}});
    table.push_back({.section = section, .group = group, .key = "nice", .type = grammar,
        .grammar = "-20..19", .fallback = "0", .types = kProcess,
        .text = "The nice value: 19 leaves the CPU to all others, -20 to none.",
        .set = ServiceSetter{set_number<&ProcessRights::nice, -20, 19>}});
    table.push_back({.section = section, .group = group, .key = "oom-score-adjust", .type = grammar,
        .grammar = "-1000..1000", .fallback = "0", .types = kProcess,
        .text = "Who is ended first where memory runs out: 1000 this one, -1000 never this one.",
        .set = ServiceSetter{set_number<&ProcessRights::oom_score_adjust, -1000, 1000>}});
    add_limits(table, group, std::make_index_sequence<kResources.size()>{});
}

} // namespace leash
