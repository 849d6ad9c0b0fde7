// SPDX-License-Identifier: MIT
#include "service/finder_settings.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "base/units.h"

namespace leash {
namespace {

constexpr std::array<FinderKey, kFinderKeys> kKeys{{
    {"cpu-hog", TroubleKind::cpu_hog, FinderForm::share_time, "off"},
    {"memory-hog", TroubleKind::memory_hog, FinderForm::size, "off"},
    {"memory-leak", TroubleKind::memory_leak, FinderForm::size_time, "off"},
    {"fd-hog", TroubleKind::fd_hog, FinderForm::count, "90%"},
    {"fd-leak", TroubleKind::fd_leak, FinderForm::count_time, "off"},
    {"shm-hog", TroubleKind::shm_hog, FinderForm::size, "off"},
    {"task-hog", TroubleKind::task_hog, FinderForm::count_forks, "off"},
    {"stuck", TroubleKind::stuck, FinderForm::time, "off"},
    {"stopped", TroubleKind::stopped, FinderForm::time, "off"},
    {"livelock", TroubleKind::livelock, FinderForm::time, "off"},
    {"deadlock", TroubleKind::deadlock, FinderForm::time, "off"},
    {"no-task", TroubleKind::no_task, FinderForm::time, "10s"},
    {"unusual", TroubleKind::unusual, FinderForm::time, "off"},
}};

constexpr std::uint64_t kMostPercent = 100'000, kMostCount = 10'000'000;
constexpr Ms kShortest{1'000}, kLongest{24h};

Result<std::string> time_of(std::string_view text) {
    auto time = parse_duration(text);
    if (!time) return std::unexpected(time.error());
    if (*time < kShortest || *time > kLongest)
        return fail("the time {} is out of range; allowed: {}..{}", format_duration(*time),
                    format_duration(kShortest), format_duration(kLongest));
    return std::to_string(time->count());
}

Result<std::string> share_of(std::string_view text, std::uint64_t most) {
    auto number = text.ends_with('%') ? parse_unsigned(trim(text.substr(0, text.size() - 1)))
                                      : std::nullopt;
    if (!number || *number < 1 || *number > most)
        return fail("'{}' is no share; allowed: 1%..{}%", printable(text), most);
    return std::to_string(*number);
}

Result<std::string> size_of(std::string_view text) {
    auto size = parse_size(text);
    if (!size) return std::unexpected(size.error());
    if (*size < 4096) return fail("'{}' is less than a page, 4K", printable(text));
    return std::to_string(*size);
}

Result<std::string> count_of(std::string_view text) {
    auto number = parse_unsigned(text);
    if (!number || *number < 1 || *number > kMostCount)
        return fail("'{}' is no number; allowed: 1..{}", printable(text), kMostCount);
    return std::to_string(*number);
}

using Parse = Result<std::string> (*)(std::string_view);

Result<std::string> with_time(std::string_view text, Parse first) {
    auto slash = text.find('/');
    if (slash == std::string_view::npos) return fail("'{}' has no /TIME", printable(text));
    auto number = first(trim(text.substr(0, slash)));
    if (!number) return number;
    auto time = time_of(trim(text.substr(slash + 1)));
    if (!time) return time;
    return *number + "/" + *time;
}

Result<std::string> count_and_forks(std::string_view text) {
    std::string count, forks;
    while (true) {
        auto comma = text.find(',');
        auto item = trim(text.substr(0, comma));
        bool rate = item.find('/') != std::string_view::npos;
        auto& place = rate ? forks : count;
        if (!place.empty()) return fail("'{}' is one too many", printable(item));
        auto value = rate ? with_time(item, count_of) : count_of(item);
        if (!value) return value;
        place = std::move(*value);
        if (comma == std::string_view::npos) break;
        text.remove_prefix(comma + 1);
    }
    return count.empty() || forks.empty() ? count + forks : count + "," + forks;
}

} // namespace

std::span<const FinderKey> finder_keys() { return kKeys; }

const FinderKey* finder_key_of(TroubleKind kind) {
    auto found = std::ranges::find(kKeys, kind, &FinderKey::kind);
    return found == kKeys.end() ? nullptr : &*found;
}

std::string_view grammar_of(FinderForm form) {
    switch (form) {
    case FinderForm::share_time: return "off or PERCENT%/TIME, for example 90%/30s";
    case FinderForm::size: return "off, SIZE or PERCENT%, for example 64M";
    case FinderForm::size_time: return "off or SIZE/TIME, for example 64M/10m";
    case FinderForm::count: return "off, N or PERCENT%, for example 1000";
    case FinderForm::count_time: return "off or N/TIME, for example 1000/10m";
    case FinderForm::count_forks: return "off, N, N/TIME or both, for example 200, 500/10s";
    case FinderForm::time: return "off or TIME 1s..24h";
    }
    return "";
}

Result<std::string> plain_finder_value(FinderForm form, std::string_view text) {
    text = trim(text);
    if (text == "off") return std::string();
    bool share = text.ends_with('%');
    auto percent = [&]() -> Result<std::string> {
        auto number = share_of(text, 100);
        if (!number) return number;
        return *number + "%";
    };
    switch (form) {
    case FinderForm::share_time:
        return with_time(text, [](std::string_view t) { return share_of(t, kMostPercent); });
    case FinderForm::size: return share ? percent() : size_of(text);
    case FinderForm::size_time: return with_time(text, size_of);
    case FinderForm::count: return share ? percent() : count_of(text);
    case FinderForm::count_time: return with_time(text, count_of);
    case FinderForm::count_forks: return count_and_forks(text);
    case FinderForm::time: return time_of(text);
    }
    return fail("no value");
}

std::string finder_value(const ServiceSettings& settings, TroubleKind kind) {
    const auto* key = finder_key_of(kind);
    if (key == nullptr) return {};
    auto given = settings.finder->find(std::string(key->key));
    if (given != settings.finder->end()) return given->second;
    return plain_finder_value(key->form, key->fallback).value_or("");
}

std::string finder_text(const ServiceSettings& settings) {
    if (settings.type == ServiceType::target) return {};
    std::string text;
    for (const auto& key : kKeys)
        if (auto value = finder_value(settings, key.kind); !value.empty())
            text += fmt::format("{}={} ", key.key, value);
    constexpr std::string_view strays[] = {"report", "return", "kill"};
    return text + fmt::format("strays={}", strays[static_cast<std::size_t>(settings.strays)]);
}

} // namespace leash
