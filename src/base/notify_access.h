// SPDX-License-Identifier: MIT
// Whose messages count: the word of the key notify-access and of NOTIFYACCESS=.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace leash {

// main: the main process; exec: that, and the command beside it; all: every task of the start.
enum class NotifyAccess { none, main, exec, all };

inline constexpr std::array<std::string_view, 4> kNotifyAccessWords{"none", "main", "exec", "all"};

[[nodiscard]] inline std::string_view to_string(NotifyAccess access) {
    return kNotifyAccessWords[static_cast<std::size_t>(access)];
}
[[nodiscard]] inline std::optional<NotifyAccess> notify_access_named(std::string_view word) {
    for (std::size_t i = 0; i < kNotifyAccessWords.size(); ++i)
        if (word == kNotifyAccessWords[i]) return static_cast<NotifyAccess>(i);
    return std::nullopt;
}

} // namespace leash
