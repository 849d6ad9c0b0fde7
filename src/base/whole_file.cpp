// SPDX-License-Identifier: MIT
#include "base/whole_file.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace leash {

std::string read_whole_file(const std::string& path) {
    std::string text;
    UniqueFd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    char buffer[4096];
    while (fd) {
        auto got = read(fd.get(), buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        text.append(buffer, static_cast<std::size_t>(got));
    }
    return text;
}

std::string read_value(const std::string& path) {
    auto text = read_whole_file(path);
    if (text.ends_with('\n')) text.pop_back();
    return text;
}

} // namespace leash
