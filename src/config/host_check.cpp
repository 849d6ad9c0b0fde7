// SPDX-License-Identifier: MIT
#include "config/host_check.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/text.h"
#include "base/unique_fd.h"

namespace leash {
namespace {

constexpr std::array<std::string_view, 4> kPath{"/sbin", "/usr/sbin", "/bin", "/usr/bin"};
constexpr std::size_t kMaxAccounts = 1024 * 1024; // bytes of /etc/passwd that are looked at
constexpr int kMaxNeighbours = 4096;              // entries of a folder looked at for a hint

// Files of the machine below `root`, whose absolute links lead back into it.
class Tree {
  public:
    explicit Tree(const std::string& root)
        : path_(root), root_(::open(root.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {}

    // -1 and errno if there is none.
    [[nodiscard]] UniqueFd open(const std::string& path, int flags) const {
        struct open_how how {};
        how.flags = static_cast<std::uint64_t>(flags | O_CLOEXEC);
        how.resolve = RESOLVE_IN_ROOT;
        long fd = ::syscall(SYS_openat2, root_.get(), path.c_str(), &how, sizeof how);
        if (fd < 0 && (errno == ENOSYS || errno == EPERM)) // an old kernel, or a sandbox
            fd = ::open((path_ + "/" + path).c_str(), flags | O_CLOEXEC);
        return UniqueFd(static_cast<int>(fd));
    }

    [[nodiscard]] std::optional<struct stat> look_at(const std::string& path) const {
        auto fd = open(path, O_PATH);
        struct stat status {};
        if (!fd || ::fstat(fd.get(), &status) != 0) return std::nullopt;
        return status;
    }

    [[nodiscard]] std::string read(const std::string& path) const {
        std::string text;
        auto status = look_at(path);
        if (!status || !S_ISREG(status->st_mode)) return text;
        auto fd = open(path, O_RDONLY | O_NONBLOCK);
        char buffer[16 * 1024];
        while (fd && text.size() < kMaxAccounts) {
            auto got = ::read(fd.get(), buffer, sizeof buffer);
            if (got <= 0) break;
            text.append(buffer, static_cast<std::size_t>(got));
        }
        return text;
    }

    [[nodiscard]] std::vector<std::string> names_in(const std::string& folder) const {
        std::vector<std::string> names;
        auto fd = open(folder, O_RDONLY | O_DIRECTORY);
        if (!fd) return names;
        std::unique_ptr<DIR, int (*)(DIR*)> dir(::fdopendir(fd.get()), ::closedir);
        if (!dir) return names;
        (void)fd.release();
        for (int i = 0; i < kMaxNeighbours; ++i) {
            const dirent* entry = ::readdir(dir.get());
            if (entry == nullptr) break;
            names.emplace_back(entry->d_name);
        }
        return names;
    }

  private:
    std::string path_;
    UniqueFd root_;
};

std::string_view closest_of(std::string_view word, const std::vector<std::string>& names) {
    return closest_word(word, {names.begin(), names.end()});
}

class HostCheck {
  public:
    HostCheck(const Catalog& catalog, const std::string& root)
        : catalog_(catalog), tree_(root), users_(accounts("/etc/passwd")),
          groups_(accounts("/etc/group")) {}

    std::vector<Complaint> run() {
        program("", "rescue-shell", catalog_.system.rescue_shell);
        for (const auto& [name, s] : catalog_.services) look_at(name, s);
        // Of a template, what does not depend on the instance.
        trial_ = true;
        for (const auto& [name, s] : catalog_.templates) look_at(s.name, s);
        return std::move(complaints_);
    }

  private:
    void look_at(const std::string& name, const ServiceSettings& s) {
        if (!s.command.empty()) program(name, "command", s.command);
        for (int kind = 0; kind < kControlKinds; ++kind)
            for (const auto& each : commands_of(s, ControlKind(kind)))
                program(name, std::string(to_string(ControlKind(kind))), each.command);
        if (s.on_trouble) hooks(name, "on-trouble", *s.on_trouble);
        if (s.on_memory) hooks(name, "on-memory", *s.on_memory);
        for (int kind = 0; kind < kTroubleKinds; ++kind)
            if (const auto& policy = (*s.on_kind)[static_cast<std::size_t>(kind)])
                hooks(name, fmt::format("on-{}", to_string(TroubleKind(kind))), *policy);
        account(name, "user", s.user, users_, "/etc/passwd");
        account(name, "group", s.group, groups_, "/etc/group");
        folder(name, "directory", s.directory);
        listen(name, *s.listen);
    }

    [[nodiscard]] std::vector<std::string> accounts(const std::string& path) const {
        std::vector<std::string> names;
        auto text = tree_.read(path);
        for (auto line : split(text, '\n', true))
            names.emplace_back(line.substr(0, line.find(':')));
        return names;
    }

    void complain(const std::string& service, const std::string& key, bool certain,
                  std::string text, std::string hint) {
        if (trial_ && text.find(kTrialInstance) != std::string::npos) return;
        auto place = catalog_.place_of(service, key);
        if (place.file.empty()) {
            auto found = catalog_.services.find(service);
            place.file = found == catalog_.services.end() ? "init.conf" : found->second.file;
        }
        complaints_.push_back(
            {certain ? Complaint::Severity::error : Complaint::Severity::warning, place.file,
             place.line, key, std::move(text), std::move(hint)});
    }

    // The mount of init.conf that will cover this path, else "".
    [[nodiscard]] std::string mount_over(std::string_view path) const {
        for (const auto& mount : catalog_.system.mounts)
            if (path.starts_with(mount.target) &&
                (mount.target == "/" || path.size() == mount.target.size() ||
                 path[mount.target.size()] == '/'))
                return mount.target;
        return {};
    }

    void hooks(const std::string& service, const std::string& key, const Policy& policy) {
        for (const auto& step : policy)
            if (step.kind == StepKind::exec && !step.command.empty())
                program(service, key, step.command);
    }

    void program(const std::string& service, const std::string& key,
                 const std::vector<std::string>& command) {
        const auto& name = command.front();
        if (name.find('/') == std::string::npos) {
            searched_program(service, key, name);
            return;
        }
        auto mount = mount_over(name);
        if (!name.starts_with('/')) { // relative to the service's folder: cannot be known for sure
            complain(service, key, true, fmt::format("{} is a relative path", quote(name)),
                     "write the whole path of the program");
        } else if (auto status = tree_.look_at(name); !status) {
            auto text = fmt::format("there is no program {}", quote(name));
            complain(service, key, mount.empty(), std::move(text),
                     mount.empty() ? did_you_mean(neighbour(name))
                                   : fmt::format("it may be on what is mounted on {}", mount));
        } else if (S_ISDIR(status->st_mode)) {
            complain(service, key, true, fmt::format("{} is a folder", quote(name)),
                     "name a program");
        } else if (!S_ISREG(status->st_mode) || (status->st_mode & 0111) == 0) {
            complain(service, key, mount.empty(),
                     fmt::format("{} is not executable", quote(name)),
                     S_ISREG(status->st_mode) ? fmt::format("chmod +x {}", name) : "");
        }
    }

    void searched_program(const std::string& service, const std::string& key,
                          const std::string& name) {
        bool found = std::ranges::any_of(kPath, [&](auto folder) {
            auto status = tree_.look_at(fmt::format("{}/{}", folder, name));
            return status && S_ISREG(status->st_mode) && (status->st_mode & 0111) != 0;
        });
        if (found) return;
        std::vector<std::string> names;
        for (auto folder : kPath)
            for (auto& neighbour_name : tree_.names_in(std::string(folder)))
                names.push_back(std::move(neighbour_name));
        complain(service, key, true,
                 fmt::format("there is no program {} in /sbin, /usr/sbin, /bin, /usr/bin",
                             quote(name)),
                 did_you_mean(closest_of(name, names)));
    }

    // A program of nearly that name in the same folder.
    [[nodiscard]] std::string neighbour(const std::string& path) const {
        auto slash = path.rfind('/');
        auto folder = path.substr(0, slash + 1);
        auto names = tree_.names_in(folder);
        std::erase_if(names, [](const auto& name) { return name.starts_with('.'); });
        auto close = closest_of(std::string_view(path).substr(slash + 1), names);
        return close.empty() ? std::string{} : folder + std::string(close);
    }

    void account(const std::string& service, const std::string& key, const std::string& name,
                 const std::vector<std::string>& known, std::string_view file) {
        // Even without /etc/passwd, root is 0 to spawn.
        if (name.empty() || name == "root" || parse_unsigned(name)) return;
        if (std::ranges::find(known, name) != known.end()) return;
        auto kind = key.ends_with("group") ? "group" : "user";
        complain(service, key, true, fmt::format("there is no {} {} in {}", kind, quote(name), file),
                 did_you_mean(closest_of(name, known)));
    }

    void listen(const std::string& service, const Listen& listen) {
        account(service, "listen-user", listen.user, users_, "/etc/passwd");
        account(service, "listen-group", listen.group, groups_, "/etc/group");
        for (const auto& socket : listen.sockets) {
            const auto& path = socket.address;
            // Below /run the folder is made.
            if (!path.starts_with('/') || path.starts_with("/run/") || path.starts_with("/var/run/"))
                continue;
            folder(service, "listen", path.substr(0, std::max<std::size_t>(path.rfind('/'), 1)));
        }
    }

    void folder(const std::string& service, const std::string& key, const std::string& path) {
        if (path.empty()) return;
        auto status = tree_.look_at(path);
        if (status && S_ISDIR(status->st_mode)) return;
        auto mount = mount_over(path);
        auto text = status ? fmt::format("{} is not a folder", quote(path))
                           : fmt::format("there is no folder {}", quote(path));
        complain(service, key, mount.empty(), std::move(text),
                 mount.empty() ? did_you_mean(neighbour(path))
                               : fmt::format("it may be on what is mounted on {}", mount));
    }

    const Catalog& catalog_;
    Tree tree_;
    std::vector<std::string> users_, groups_;
    std::vector<Complaint> complaints_;
    bool trial_ = false; // of a template
};

} // namespace

std::vector<Complaint> check_programs(const Catalog& catalog, const std::string& root) {
    return HostCheck(catalog, root).run();
}

} // namespace leash
