// SPDX-License-Identifier: MIT
#include "init/unmount.h"

#include <algorithm>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <functional>
#include <map>
#include <set>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/dm-ioctl.h>
#include <linux/loop.h>
#include <linux/major.h>
#include <linux/raid/md_u.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/unique_fd.h"
#include "base/whole_file.h"
#include "init/workers.h"

namespace leash {
namespace {

constexpr Ms kStep{2'000};     // for one system call that can hang on a dead disk or server
constexpr int kRounds = 6;     // what has just died may hold its files a moment longer
constexpr Ms kPause{100};

// What `act` gives back (0 or an errno), ETIMEDOUT where it did not in time: its process then stays
// behind, since it may be unkillable.
int within(Ms limit, const std::function<int()>& act) {
    pid_t pid = fork();
    if (pid < 0) return act();
    if (pid == 0) _exit(act());
    Ms deadline = monotonic_now() + limit;
    int status = 0;
    useconds_t pause = 500;
    while (waitpid(pid, &status, WNOHANG) == 0) {
        if (monotonic_now() >= deadline) {
            kill(pid, SIGKILL);
            return ETIMEDOUT;
        }
        usleep(pause);
        pause = std::min(pause * 2, 20'000U);
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}

int errno_of(int result) { return result < 0 ? errno : 0; }

int read_only(const std::string& target) {
    return within(kStep, [&] {
        return errno_of(::mount(nullptr, target.c_str(), nullptr, MS_REMOUNT | MS_RDONLY, nullptr));
    });
}

void give_back_swap() {
    auto text = read_whole_file("/proc/swaps");
    auto lines = split(text, '\n', true);
    for (std::size_t i = 1; i < lines.size(); ++i) {
        auto path = unescape_octal(split(lines[i], ' ', true).front());
        within(kStep, [&] { return errno_of(swapoff(path.c_str())); });
    }
}

std::vector<std::string> block_devices() {
    std::vector<std::string> names;
    if (DIR* folder = opendir("/sys/block")) {
        while (const dirent* entry = readdir(folder))
            if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
        closedir(folder);
    }
    // The newest first: they may stand upon the others.
    std::ranges::sort(names, std::greater{});
    return names;
}

int remove_mapping(const std::string& device) {
    auto name = read_value("/sys/block/" + device + "/dm/name");
    UniqueFd control(open("/dev/mapper/control", O_RDWR | O_CLOEXEC));
    dm_ioctl request{};
    if (!control) return errno;
    if (name.empty() || name.size() >= sizeof request.name) return EINVAL;
    request.version[0] = DM_VERSION_MAJOR;
    request.data_size = sizeof request;
    name.copy(request.name, sizeof request.name - 1);
    return errno_of(ioctl(control.get(), DM_DEV_REMOVE, &request));
}

enum class Stacked { no, loop, array, mapping };

Stacked kind_of(const std::string& name) {
    auto folder = "/sys/block/" + name;
    auto has = [&](const char* file) { return access((folder + file).c_str(), F_OK) == 0; };
    if (has("/dm/name")) return Stacked::mapping;
    if (has("/loop/backing_file")) return Stacked::loop;
    auto state = read_whole_file(folder + "/md/array_state");
    // One that has been stopped leaves its name behind.
    return state.empty() || state.starts_with("clear") ? Stacked::no : Stacked::array;
}

// Those that the root stands on, down to the last one: nobody can give them back.
std::set<std::string> below_root() {
    std::set<std::string> found;
    struct stat root {};
    if (stat("/", &root) != 0) return found;
    auto link = fmt::format("/sys/dev/block/{}:{}", major(root.st_dev), minor(root.st_dev));
    char target[PATH_MAX] = "";
    if (readlink(link.c_str(), target, sizeof target - 1) < 0) return found;
    std::vector<std::string> next{std::string(std::string_view(target).substr(
        std::string_view(target).rfind('/') + 1))};
    while (!next.empty()) {
        auto name = next.back();
        next.pop_back();
        if (!found.insert(name).second) continue;
        auto place = "/sys/class/block/" + name;
        if (access((place + "/partition").c_str(), F_OK) == 0) { // below the folder of its disk
            std::string_view path(target, static_cast<std::size_t>(std::max<ssize_t>(
                                              readlink(place.c_str(), target, sizeof target - 1), 0)));
            path = path.substr(0, std::min(path.rfind('/'), path.size()));
            next.emplace_back(path.substr(path.rfind('/') + 1));
        }
        if (DIR* folder = opendir((place + "/slaves").c_str())) {
            while (const dirent* entry = readdir(folder))
                if (entry->d_name[0] != '.') next.emplace_back(entry->d_name);
            closedir(folder);
        }
    }
    return found;
}

// Loop devices, mappings and arrays that nobody uses any more. What stands upon another goes first,
// which takes as many rounds as they are high. `given`: those that went; the answer: why others did not.
std::map<std::string, int> give_back_devices(std::vector<std::string>& given) {
    std::map<std::string, int> stay;
    for (bool progress = true; std::exchange(progress, false);) {
        for (const auto& name : block_devices()) {
            auto kind = kind_of(name);
            if (kind == Stacked::no || stay[name] == ETIMEDOUT) continue;
            auto device = "/dev/" + name;
            stay[name] = within(kStep, [&] {
                if (kind == Stacked::mapping) return remove_mapping(name);
                bool loop = kind == Stacked::loop;
                UniqueFd fd(open(device.c_str(), O_RDONLY | O_CLOEXEC | (loop ? 0 : O_EXCL)));
                if (!fd) return errno;
                return errno_of(loop ? ioctl(fd.get(), LOOP_CLR_FD) : ioctl(fd.get(), STOP_ARRAY));
            });
            // A loop device that is in use goes with its last user.
            if (stay[name] == 0 && kind_of(name) != Stacked::no) stay[name] = EBUSY;
            if (stay[name] == 0) given.push_back(name), progress = true;
        }
    }
    std::erase_if(stay, [](const auto& each) {
        return each.second == 0 || kind_of(each.first) == Stacked::no;
    });
    return stay;
}

} // namespace

std::vector<MountLine> mounts_newest_first(std::string_view text) {
    std::vector<MountLine> mounts;
    for (auto line : split(text, '\n', true)) {
        auto words = split(line, ' ', true);
        if (words.size() < 3) continue;
        mounts.insert(mounts.begin(),
                      {unescape_octal(words[0]), unescape_octal(words[1]), std::string(words[2])});
    }
    return mounts;
}

bool stays_mounted(const MountLine& mount) {
    static constexpr std::string_view kStay[] = {"/proc", "/sys", "/dev", "/run"};
    if (mount.target == "/") return true;
    return std::ranges::any_of(kStay, [&](std::string_view place) {
        return mount.target == place || mount.target.starts_with(std::string(place) + "/");
    });
}

int unmount_everything(int out) {
    auto name_of = [](const MountLine& mount) {
        return fmt::format("{} ({} on {})", printable(mount.target), mount.type,
                           printable(mount.source));
    };
    if (within(kStep, [] { sync(); return 0; }) != 0)
        tell(out, "a disk does not answer: its data may not be written");
    give_back_swap();

    // What is read-only is safe, whoever holds it; and it is so in every mount namespace.
    std::map<std::string, int> why; // of what would not be unmounted
    std::map<std::string, int> remounted; // 0: it is read-only
    std::vector<MountLine> left;
    std::vector<std::string> given;
    for (int round = 0; round < kRounds; ++round) {
        left.clear();
        for (const auto& mount : mounts_newest_first(read_whole_file("/proc/self/mounts"))) {
            if (stays_mounted(mount) || why[mount.target] == ETIMEDOUT) continue;
            // Who did not answer once takes no second of the next rounds: it has to be named in time.
            int& done = remounted.try_emplace(mount.target, EAGAIN).first->second;
            if (done != 0 && done != ETIMEDOUT) done = read_only(mount.target);
            int failed = within(kStep, [&] { return errno_of(umount2(mount.target.c_str(), 0)); });
            why[mount.target] = failed;
            if (failed != 0) left.push_back(mount);
        }
        give_back_devices(given);
        if (left.empty()) break;
        usleep(static_cast<useconds_t>(kPause.count() * 1000));
    }

    int failures = 0;
    for (const auto& mount : mounts_newest_first(read_whole_file("/proc/self/mounts"))) {
        if (stays_mounted(mount)) continue;
        auto done = remounted.find(mount.target);
        bool harmless = done != remounted.end() && done->second == 0;
        tell(out, fmt::format("cannot unmount {}: {}; {}", name_of(mount),
                              std::strerror(why[mount.target]),
                              harmless ? "it is read-only now" : "IT MAY LOSE DATA"));
        if (!harmless) ++failures;
        // Out of the way of what lies below it.
        within(kStep, [&] { return errno_of(umount2(mount.target.c_str(), MNT_DETACH)); });
    }
    int root = read_only("/");
    for (int round = 1; root == EBUSY && round < kRounds; ++round) {
        usleep(static_cast<useconds_t>(kPause.count() * 1000));
        root = read_only("/");
    }
    // EINVAL: a root that cannot be, such as the kernel's own rootfs.
    if (root != 0 && root != EINVAL) {
        ++failures;
        tell(out, fmt::format("cannot remount / read-only: {}", std::strerror(root)));
    }
    auto stay = give_back_devices(given);
    if (!given.empty()) {
        std::string names;
        for (const auto& name : given) names += " " + name;
        tell(out, "detached" + names);
    }
    auto needed = below_root();
    for (const auto& [name, error] : stay)
        if (!needed.contains(name))
            tell(out, fmt::format("cannot detach {}: {}", name, std::strerror(error)));
    within(kStep, [] { sync(); return 0; });
    return failures ? 1 : 0;
}

} // namespace leash
