// SPDX-License-Identifier: MIT
#include "config/files.h"

#include "base/unique_fd.h"

#include <cerrno>
#include <cstring>
#include <map>
#include <memory>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

namespace leash {
namespace {

std::string too_large() {
    return fmt::format("is larger than {} KiB", kMaxConfigFileSize / 1024);
}

constexpr std::string_view kFile = ".conf", kDropIns = ".conf.d";

// Names in a folder, hidden ones left out; `error` if it could not be read to its end.
std::vector<std::string> names_in(const std::string& folder, int& error) {
    std::vector<std::string> names;
    error = 0;
    std::unique_ptr<DIR, int (*)(DIR*)> dir(::opendir(folder.c_str()), ::closedir);
    if (!dir) {
        error = errno;
        return names;
    }
    while (names.size() <= 16 * kMaxConfigFiles) { // more is reported as too many
        errno = 0;
        const dirent* entry = ::readdir(dir.get());
        if (entry == nullptr) break;
        if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
    }
    error = errno;
    return names;
}

bool is_null_device(const struct stat& status) {
    return S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
}

// Even where there is no such device.
bool links_to_null_device(const std::string& path) {
    char target[16];
    auto length = ::readlink(path.c_str(), target, sizeof target);
    return length > 0 && std::string_view(target, static_cast<std::size_t>(length)) == "/dev/null";
}

class Reader {
  public:
    explicit Reader(const std::vector<ConfigLayer>& layers) : layers_(layers) {}

    std::vector<SourceFile> run() {
        const ConfigLayer* last = nullptr;
        for (const auto& layer : layers_) {
            struct stat status {};
            if (::lstat((layer.folder + "/init.conf").c_str(), &status) == 0) last = &layer;
        }
        // Where it is missed if there is none: in /etc.
        if (last == nullptr) last = &layers_[layers_.size() / 2];
        take(*last, "init.conf");
        take_drop_ins("init.conf.d");
        take_services();
        return std::move(files_);
    }

  private:
    static std::string shown(const ConfigLayer& layer, const std::string& name) {
        return layer.shown.empty() ? name : layer.shown + "/" + name;
    }

    void take(const ConfigLayer& layer, const std::string& name) {
        auto file = read_config_file(layer.folder + "/" + name, shown(layer, name));
        total_ += file.text.size();
        if (total_ > kMaxConfigTotal) {
            total_ -= file.text.size();
            file.text.clear();
            file.error = fmt::format("all files together have more than {} MiB",
                                     kMaxConfigTotal / 1024 / 1024);
        }
        files_.push_back(std::move(file));
    }

    void take_drop_ins(const std::string& folder) {
        std::map<std::string, const ConfigLayer*> found;
        for (const auto& layer : layers_) {
            int error = 0;
            for (auto& name : names_in(layer.folder + "/" + folder, error))
                if (std::string_view(name).ends_with(kFile)) found[std::move(name)] = &layer;
            if (error != 0 && error != ENOENT && drop_ins_++ < kMaxConfigFiles)
                files_.push_back({shown(layer, folder + "/*.conf"), {}, std::strerror(error)});
        }
        for (const auto& [name, layer] : found) {
            if (drop_ins_++ == kMaxConfigFiles)
                files_.push_back({shown(*layer, folder + "/" + name),
                                  {},
                                  fmt::format("there are more than {} drop-ins", kMaxConfigFiles)});
            if (drop_ins_ <= kMaxConfigFiles) take(*layer, folder + "/" + name);
        }
    }

    void take_services() {
        struct Found {
            const ConfigLayer* file = nullptr;
            bool drop_ins = false;
        };
        std::map<std::string, Found> found;
        std::vector<SourceFile> problems;
        bool any = false;
        for (const auto& layer : layers_) {
            int error = 0;
            for (const auto& name : names_in(layer.folder + "/services.d", error)) {
                std::string_view stem = name;
                if (stem.ends_with(kFile))
                    found[name.substr(0, name.size() - kFile.size())].file = &layer;
                if (stem.ends_with(kDropIns))
                    found[name.substr(0, name.size() - kDropIns.size())].drop_ins = true;
            }
            any = any || error != ENOENT;
            if (error != 0 && error != ENOENT)
                problems.push_back({shown(layer, "services.d"), {}, std::strerror(error)});
        }
        if (!any)
            problems.push_back(
                {shown(layers_[layers_.size() / 2], "services.d"), {}, std::strerror(ENOENT)});
        std::size_t services = 0;
        for (const auto& [name, what] : found) {
            auto path = "services.d/" + name + std::string(kFile);
            bool counts = what.file != nullptr && ++services <= kMaxConfigFiles;
            if (counts) take(*what.file, path);
            if (what.drop_ins && (counts || what.file == nullptr)) take_drop_ins(path + ".d");
        }
        if (services > kMaxConfigFiles)
            problems.push_back({shown(layers_[layers_.size() / 2], "services.d"),
                                {},
                                fmt::format("holds more than {} services; the rest does not count",
                                            kMaxConfigFiles)});
        files_.insert(files_.end(), problems.begin(), problems.end());
    }

    const std::vector<ConfigLayer>& layers_;
    std::vector<SourceFile> files_;
    std::size_t total_ = 0;
    std::size_t drop_ins_ = 0;
};

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
    if (::lstat(path.c_str(), &status) != 0) return failed(errno);
    if (S_ISLNK(status.st_mode)) {
        if (links_to_null_device(path)) return file;
        if (::stat(path.c_str(), &status) != 0) return failed(errno);
    }
    if (is_null_device(status)) return file;
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

std::vector<ConfigLayer> config_layers(const std::string& root) {
    std::vector<ConfigLayer> layers;
    for (std::string folder : {"/usr/lib/leash", "/etc/leash", "/run/leash"})
        layers.push_back({root + folder, folder});
    return layers;
}

std::vector<SourceFile> read_config_layers(const std::vector<ConfigLayer>& layers) {
    return Reader(layers).run();
}

std::vector<SourceFile> read_config_tree(const std::string& folder) {
    return read_config_layers({{folder, ""}});
}

} // namespace leash
