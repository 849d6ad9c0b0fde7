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
#include "init/kept_configuration.h"
#include "plugin/host.h"
#include "service/life_record.h"
#include "service/machine_trouble.h"
#include "service/manager.h"
#include "spawn/spawn.h"

namespace leash {

// Another build may read these if the version is the same. Plain, fixed size, no pointer;
// descriptors are numbers that stay the same across an exec.
struct SystemRecord {
    static constexpr int kCrashes = 64;
    std::int32_t phase; // as enum Phase
    std::int32_t log_fd, log_pid, control_fd;
    std::int32_t module_fd; // /dev/leash, as controller
    std::int32_t records_fd; // the spool of records of trouble
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
    EditionRecords editions; // of the configuration
    DescriptorLimit descriptor_limit; // of before init raised its own: what services get
    char program[256]; // where init was executed from at boot: an upgrade is looked for there
    char crash_text[160];   // the last crash in short, and the file that tells the rest
    char crash_report[128];
};

// Why init is executed again.
enum class ExecKind : std::int32_t { crash, planned, soft_reboot };

struct ServiceRecord {
    char name[64];
    LifeRecord life;
    std::uint64_t first_ticks; // start time of first_pid
    std::int32_t first_pid, notify_fd, s6_fd;
    std::int32_t output; // of the pipe of its output
    std::int32_t notify_access; // NOTIFYACCESS=, as enum NotifyAccess; -1: as its file says
    std::uint32_t intent; // enum Intent: written before the act
    std::uint32_t scope;  // no file describes it
    // Editions of the configuration, 0: the newest. What describes it, and what its start is under.
    std::uint32_t described_by, in_force;
    static constexpr std::size_t kHeld = 4;
    std::int32_t held[kHeld]; // signals that wait for evidence about the start, in their order; 0: none
};

// Descriptors that services have left for their next start. fd -1 or an empty service: a free place.
struct StoredRecord {
    static constexpr int kEntries = 6;
    struct Entry {
        char service[64];
        char name[256];
        std::int32_t fd;
        std::uint32_t poll;
    } entries[kEntries];
};

// What is listened on for a service; the hash of what each was made from tells whether it is described
// still. fd -1: none.
struct SocketsRecord {
    char service[64];
    struct Entry { std::int32_t fd; std::uint32_t identity; } sockets[kMostListening];
};

struct PluginRecord {
    static constexpr std::size_t kFds = kMaxSavedFds, kHelpers = 12;
    char name[32];
    std::uint32_t has_bytes, length;
    std::byte bytes[LEASH_PLUGIN_STATE];
    struct { char name[kMaxSavedFdName + 1]; std::int32_t fd; } fds[kFds];
    struct { std::uint64_t cookie; std::int32_t pid; std::int32_t used; } helpers[kHelpers];
};

// user:NAME, as far as they are set.
struct UserConditions {
    static constexpr std::size_t kMost = 60;
    std::uint32_t count;
    char names[kMost][32];
};

// How `init --check-state` begins its answer. Another program in init's place would not say so.
inline constexpr const char* kStateIsGood = "the state page can be taken over";

class Recovery {
  public:
    enum class Intent : std::uint32_t { none, spawn, end };
    static constexpr std::uint32_t kVersion = 14;
    static constexpr std::uint32_t kFirstPlugin = 1, kUserConditions = 15, kFirstService = 16,
                                   kServices = 2048;
    static constexpr std::uint32_t kFirstStored = kFirstService + kServices, kStored = 128;
    static constexpr std::uint32_t kFirstSockets = kFirstStored + kStored, kSockets = 256;
    static constexpr std::uint32_t kFirstTrouble = kFirstSockets + kSockets,
                                   kTroubles = MachineTroubles::kMost;

    // Without memory for a page there is none: init says so and goes on.
    static std::unique_ptr<Recovery> fresh();
    static Result<std::unique_ptr<Recovery>> adopt(UniqueFd page);

    [[nodiscard]] int fd() const { return page_ ? page_->fd() : -1; }
    // For init/black_box.h; empty without a page.
    [[nodiscard]] std::span<std::byte> extra() const {
        return page_ ? page_->extra() : std::span<std::byte>();
    }

    // First thing in a new life, before it opens anything: a number that nothing is open under, or that
    // two claim, is what the earlier life had closed but not yet written down. Under such a number this
    // life would meet something of its own. They become -1. How many there were.
    int drop_stale_descriptors();
    [[nodiscard]] int stale_descriptors() const { return stale_; }

    // For a binary that is to take over: is all of it there, whole, and of the sizes it knows?
    [[nodiscard]] Result<void> check() const;

    [[nodiscard]] KeptConfiguration& configuration() { return configuration_; }

    // Once a round of the loop: how long nobody was there is counted from the last call.
    void alive(Ms now);
    [[nodiscard]] Ms last_alive() const; // 0: not known

    void record(const SystemRecord& system);
    void record(const ServiceRecord& service);
    void record(const PluginState& plugin);
    void record_user_conditions(const std::vector<std::string>& names); // the first kMost
    [[nodiscard]] bool knows(const std::string& service) const { return services_.contains(service); }
    void forget(const std::string& service);
    // Beyond kSockets services they are opened anew after a crash.
    void record(const SocketsRecord& sockets);
    void forget_sockets(const std::string& service);

    void forget_machine_troubles();
    void record_machine_trouble(std::uint32_t place, const MachineTroubleRecord& trouble);

    // A place for one more descriptor that is to outlive this life; -1: none is left.
    [[nodiscard]] int keep_descriptor(const std::string& service, const std::string& name, int fd,
                                      bool poll);
    void release_descriptor(int place);
    struct Kept {
        int place = -1, fd = -1;
        std::string service, name;
        bool poll = false;
    };
    [[nodiscard]] std::vector<Kept> kept_descriptors() const;

    [[nodiscard]] std::optional<SystemRecord> system() const;
    [[nodiscard]] std::vector<ServiceRecord> services() const;
    [[nodiscard]] std::vector<PluginState> plugins() const;
    [[nodiscard]] std::vector<std::string> user_conditions() const;
    [[nodiscard]] std::vector<SocketsRecord> sockets() const;
    [[nodiscard]] std::map<std::uint32_t, MachineTroubleRecord> machine_troubles() const; // by place

  private:
    template <class T> std::optional<T> read(std::uint32_t index) const;
    std::uint32_t index_of(const std::string& service);
    [[nodiscard]] StoredRecord stored(std::uint32_t which) const;

    std::optional<StatePage> page_;
    KeptConfiguration configuration_;
    std::map<std::string, std::uint32_t> services_, plugins_, sockets_; // places in the page
    std::vector<std::uint32_t> free_;
    int stale_ = 0;
    std::uint32_t next_ = kFirstService;
};

} // namespace leash
