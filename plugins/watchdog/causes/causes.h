// SPDX-License-Identifier: MIT
// PID 1's part of "every reset has a name": keeps the recorder running, tells it the cause of an end in
// time, decides by what it tells at boot, and answers for it. Nothing here touches a disk.
#pragma once

#include "budget.h"
#include "plugin/leash_plugin.h"
#include "record.h"
#include "wire.h"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace leash_watchdog {

// A reset with a delay: as much of it as a re-exec of PID 1 has to keep.
struct SavedReset {
    std::int64_t due_ms = 0; // 0: none
    std::int32_t task = 0;
    char cause[32] = "";
    char service[64] = "";
    char evidence[120] = "";
};

class Causes {
  public:
    // `pages`: descriptors of the verdict pages. `fresh`: they are new, so a recorder of before looks
    // at others. `resumed`: PID 1 has been executed anew.
    void start(const leash_host* host, const std::vector<int>& pages, bool fresh, bool resumed);
    // init.conf has been read again; `pages`: there may be more of them.
    void reconfigure(const std::vector<int>& pages);
    // A reset that waits for its time, for the next life of PID 1.
    [[nodiscard]] const SavedReset& waiting_reset() const { return waiting_; }
    void go_on(const SavedReset& reset);
    // Modules and mounts are there; `wdt_flags`: WDIOC_GETBOOTSTATUS of all WDTs, ORed. Holds the boot
    // until the recorder has told what the last life died of.
    void brought_up(std::uint32_t wdt_flags);
    // True: it was about the recorder alone.
    bool event(const leash_event& event);

    // What is the cause, should the machine be reset from now on; durable soon. Empty fields are fine;
    // cause, service, client, task and evidence count, the rest is filled in.
    void record(const Record& cause);
    // Why the machine was reset last, null until the recorder has told. The ring is the oldest first.
    [[nodiscard]] const Record* last_reason() const { return known_ ? &last_ : nullptr; }
    // What would be the cause if it were reset now.
    [[nodiscard]] const Record& next_reason() const { return armed_; }
    [[nodiscard]] const std::vector<Record>& ring() const { return ring_; }
    [[nodiscard]] std::uint32_t counter() const { return last_.resets; }
    // Resets that follow begin to count at 0, and the budget of reboots is whole again.
    void clear();
    // A client is in trouble, and what answers it may end the machine: then this was whose fault.
    void suspect(const Record& client) { suspect_ = client; }
    // Ends the machine by the WDT after `delay_ms`, with this cause. 0 or a negative errno.
    int reset(const Record& cause, std::int64_t delay_ms);

    // Whether a policy may reboot the machine for `kind` of trouble: 0, or -EBUSY and why not.
    int may_reboot(const char* kind, char* why, std::size_t size) const;

    // reason [all|next], counter, clear, fail CODE [MSEC] [TEXT], reset [MSEC] [TEXT]; a negative
    // number: the word is not one of these.
    int command(const leash_command& command);

  private:
    void read_settings();
    void unpack(); // the program, once
    void spawn();
    void drop_recorder();
    void send(Request& request);
    void flush();
    void ask_boot(bool anew);
    void receive();
    void take_state(const Answer& answer);
    void decide();
    void run_hook(const char* key, const std::string& command);
    void going_down(const leash_event& event);
    void reset_overdue(const leash_event& event);
    static void name_task(Record& record);
    void show() const;
    int fail_command(const leash_command& command);
    int reset_command(const leash_command& command);

    const leash_host* host_ = nullptr;
    std::string file_; // empty: nothing is recorded
    BudgetRules rules_;
    std::vector<std::string> safe_on_;
    std::string cause_hook_, boot_fail_hook_;

    std::vector<int> pages_;
    int socket_ = -1;
    int program_ = -1;
    std::int64_t spawned_ms_ = 0;
    std::uint32_t wdt_flags_ = 0;
    std::vector<Request> unanswered_; // the newest of each kind, in their order
    std::size_t unsent_ = 0;          // of these, from the end
    std::uint32_t serial_ = 0, boot_serial_ = 0, end_serial_ = 0;

    bool known_ = false;
    bool brought_up_ = false;
    Record last_, armed_;
    std::vector<Record> ring_, incoming_;
    Spent spent_;
    std::map<std::string, std::int32_t> main_pids_; // of services that run
    Record suspect_;     // the client that was in trouble last
    Record reset_cause_; // of a reset that waits for its time
    SavedReset waiting_; // the same
};

// One record as a JSON object.
[[nodiscard]] std::string to_json(const Record& record);

} // namespace leash_watchdog
