// SPDX-License-Identifier: MIT
#include "taskview/terminal.h"

#include <cerrno>
#include <cstdlib>

#include <sys/ioctl.h>
#include <unistd.h>

namespace leash::taskview {

Terminal terminal_of(int fd) {
    Terminal terminal;
    if (!::isatty(fd)) return terminal;
    const char* no_color = std::getenv("NO_COLOR");
    const char* term = std::getenv("TERM");
    bool dumb = term != nullptr && std::string_view(term) == "dumb";
    terminal.colour = (no_color == nullptr || *no_color == '\0') && !dumb;
    winsize size{};
    if (::ioctl(fd, TIOCGWINSZ, &size) == 0) {
        terminal.width = size.ws_col;
        terminal.height = size.ws_row;
    }
    return terminal;
}

bool write_text(int fd, std::string_view text) {
    while (!text.empty()) {
        auto done = ::write(fd, text.data(), text.size());
        if (done < 0 && errno == EINTR) continue;
        if (done <= 0) return false;
        text.remove_prefix(static_cast<std::size_t>(done));
    }
    return true;
}

} // namespace leash::taskview
