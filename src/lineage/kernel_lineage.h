// SPDX-License-Identifier: MIT
// /dev/leash as C++: each call of the kernel module's interface (<linux/leash.h>, which documents
// them) with its errors as sentences. No call here waits but `rescan`, so PID 1's loop may make them.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <linux/leash.h>
#include <sys/types.h>

#include "base/clock.h"
#include "base/result.h"
#include "base/tag.h"
#include "base/unique_fd.h"

namespace leash {

inline constexpr const char* kLeashDevice = "/dev/leash";

// Joins the starts of one service: made from its name, never 0.
[[nodiscard]] std::uint64_t group_of(std::string_view service);

class KernelLineage {
  public:
    enum class Role { observer, controller };
    // Error code ENOENT: the module is not loaded; EBUSY: there is a controller already; EPERM,
    // EACCES: not allowed; EPROTO: an ABI that this program does not speak.
    static Result<KernelLineage> open(Role role);
    // A descriptor of /dev/leash that was kept, as across an execve.
    static Result<KernelLineage> take_over(UniqueFd fd);
    // Is this open descriptor one of /dev/leash, opened by a controller? For a life of PID 1 that
    // has lost its state: a second open would be EBUSY.
    [[nodiscard]] static bool is_controller(int fd);
    // The first such one from 3 up to below `end`; -1: there is none.
    [[nodiscard]] static int find_controller(int end);

    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] const leash_version& version() const { return version_; }

    // The controller's.
    Result<void> set_start(StartId id, std::string_view service, std::uint64_t cgroup);
    Result<void> forget_start(StartId id); // as soon as its last process is gone
    Result<void> arm(StartId id);          // for the next fork of this thread; 0 disarms
    struct Which {
        pid_t pid = 0;              // 0: the caller's process
        std::uint64_t start_ns = 0; // 0: whichever has the pid
        bool tree = false;          // and its living descendants
    };
    Result<int> adopt(StartId id, Which which, bool replace = false);
    Result<int> spare(StartId id, Which which, bool clear = false);
    struct KillOptions {
        bool spared = false; // those that are spared, too
        bool tagged = false; // those that only their tag claims, too
        bool group = false;  // all starts of the group that `id` is then
    };
    struct Killed {
        int signalled = 0;
        int live = 0;    // not dead yet
        int spared = 0;  // living ones passed by
        int claimed = 0; // living ones passed by because only a tag says so
        bool incomplete = false; // the module has lost track of something: rescan
    };
    Result<Killed> kill(StartId id, int signal, KillOptions options);
    struct Limits {
        std::uint32_t processes = 0; // at one time, with zombies; 0: no limit
        std::uint32_t forks = 0;     // within `period`; 0: no limit
        Ms period{0};
        std::uint32_t action = LEASH_LIMIT_TELL;
    };
    Result<void> limit_start(StartId id, const Limits& limits);
    // timeout_ms 0 disarms. Error code ENODATA of a ping: it is not armed.
    Result<void> set_deadman(leash_deadman deadman);
    Result<void> ping() { return ping(fd_.get()); }
    static Result<void> ping(int fd); // by a descriptor that another life has left
    Result<int> rescan(); // by parent, cgroup and tag; may wait: in a worker only

    // An observer's.
    [[nodiscard]] std::optional<leash_whois> whois(pid_t pid, std::uint64_t start_ns = 0) const;
    struct Filter {
        StartId start = 0;       // 0: all
        std::uint64_t group = 0; // 0: all
        bool threads = false, attributed = false, kernel = false;
    };
    // Calls `visit` for each task, in the order of their numbers. `header`, if given, gets the times
    // and the state of the first call.
    Result<void> snapshot(std::uint64_t facts, Filter filter,
                          const std::function<void(const leash_task&)>& visit,
                          leash_snapshot* header = nullptr) const;
    [[nodiscard]] Result<std::vector<leash_start_info>> starts(std::uint64_t group = 0) const;
    [[nodiscard]] std::optional<leash_start_info> start(StartId id) const;
    [[nodiscard]] Result<leash_stats> stats() const;
    [[nodiscard]] std::optional<leash_deadman_info> deadman() const;

  private:
    KernelLineage(UniqueFd fd, const leash_version& version)
        : fd_(std::move(fd)), version_(version) {}
    UniqueFd fd_;
    leash_version version_{};
};

// ioctl(2) on the device; its error with `what` was tried. Tries again after EINTR.
Result<void> ask_device(int fd, unsigned long request, void* argument, const char* what);

// For tests: what stands in for ioctl(2) on the device; null: nothing does.
using DeviceCall = int (*)(int fd, unsigned long request, void* argument);
void set_device_call(DeviceCall call);

// "lineage", "cgroup" or "tag" for LEASH_VIA_*; empty for LEASH_VIA_NONE.
[[nodiscard]] std::string_view source_of_via(unsigned via);

} // namespace leash
