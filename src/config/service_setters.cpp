// SPDX-License-Identifier: MIT
#include "config/service_setters.h"

#include "base/signal_name.h"

namespace leash::setters {

Checked<std::vector<std::string>> filled_in(const S& s, const V& v) {
    auto words = v.items;
    for (auto& word : words) {
        auto filled = fill_in(word, s.name);
        if (!filled) return std::unexpected(filled.error());
        word = std::move(*filled);
    }
    if (words.front().empty()) return fault("the program's name is empty");
    return words;
}

Checked<void> set_command(S& s, const V& v) {
    auto words = filled_in(s, v);
    if (!words) return std::unexpected(words.error());
    s.command = std::move(*words);
    return {};
}

Checked<void> set_success(S& s, const V& v) {
    auto success = v.items.empty() ? SuccessStatus{} : *s.success_exit_status;
    for (const auto& item : v.items) {
        bool number = !item.empty() && item.find_first_not_of("0123456789") == std::string::npos;
        if (auto status = number ? parse_unsigned(item) : std::nullopt; number) {
            if (!status || *status > 255)
                return fault(fmt::format("{} is no exit status; allowed: 0..255", quote(item)));
            success.statuses.push_back(static_cast<int>(*status));
        } else if (auto signal = signal_number(item)) {
            success.signals.push_back(*signal);
        } else {
            return fault(fmt::format("{} is neither a status (0..255) nor a signal's name",
                                     quote(item)), "for example 3, SIGUSR1");
        }
    }
    s.success_exit_status = std::move(success);
    return {};
}

Checked<void> set_directory(S& s, const V& v) {
    auto path = parse_path(v.text);
    if (!path) return std::unexpected(path.error());
    s.directory = std::move(*path);
    return {};
}

Checked<void> set_tty(S& s, const V& v) {
    auto name = parse_device_name(v.text);
    if (!name) return std::unexpected(name.error());
    s.tty = std::move(*name);
    return {};
}

Checked<void> set_environment(S& s, const V& v) {
    if (v.items.empty()) {
        s.environment.clear();
        return {};
    }
    auto environment = s.environment;
    auto before = v.over ? environment.size() : 0; // these an earlier file may have set
    for (const auto& item : v.items) {
        auto pair = parse_pair(item);
        if (!pair) return std::unexpected(pair.error());
        const auto& name = pair->first;
        if (!only_of(name, "_") || (name[0] >= '0' && name[0] <= '9'))
            return fault(fmt::format("{} is not a name of a variable; allowed: letters, digits, "
                                     "'_', no digit first", quote(name)));
        for (auto reserved : {kTagVariable, std::string_view("NOTIFY_SOCKET"),
                              std::string_view("WATCHDOG_USEC"), std::string_view("WATCHDOG_PID"),
                              std::string_view("LISTEN_FDS"), std::string_view("LISTEN_PID"),
                              std::string_view("LISTEN_FDNAMES"), std::string_view("FDSTORE")})
            if (name == reserved) return fault(fmt::format("{} is set by Leash itself", name));
        auto same = [&](const auto& old) { return old.first == name; };
        auto known = std::ranges::find_if(environment, same);
        auto at = static_cast<std::size_t>(known - environment.begin());
        if (known != environment.end() && at >= before)
            return fault(fmt::format("{} is set twice", quote(name)));
        if (known != environment.end()) known->second = std::move(pair->second);
        else environment.push_back(std::move(*pair));
    }
    s.environment = std::move(environment);
    return {};
}

Checked<void> set_conditions(S& s, const V& v) {
    auto conditions = v.items.empty() ? std::vector<Condition>{} : s.conditions;
    for (const auto& item : v.items) {
        auto condition = parse_condition(item);
        if (!condition) return fault(condition.error().text);
        auto contrary = *condition;
        contrary.negated = !contrary.negated;
        if (std::ranges::find(conditions, contrary) != conditions.end())
            return fault(fmt::format("{} and {} never hold both", quote(contrary.text()), quote(item)));
        if (std::ranges::find(conditions, *condition) == conditions.end())
            conditions.push_back(std::move(*condition));
    }
    if (conditions.size() > kMaxConditions)
        return fault(fmt::format("more than {} of them", kMaxConditions), "group some in a `target`");
    s.conditions = std::move(conditions);
    return {};
}

Checked<void> set_notify(S& s, const V& v) {
    if (v.text == "none") {
        s.notify = Notify{};
    } else if (v.text == "systemd") {
        s.notify = Notify{NotifyKind::systemd, -1, {}};
    } else if (v.text.starts_with("s6:")) {
        auto fd = parse_unsigned(std::string_view(v.text).substr(3));
        if (!fd || *fd < 3 || *fd > 1023)
            return fault(fmt::format("{} does not name a descriptor; allowed: {}", quote(v.text),
                                     kNotifyGrammar));
        s.notify = Notify{NotifyKind::s6, static_cast<int>(*fd), {}};
    } else if (v.text.starts_with("pidfile:")) {
        auto path = parse_path(std::string_view(v.text).substr(8));
        if (!path)
            return fault(fmt::format("{}; allowed: {}", path.error().text, kNotifyGrammar),
                         path.error().hint);
        // PID 1 reads it on its loop: it must lie where a read cannot wait for a disk.
        if (!path->starts_with("/run/") && !path->starts_with("/var/run/"))
            return fault(fmt::format("{} does not lie below /run", quote(*path)),
                         "let the daemon write its pid file to /run");
        s.notify = Notify{NotifyKind::pidfile, -1, std::move(*path)};
    } else {
        return fault(fmt::format("{}; allowed: {}", quote(v.text), kNotifyGrammar),
                     did_you_mean(closest_word(v.text, {"none", "systemd"})));
    }
    return {};
}

Checked<void> set_fd_store_max(S& s, const V& v) {
    auto count = parse_unsigned(v.text);
    if (!count || *count > static_cast<std::uint64_t>(kMostStored))
        return fault(fmt::format("{} is no number of descriptors; allowed: 0..{}", quote(v.text),
                                 kMostStored));
    s.fd_store_max = static_cast<int>(*count);
    return {};
}

} // namespace leash::setters
