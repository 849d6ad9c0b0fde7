// SPDX-License-Identifier: MIT
// What initctl writes among the files of Leash: each change is there whole or not at all, also
// after a power cut.
#pragma once

#include <expected>
#include <string>
#include <string_view>

namespace leash::initctl {

struct WriteError {
    int code = 0; // errno
    std::string path;
};
// The file's folders are made where they are missing.
[[nodiscard]] std::expected<void, WriteError> put_file(const std::string& path,
                                                       std::string_view text);
// A symbolic link to `target`.
[[nodiscard]] std::expected<void, WriteError> put_link(const std::string& path,
                                                       const std::string& target);
// True: it was there. Its folder goes with it if that is empty and a NAME.conf.d.
[[nodiscard]] std::expected<bool, WriteError> take_away(const std::string& path);

} // namespace leash::initctl
