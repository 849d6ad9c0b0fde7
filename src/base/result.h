// SPDX-License-Identifier: MIT
// Result<T>: a value or an Error. No exceptions cross a room's border in Leash.
#pragma once

#include <cerrno>
#include <cstring>
#include <expected>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace leash {

struct Error {
    std::string text;
    int code = 0; // errno value, 0 where no system call is to blame
};

template <class T> using Result = std::expected<T, Error>;

template <class... Args>
[[nodiscard]] std::unexpected<Error> fail(fmt::format_string<Args...> format, Args&&... args) {
    return std::unexpected(Error{fmt::format(format, std::forward<Args>(args)...), 0});
}

// Appends ": <strerror>" to the text. Pass errno as it was right after the failed call.
template <class... Args>
[[nodiscard]] std::unexpected<Error> fail_errno(int code, fmt::format_string<Args...> format,
                                                Args&&... args) {
    return std::unexpected(Error{
        fmt::format(format, std::forward<Args>(args)...) + ": " + std::strerror(code), code});
}

} // namespace leash
