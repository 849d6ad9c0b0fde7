// SPDX-License-Identifier: MIT
#include "initctl/config_files.h"

#include "base/unique_fd.h"

#include <cerrno>
#include <cstdio>
#include <expected>
#include <filesystem>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

namespace leash::initctl {
namespace {

namespace fs = std::filesystem;
using Done = std::expected<void, WriteError>;

std::unexpected<WriteError> failed(int code, const std::string& path) {
    return std::unexpected(WriteError{code, path});
}

Done make_folder_of(const std::string& path) {
    std::error_code code;
    fs::create_directories(fs::path(path).parent_path(), code);
    if (code) return failed(code.value(), fs::path(path).parent_path());
    return {};
}

// Hidden, so that no reader of the folder takes it for a file of its own.
std::string beside(const std::string& path) {
    fs::path place(path);
    return place.parent_path() / fmt::format(".{}.{}", place.filename().string(), ::getpid());
}

// The new name is on the disk, too.
Done sync_folder_of(const std::string& path) {
    auto folder = fs::path(path).parent_path().string();
    UniqueFd fd(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!fd || (::fsync(fd.get()) < 0 && errno != EINVAL)) return failed(errno, folder);
    return {};
}

Done move_into_place(const std::string& from, const std::string& path) {
    if (::rename(from.c_str(), path.c_str()) < 0) {
        int code = errno;
        ::unlink(from.c_str());
        return failed(code, path);
    }
    return sync_folder_of(path);
}

} // namespace

Done put_file(const std::string& path, std::string_view text) {
    if (auto made = make_folder_of(path); !made) return made;
    auto fresh = beside(path);
    ::unlink(fresh.c_str()); // of a process of that number that was cut short
    UniqueFd fd(::open(fresh.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644));
    if (!fd) return failed(errno, path);
    bool good = ::write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
    if (!good || ::fchmod(fd.get(), 0644) < 0 || ::fsync(fd.get()) < 0) {
        int code = good ? errno : ENOSPC;
        ::unlink(fresh.c_str());
        return failed(code, path);
    }
    return move_into_place(fresh, path);
}

Done put_link(const std::string& path, const std::string& target) {
    if (auto made = make_folder_of(path); !made) return made;
    auto fresh = beside(path);
    ::unlink(fresh.c_str());
    if (::symlink(target.c_str(), fresh.c_str()) < 0) return failed(errno, path);
    return move_into_place(fresh, path);
}

std::expected<bool, WriteError> take_away(const std::string& path) {
    if (::unlink(path.c_str()) < 0) {
        if (errno == ENOENT || errno == ENOTDIR) return false;
        return failed(errno, path);
    }
    if (auto synced = sync_folder_of(path); !synced) return std::unexpected(synced.error());
    auto folder = fs::path(path).parent_path();
    if (folder.filename().string().ends_with(".conf.d")) ::rmdir(folder.c_str());
    return true;
}

} // namespace leash::initctl
