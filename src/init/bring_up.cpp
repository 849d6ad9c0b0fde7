// SPDX-License-Identifier: MIT
#include "init/bring_up.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "base/unique_fd.h"
#include "base/whole_file.h"
#include "init/module_file.h"
#include "init/workers.h"

namespace leash {
namespace {

bool write_file(const std::string& path, std::string_view text) {
    UniqueFd fd(open(path.c_str(), O_WRONLY | O_CLOEXEC));
    return fd && write(fd.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size());
}

// Runs a program of the machine and waits for it: in a worker only. Returns its exit status.
int run(const std::vector<std::string>& words) {
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        for (int fd = 0; fd <= 2 && null >= 0; ++fd) dup2(null, fd);
        std::vector<char*> argv;
        for (const auto& word : words) argv.push_back(const_cast<char*>(word.c_str()));
        argv.push_back(nullptr);
        execvp(argv[0], argv.data());
        _exit(127);
    }
    int status = 0;
    if (pid < 0 || waitpid(pid, &status, 0) < 0) return -1;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool make_folders(const std::string& path) {
    for (std::size_t at = 1; at != std::string::npos; at = path.find('/', at + 1))
        if (at > 1) mkdir(path.substr(0, at).c_str(), 0755);
    return mkdir(path.c_str(), 0755) == 0 || errno == EEXIST;
}

// modules.dep may be older than what is there. The path of the file is made whole.
std::optional<ModuleFile> installed_module(std::string_view name) {
    utsname system{};
    uname(&system);
    auto folder = fmt::format("/lib/modules/{}/", system.release);
    auto found = find_module_file(read_whole_file(folder + "modules.dep"), name);
    if (!found) return found;
    if (!found->path.starts_with('/')) found->path.insert(0, folder);
    if (access(found->path.c_str(), R_OK) != 0) return std::nullopt;
    return found;
}

// "" or what went wrong. What takes more than putting one file into the kernel, modprobe does, and what
// the kernel refuses it may try again.
std::string load_module(const ModuleFile& file, std::string_view name) {
    auto about = [&](const std::string& text) { return may_configure_module(text, name); };
    bool direct = file.plain &&
                  !command_line_configures_module(read_value("/proc/cmdline"), name) &&
                  std::ranges::none_of(modprobe_settings(), about);
    if (direct && insert_module(file.path)) return {};
    int status = run({"/sbin/modprobe", "-q", std::string(name)});
    return status == 0 ? "" : fmt::format("modprobe ended with {}", status);
}

struct MountOptions {
    unsigned long flags = 0;
    std::string data;
    bool may_fail = false;
};

MountOptions mount_options(const std::vector<std::string>& words) {
    struct Flag { std::string_view word; unsigned long set, clear; };
    static constexpr Flag kFlags[] = {
        {"ro", MS_RDONLY, 0}, {"rw", 0, MS_RDONLY}, {"nosuid", MS_NOSUID, 0}, {"suid", 0, MS_NOSUID},
        {"nodev", MS_NODEV, 0}, {"dev", 0, MS_NODEV}, {"noexec", MS_NOEXEC, 0},
        {"exec", 0, MS_NOEXEC}, {"noatime", MS_NOATIME, 0}, {"nodiratime", MS_NODIRATIME, 0},
        {"relatime", MS_RELATIME, 0}, {"sync", MS_SYNCHRONOUS, 0}, {"dirsync", MS_DIRSYNC, 0},
        {"bind", MS_BIND, 0}, {"rbind", MS_BIND | MS_REC, 0}, {"remount", MS_REMOUNT, 0},
        {"lazytime", MS_LAZYTIME, 0}, {"defaults", 0, 0}};
    MountOptions options;
    for (const auto& word : words) {
        if (word == "nofail") {
            options.may_fail = true;
            continue;
        }
        auto flag = std::ranges::find(kFlags, word, &Flag::word);
        if (flag != std::end(kFlags)) {
            options.flags = (options.flags & ~flag->clear) | flag->set;
            continue;
        }
        if (!options.data.empty()) options.data += ',';
        options.data += word;
    }
    return options;
}

} // namespace

int apply_sysctls(const TextPairs& settings, int out) {
    int failures = 0;
    for (const auto& [name, value] : settings) {
        std::string path = name;
        // As sysctl(8): with a slash in it, the dots belong to a name such as eth0.1.
        if (!path.contains('/')) std::ranges::replace(path, '.', '/');
        if (write_file("/proc/sys/" + path, value)) continue;
        ++failures;
        tell(out, fmt::format("sysctl {} = {}: {}", name, value, std::strerror(errno)));
    }
    return failures ? 1 : 0;
}

int load_modules(const std::vector<std::string>& modules, int out) {
    int failures = 0;
    for (const auto& module : modules) {
        std::vector<std::string> words{"/sbin/modprobe", "-q"};
        for (auto word : split(module, ' ', true)) words.emplace_back(word);
        int status = run(words);
        if (status == 0) continue;
        ++failures;
        tell(out, fmt::format("kernel module {}: {}", module,
                             status == 127 ? "there is no /sbin/modprobe"
                                           : fmt::format("modprobe ended with {}", status)));
    }
    return failures ? 1 : 0;
}

int mount_file_systems(const std::vector<MountEntry>& mounts, int out) {
    int failures = 0;
    for (const auto& entry : mounts) {
        auto options = mount_options(entry.options);
        if (!make_folders(entry.target) && !options.may_fail)
            tell(out, fmt::format("mount point {}: {}", entry.target, std::strerror(errno)));
        if (mount(entry.source.c_str(), entry.target.c_str(), entry.type.c_str(), options.flags,
                  options.data.c_str()) == 0)
            continue;
        if (errno == EBUSY && !(options.flags & MS_REMOUNT)) continue; // it is mounted already
        if (options.may_fail) continue;
        ++failures;
        tell(out, fmt::format("cannot mount {} ({}) on {}: {}", entry.source, entry.type, entry.target,
                             std::strerror(errno)));
    }
    return failures ? 1 : 0;
}

int load_leash_module(bool forbidden, int out) {
    if (access("/dev/leash", F_OK) == 0) {
        tell(out, "loaded");
        return 0;
    }
    if (forbidden) {
        tell(out, "left out: leash.nomodule on the kernel command line");
        return 1;
    }
    if (access(kModuleMark, F_OK) == 0) {
        tell(out, fmt::format("left out: the machine died while loading it; remove {} to try again",
                             kModuleMark));
        return 1;
    }
    // A machine that has no such module writes no mark.
    auto file = installed_module("leash");
    if (!file) {
        tell(out, "not installed");
        return 1;
    }
    bool marked = false;
    if (make_folders("/var/lib/leash")) {
        UniqueFd mark(open(kModuleMark, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
        UniqueFd folder(open("/var/lib/leash", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
        marked = mark && folder && fsync(mark.get()) == 0 && fsync(folder.get()) == 0;
    }
    auto problem = load_module(*file, "leash");
    if (marked) unlink(kModuleMark);
    if (problem.empty() && access("/dev/leash", F_OK) != 0) problem = "there is no /dev/leash";
    tell(out, !problem.empty() ? problem
              : marked         ? "loaded"
                               : "loaded, without a mark: /var/lib/leash is not writable");
    return problem.empty() ? 0 : 1;
}

std::string set_host_name(const std::string& name) {
    if (name.empty() || sethostname(name.c_str(), name.size()) == 0) return {};
    return fmt::format("cannot set the hostname to {}: {}", name, std::strerror(errno));
}

std::string bring_up_loopback() {
    UniqueFd fd(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    if (!fd) return {}; // a kernel without networking has no loopback to bring up
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    if (ioctl(fd.get(), SIOCGIFFLAGS, &request) == 0) {
        request.ifr_flags = static_cast<short>(request.ifr_flags | IFF_UP);
        if (ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0) return {};
    }
    return fmt::format("cannot bring up the loopback interface: {}", std::strerror(errno));
}

std::string set_panic_behaviour(int seconds) {
    // Without this the kernel drops what the logger writes to /dev/kmsg beyond ten lines in 5 s.
    write_file("/proc/sys/kernel/printk_devkmsg", "on");
    bool good = write_file("/proc/sys/kernel/panic", std::to_string(seconds)) &&
                write_file("/proc/sys/kernel/panic_on_oops", seconds > 0 ? "1" : "0");
    return good ? "" : fmt::format("cannot set kernel.panic: {}", std::strerror(errno));
}

} // namespace leash
