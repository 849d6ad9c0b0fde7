// SPDX-License-Identifier: MIT
// Texts in records of a fixed size: filled up with zeros, cut where they do not fit. The last byte is
// always zero.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace leash {

template <std::size_t N> void put_text(char (&to)[N], std::string_view text) {
    std::memset(to, 0, N);
    text.copy(to, N - 1);
}

// Of a record that somebody else may have written: never more than it has room for.
template <std::size_t N> [[nodiscard]] std::string get_text(const char (&from)[N]) {
    return {from, ::strnlen(from, N)};
}

} // namespace leash
