// SPDX-License-Identifier: MIT
// What a table is written to.
#pragma once

#include <cstddef>
#include <string_view>

namespace leash::taskview {

struct Terminal {
    bool colour = false;
    std::size_t width = 0;  // columns; 0: no limit
    std::size_t height = 0; // lines; 0: no limit, or not known
};

// Of an open descriptor; all zero for what is no terminal. NO_COLOR and TERM=dumb are heard.
[[nodiscard]] Terminal terminal_of(int fd);

// All of it, whatever write(2) takes at a time; false: nobody reads any more.
bool write_text(int fd, std::string_view text);

} // namespace leash::taskview
