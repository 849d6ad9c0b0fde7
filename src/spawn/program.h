// SPDX-License-Identifier: MIT
// Executes a command, and says why not.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace leash {

inline constexpr std::string_view kDefaultPath =
    "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

// Returns only if it failed, with the reason as a sentence. A command without a slash is looked for
// along `path`.
[[nodiscard]] std::string execute(const std::vector<std::string>& command,
                                  const std::vector<std::string>& environment,
                                  std::string_view path);

// PATH of an environment, else kDefaultPath.
[[nodiscard]] std::string_view search_path(const std::vector<std::string>& environment);

// Why execve said `code` about `file`.
[[nodiscard]] std::string explain_exec(const std::string& file, int code);

} // namespace leash
