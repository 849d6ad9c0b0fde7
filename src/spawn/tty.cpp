// SPDX-License-Identifier: MIT
#include "spawn/tty.h"

#include <fcntl.h>
#include <linux/kd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/text.h"

namespace leash {

std::string tty_path(std::string_view tty, const std::string& active_file) {
    if (tty.starts_with("/")) return std::string(tty);
    if (tty != "console") return "/dev/" + std::string(tty);
    UniqueFd file(::open(active_file.c_str(), O_RDONLY | O_CLOEXEC));
    char text[256];
    auto got = file ? ::read(file.get(), text, sizeof text) : -1;
    if (got > 0) {
        std::string_view names(text, static_cast<std::size_t>(got));
        names = names.substr(0, names.find('\n'));
        auto all = split(names, ' ', true);
        if (!all.empty()) {
            auto path = "/dev/" + std::string(all.back());
            if (::access(path.c_str(), F_OK) == 0) return path;
        }
    }
    return "/dev/console";
}

Result<UniqueFd> open_tty(const std::string& path) {
    UniqueFd fd(::open(path.c_str(), O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return fail_errno(errno, "cannot open the terminal {}", path);
    if (::isatty(fd.get()) == 0) return fail("{} is not a terminal", path);
    int flags = ::fcntl(fd.get(), F_GETFL);
    if (flags < 0 || ::fcntl(fd.get(), F_SETFL, flags & ~O_NONBLOCK) != 0)
        return fail_errno(errno, "cannot set up the terminal {}", path);
    return fd;
}

std::string_view terminal_type(int tty_fd) {
    char type = 0;
    return ::ioctl(tty_fd, KDGKBTYPE, &type) == 0 ? "linux" : "vt220";
}

} // namespace leash
