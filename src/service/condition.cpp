// SPDX-License-Identifier: MIT
#include "service/condition.h"

#include <algorithm>
#include <array>

#include "base/tag.h"
#include "base/text.h"

namespace leash {
namespace {

constexpr std::array<std::string_view, kConditionKinds> kNames{"path", "net", "mount", "cmdline",
                                                               "user"};
constexpr std::size_t kMaxInterface = 15; // IFNAMSIZ - 1
constexpr std::size_t kMaxCommandLineWord = 255;

bool printable_word(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return c > ' ' && c < 0x7f; });
}

Result<void> check(ConditionKind kind, std::string_view what) {
    switch (kind) {
    case ConditionKind::path:
    case ConditionKind::mount: {
        if (what.empty() || what[0] != '/') return fail("the path must begin with a /");
        if (what.size() > kMaxConditionPath)
            return fail("the path is longer than {} bytes", kMaxConditionPath);
        if (what.size() > 1 && what.back() == '/') return fail("take the / at the end away");
        if (what.find("//") != std::string_view::npos) return fail("there are two / in a row");
        for (auto part : split(what.substr(1), '/', false))
            if (part == "." || part == "..") return fail("'.' and '..' are not allowed in the path");
        return {};
    }
    case ConditionKind::net:
        if (what.empty() || what.size() > kMaxInterface || !printable_word(what) ||
            what.find_first_of("/:") != std::string_view::npos)
            return fail("write the name of an interface, such as net:eth0");
        return {};
    case ConditionKind::cmdline:
        if (what.empty() || what.size() > kMaxCommandLineWord || !printable_word(what) || what[0] == '=')
            return fail("write a word, such as cmdline:quiet or cmdline:mode=test");
        return {};
    case ConditionKind::user:
        if (!valid_user_condition(what))
            return fail("a name has 1 to {} of letters, digits and . _ @ -", kMaxUserCondition);
        return {};
    }
    return {};
}

} // namespace

std::string_view to_string(ConditionKind kind) { return kNames[static_cast<std::size_t>(kind)]; }

std::string Condition::fact() const { return std::string(to_string(kind)) + ":" + what; }

std::string Condition::text() const { return (negated ? "!" : "") + fact(); }

bool valid_user_condition(std::string_view name) {
    return name.size() <= kMaxUserCondition && valid_service_name(name);
}

Result<Condition> parse_condition(std::string_view text) {
    Condition condition;
    auto rest = text;
    if (rest.starts_with('!')) {
        condition.negated = true;
        rest.remove_prefix(1);
    }
    auto colon = rest.find(':');
    auto word = rest.substr(0, colon);
    auto known = std::ranges::find(kNames, word);
    if (colon == std::string_view::npos || known == kNames.end()) {
        auto close = closest_word(word, {kNames.begin(), kNames.end()});
        if (colon != std::string_view::npos && !close.empty())
            return fail("'{}': did you mean {}:{}?", printable(text), close,
                        printable(rest.substr(colon + 1)));
        return fail("'{}' is no condition: write path:/PATH, net:INTERFACE, mount:/PATH, "
                    "cmdline:WORD or user:NAME, with a ! before it for the contrary",
                    printable(text));
    }
    condition.kind = static_cast<ConditionKind>(known - kNames.begin());
    condition.what = rest.substr(colon + 1);
    if (auto good = check(condition.kind, condition.what); !good)
        return fail("'{}': {}", printable(text), good.error().text);
    return condition;
}

bool Facts::set(const std::string& fact, bool holds) {
    auto [place, fresh] = known_.try_emplace(fact, holds);
    if (!fresh && place->second == holds) return false;
    place->second = holds;
    return true;
}

std::optional<bool> Facts::holds(const Condition& condition) const {
    auto known = known_.find(condition.fact());
    if (known == known_.end()) return std::nullopt;
    return known->second != condition.negated;
}

} // namespace leash
