// SPDX-License-Identifier: MIT
#include "config/files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <fmt/format.h>

#include "base/unique_fd.h"

namespace leash {
namespace {

std::string too_large() {
    return fmt::format("is larger than {} KiB", kMaxConfigFileSize / 1024);
}

// Names of NAME.conf files, sorted; `error` if the folder could not be read to its end.
std::vector<std::string> conf_names(const std::string& folder, std::string& error) {
    std::vector<std::string> names;
    std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder.c_str()), ::closedir);
    if (!dir) {
        error = std::strerror(errno);
        return names;
    }
    while (true) {
        errno = 0;
        const dirent* entry = ::readdir(dir.get());
        if (entry == nullptr) break;
        std::string_view name = entry->d_name;
        if (name[0] != '.' && name.ends_with(".conf")) names.emplace_back(name);
        if (names.size() > 16 * kMaxConfigFiles) break; // reported as too many below
    }
    if (errno != 0) error = std::strerror(errno);
    std::ranges::sort(names);
    return names;
}

} // namespace

SourceFile read_config_file(const std::string& path, const std::string& shown) {
    SourceFile file{shown, {}, {}};
    auto failed = [&](int code) {
        file.text.clear();
        file.error = std::strerror(code);
        return file;
    };
    // Looked at before it is opened: opening a device can do things, such as start a WDT.
    struct stat status {};
    if (::stat(path.c_str(), &status) != 0) return failed(errno);
    if (!S_ISREG(status.st_mode)) {
        file.error = "is not a regular file";
        return file;
    }
    UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
    if (!fd) return failed(errno);

    char buffer[16 * 1024];
    while (true) {
        auto got = ::read(fd.get(), buffer, sizeof buffer);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failed(errno);
        if (got == 0) return file;
        file.text.append(buffer, static_cast<std::size_t>(got));
        if (file.text.size() > kMaxConfigFileSize) {
            file.text.clear();
            file.error = too_large();
            return file;
        }
    }
}

std::vector<SourceFile> read_config_tree(const std::string& etc_dir) {
    std::vector<SourceFile> files;
    files.push_back(read_config_file(etc_dir + "/init.conf", "init.conf"));

    std::string error;
    auto names = conf_names(etc_dir + "/services.d", error);
    if (names.size() > kMaxConfigFiles) {
        error = fmt::format("holds more than {} services; the rest does not count",
                            kMaxConfigFiles);
        names.resize(kMaxConfigFiles);
    }
    std::size_t total = files.front().text.size();
    for (const auto& name : names) {
        auto shown = "services.d/" + name;
        auto file = read_config_file(fmt::format("{}/{}", etc_dir, shown), shown);
        total += file.text.size();
        if (total > kMaxConfigTotal) {
            total -= file.text.size();
            file.text.clear();
            file.error = fmt::format("all files together have more than {} MiB",
                                     kMaxConfigTotal / 1024 / 1024);
        }
        files.push_back(std::move(file));
    }
    if (!error.empty()) files.push_back({"services.d", {}, std::move(error)});
    return files;
}

} // namespace leash
