// SPDX-License-Identifier: MIT
// What the values of [service] do to a service's settings: one function for each kind of key, for the
// rows of the table in schema_service.cpp.
#pragma once

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

#include "base/tag.h"
#include "base/text.h"
#include "config/complaint.h"
#include "config/schema.h"
#include "config/values.h"

namespace leash::setters {

using S = ServiceSettings;
using V = Value;

inline constexpr std::size_t kMaxControlCommands = 16;
inline constexpr int kMostStored = 128; // descriptors of one service
inline constexpr std::size_t kMaxConditions = 16;
inline constexpr std::string_view kNotifyGrammar = "none, systemd, s6:FD (FD 3..1023), pidfile:/PATH";

// %i, %n and %% inside of words that have been split already: a name cannot add words.
Checked<std::vector<std::string>> filled_in(const S& s, const V& v);
Checked<void> set_command(S& s, const V& v);
Checked<void> set_success(S& s, const V& v);
Checked<void> set_directory(S& s, const V& v);
Checked<void> set_tty(S& s, const V& v);
Checked<void> set_environment(S& s, const V& v);
Checked<void> set_conditions(S& s, const V& v);
Checked<void> set_notify(S& s, const V& v);
Checked<void> set_fd_store_max(S& s, const V& v);

template <ControlKind kind> Checked<void> add_control(S& s, const V& v) {
    auto& commands = s.control.edit()[static_cast<std::size_t>(kind)];
    if (v.items.empty()) {
        commands.clear();
        return {};
    }
    if (commands.size() == kMaxControlCommands)
        return fault(fmt::format("more than {} of them", kMaxControlCommands),
                     "put them into a script");
    auto words = filled_in(s, v);
    if (!words) return std::unexpected(words.error());
    commands.push_back({std::move(*words), v.may_fail});
    return {};
}

template <std::string S::*member> Checked<void> set_account(S& s, const V& v) {
    auto account = parse_account(v.text);
    if (!account) return std::unexpected(account.error());
    s.*member = std::move(*account);
    return {};
}

template <std::vector<std::string> S::*member> Checked<void> set_names(S& s, const V& v) {
    auto names = v.items.empty() ? std::vector<std::string>{} : s.*member;
    for (const auto& name : v.items) {
        if (!valid_service_name(name))
            return fault(fmt::format("{} is not a service's name; allowed: 1 to {} of letters, "
                                     "digits and . _ @ -", quote(name), kMaxServiceName),
                         name.find(' ') != std::string::npos ? "separate names by commas" : "");
        if (name.ends_with(".conf"))
            return fault(fmt::format("{} is a file's name", quote(name)),
                         fmt::format("write {}", quote(name.substr(0, name.size() - 5))));
        if (std::ranges::find(names, name) == names.end()) names.push_back(name);
    }
    s.*member = std::move(names);
    return {};
}

template <TroubleKind kind> Checked<void> set_policy(S& s, const V& v) {
    s.on_kind.edit()[static_cast<std::size_t>(kind)] = v.policy;
    return {};
}

template <auto member> Checked<void> set_word(S& s, const V& v) {
    using Enum = std::remove_reference_t<decltype(s.*member)>;
    s.*member = static_cast<Enum>(v.word);
    return {};
}

template <Ms S::*member> Checked<void> set_time(S& s, const V& v) {
    s.*member = v.time;
    return {};
}

} // namespace leash::setters
