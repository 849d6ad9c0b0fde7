// SPDX-License-Identifier: MIT
// Crash-only PID 1: what a next life of init needs to know stands in a state page all the time.
// init/crash.h is how it gets there.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/state_page.h"
#include "plugin/host.h"
#include "service/life_record.h"
#include "service/manager.h"

namespace leash {

// Another build may read these if the version is the same. Plain, fixed size, no pointer;
// descriptors are numbers that stay the same across an exec.
struct SystemRecord {
    static constexpr int kCrashes = 64;
    std::int32_t phase; // as enum Phase
    std::int32_t log_fd, log_pid, control_fd;
    std::int32_t module_fd; // /dev/leash, as controller
    char target[64];
    char module_text[128];
    std::int32_t crashes; // all of them
    std::int64_t crash_times[kCrashes]; // ms, the newest ones
    std::int32_t lives_cut_short; // in a row: died before recovery was complete
    // The next life reads these before it can read a file.
    std::int32_t limit_count; // crash-limit; 0: not read yet
    std::int64_t limit_window; // ms
    // Where the machine is bound for; counts with phase going_down.
    std::int32_t end_kind; // as enum EndKind
    std::int64_t end_deadline; // ms, CLOCK_MONOTONIC: services get no more time for a crash
    std::int32_t exec_kind; // as enum ExecKind: written right before the exec
    std::int32_t reexecs;
    char program[256]; // where init was executed from at boot: an upgrade is looked for there
};

// Why init is executed again.
enum class ExecKind : std::int32_t { crash, planned, soft_reboot };

struct ServiceRecord {
    char name[64];
    LifeRecord life;
    std::uint64_t first_ticks; // start time of first_pid
    std::int32_t first_pid, notify_fd, s6_fd, output_read, output_write;
    std::uint32_t intent; // enum Intent: written before the act
    std::uint32_t scope;  // no file describes it
};

struct PluginRecord {
    static constexpr std::size_t kFds = kMaxSavedFds, kHelpers = 4;
    char name[32];
    std::uint32_t has_bytes, length;
    std::byte bytes[LEASH_PLUGIN_STATE];
    struct { char name[kMaxSavedFdName + 1]; std::int32_t fd; } fds[kFds];
    struct { std::uint64_t cookie; std::int32_t pid; std::int32_t used; } helpers[kHelpers];
};

// How `init --check-state` begins its answer. Another program in init's place would not say so.
inline constexpr const char* kStateIsGood = "the state page can be taken over";

class Recovery {
  public:
    enum class Intent : std::uint32_t { none, spawn, end };
    static constexpr std::uint32_t kVersion = 4;
    static constexpr std::uint32_t kFirstPlugin = 1, kFirstService = 16, kServices = 2048;

    // Without memory for a page there is none: init says so and goes on.
    static std::unique_ptr<Recovery> fresh();
    static Result<std::unique_ptr<Recovery>> adopt(UniqueFd page);

    [[nodiscard]] int fd() const { return page_ ? page_->fd() : -1; }

    // For a binary that is to take over: is all of it there, whole, and of the sizes it knows?
    [[nodiscard]] Result<void> check() const;

    // Once a round of the loop: how long nobody was there is counted from the last call.
    void alive(Ms now);
    [[nodiscard]] Ms last_alive() const; // 0: not known

    void record(const SystemRecord& system);
    void record(const ServiceRecord& service);
    void record(const PluginState& plugin);
    void forget(const std::string& service);

    [[nodiscard]] std::optional<SystemRecord> system() const;
    [[nodiscard]] std::vector<ServiceRecord> services() const;
    [[nodiscard]] std::vector<PluginState> plugins() const;

  private:
    template <class T> std::optional<T> read(std::uint32_t index) const;
    std::uint32_t index_of(const std::string& service);

    std::optional<StatePage> page_;
    std::map<std::string, std::uint32_t> services_, plugins_; // places in the page
    std::vector<std::uint32_t> free_;
    std::uint32_t next_ = kFirstService;
};

} // namespace leash
