// SPDX-License-Identifier: MIT
#include "init/earlier_life.h"

#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "base/whole_file.h"
#include "init/crash.h"
#include "lineage/kernel_lineage.h"

namespace leash {
namespace {

// What cannot be ended in that time sits in the kernel, and would stay there. Nobody kicks the WDT
// meanwhile, whose timer may be half run out.
constexpr Ms kEndLimit{3'000}, kCloseLimit{1'000};
// Each time the whole user space ends. More often than that within the window is no way to live.
constexpr int kMostLosses = 3;
constexpr Ms kLossWindow{600'000};
constexpr const char* kLosses = "/run/leash/lost-states";
constexpr rlim_t kKernelsDescriptors = 1024, kKernelsMostDescriptors = 4096;

// There is no logger.
void say(const std::string& text) {
    UniqueFd console(open("/dev/console", O_WRONLY | O_NOCTTY | O_NONBLOCK | O_CLOEXEC));
    auto line = fmt::format("\r\nleash: {}\r\n", text);
    if (console) [[maybe_unused]] auto ignored = write(console.get(), line.data(), line.size());
    UniqueFd kernel(open("/dev/kmsg", O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    line = fmt::format("<3>leash: {}\n", text);
    if (kernel) [[maybe_unused]] auto ignored = write(kernel.get(), line.data(), line.size());
}

// What the module's deadman is armed with must not run out because of this: nobody has closed the lost
// life's descriptor yet.
bool end_everything() {
    auto deadline = monotonic_now() + kEndLimit;
    int module = KernelLineage::find_controller(kMostDescriptors);
    while (monotonic_now() < deadline) {
        if (module >= 0) (void)KernelLineage::ping(module);
        kill(-1, SIGKILL);
        for (;;) {
            auto gone = waitpid(-1, nullptr, WNOHANG);
            if (gone == 0) break;
            if (gone < 0 && errno == ECHILD) return true;
        }
        usleep(10'000);
    }
    return false;
}

// The last one to close a connection that lingers waits: a child, then, which holds a copy of all of
// them. It closes devices first, since a second open of the WDT or the module is refused.
void close_everything() {
    pid_t pid = fork();
    if (pid == 0) {
        close_range(0, 2, 0);
        for (int fd = 3; fd < kMostDescriptors; ++fd) {
            struct stat facts {};
            if (fstat(fd, &facts) == 0 && S_ISCHR(facts.st_mode)) close(fd);
        }
        _exit(0);
    }
    close_range(3, ~0U, 0);
    auto deadline = monotonic_now() + kCloseLimit;
    while (pid > 0 && waitpid(pid, nullptr, WNOHANG) == 0 && monotonic_now() < deadline) usleep(5'000);
}

// The life that is lost had raised its own limit, and what the kernel gave it stood in the page.
void lower_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur != kMostDescriptors) return;
    limit.rlim_cur = kKernelsDescriptors;
    if (limit.rlim_max == kMostDescriptors) limit.rlim_max = kKernelsMostDescriptors;
    setrlimit(RLIMIT_NOFILE, &limit);
}

// In memory: /run is a tmpfs.
bool count_loss() {
    auto earlier = read_whole_file(kLosses);
    auto now = monotonic_now();
    UniqueFd file(open(kLosses, O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0600));
    auto line = fmt::format("{}\n", now.count());
    if (file) [[maybe_unused]] auto ignored = write(file.get(), line.data(), line.size());
    return is_lost_too_often(earlier, now);
}

} // namespace

bool make_clean_slate() {
    bool all = end_everything();
    close_everything();
    return all;
}

bool is_lost_too_often(std::string_view earlier, Ms now) {
    int lately = 1;
    for (auto line : split(earlier, '\n', true))
        if (auto at = parse_unsigned(line); at && now - Ms{static_cast<std::int64_t>(*at)} < kLossWindow)
            ++lately;
    return lately > kMostLosses;
}

EarlierLife find_earlier_life(int argc, char** argv) {
    EarlierLife earlier;
    if (argc != 3 || std::strcmp(argv[1], "--resume") != 0) return earlier;
    unblock_fatal_signals();
    UniqueFd page(std::atoi(argv[2]));
    earlier.box = read_black_box(page.get());
    auto found = Recovery::adopt(std::move(page));
    if (!found) {
        earlier.lost = found.error().text;
    } else if (!(*found)->system()) {
        earlier.lost = "the state page has no record of the system";
    } else {
        (*found)->drop_stale_descriptors();
        earlier.recovery = std::move(*found);
        return earlier;
    }
    found = fail("no page"); // which closes its descriptor
    say(fmt::format("init cannot take over what runs ({}): it ends all of it and begins anew",
                    earlier.lost));
    if (count_loss()) {
        say("init has lost its state too often");
        become_rescue("init loses its state again and again");
    }
    if (!make_clean_slate()) say("some processes cannot be ended, and stay");
    lower_descriptor_limit();
    return earlier;
}

} // namespace leash
