// SPDX-License-Identifier: MIT
#include "notify/pidfile_watch.h"

#include <limits>
#include <optional>
#include <tuple>
#include <utility>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"

namespace leash {
namespace {

constexpr Ms kInterval{50};
constexpr std::size_t kMaxPidfile = 64; // bytes; blanks and a newline around the digits are fine

int open_below(int folder, const std::string& path) {
    open_how how{};
    how.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV;
    return static_cast<int>(::syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how));
}

std::optional<pid_t> parse_pid(std::string_view text) {
    auto lines = split(text, '\n');
    auto number = parse_unsigned(lines.front());
    if (!number || *number < 2 || *number > std::numeric_limits<pid_t>::max()) return std::nullopt;
    return static_cast<pid_t>(*number);
}

} // namespace

Result<std::string> pidfile_below_run(std::string_view path) {
    std::string_view rest = path;
    if (rest.starts_with("/var/run/")) rest.remove_prefix(9);
    else if (rest.starts_with("/run/")) rest.remove_prefix(5);
    else return fail("pid file {} is not below /run", path);
    for (auto part : split(rest, '/'))
        if (part.empty() || part == "." || part == "..")
            return fail("pid file {}: not a plain path below /run", path);
    return std::string(rest);
}

struct PidfileWatch::Core : std::enable_shared_from_this<PidfileWatch::Core> {
    UniqueFd folder;
    std::string path;
    std::function<void(pid_t)> found;
    Timer timer;
    // What was reported last: the pid, and which writing of the file.
    std::tuple<pid_t, ino_t, std::int64_t, std::int64_t> last{};

    explicit Core(EventLoop& loop) : timer(loop, [this] { tick(); }) {}

    void tick() {
        auto self = shared_from_this();
        timer.in(kInterval);
        look();
    }

    void look() {
        UniqueFd file(open_below(folder.get(), path));
        struct stat info{};
        if (!file || ::fstat(file.get(), &info) < 0 || !S_ISREG(info.st_mode)) return;
        char text[kMaxPidfile];
        auto size = ::read(file.get(), text, sizeof text);
        if (size <= 0) return;
        auto pid = parse_pid({text, static_cast<std::size_t>(size)});
        if (!pid) return;
        std::tuple<pid_t, ino_t, std::int64_t, std::int64_t> now{
            *pid, info.st_ino, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
        if (std::exchange(last, now) == now) return;
        auto callback = found; // a copy: the callback may destroy the watch
        if (callback) callback(*pid);
    }
};

PidfileWatch::PidfileWatch(EventLoop& loop, std::string_view path, std::function<void(pid_t)> found,
                           const std::string& run)
    : core_(std::make_shared<Core>(loop)) {
    auto below = pidfile_below_run(path);
    if (!below) return; // refused when the settings were read; nothing can come
    core_->folder.reset(::open(run.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
    core_->path = std::move(*below);
    core_->found = std::move(found);
    core_->timer.in(Ms{0});
}

PidfileWatch::~PidfileWatch() {
    core_->timer.cancel();
    core_->found = nullptr;
}

void PidfileWatch::drain() {
    auto core = core_;
    core->look();
}

} // namespace leash
