// SPDX-License-Identifier: MIT
// watchdogd's clients, as PID 1 sees them: it owns the two sockets, keeps a helper process that serves
// them from the first one that comes on, and turns what that tells into trouble of services or of the
// machine. All state of the clients is the helper's; it outlives a re-exec of PID 1. Where the helper
// dies, its clients are lost: they get EIDRM and subscribe again, as after a restart of watchdogd. The
// sockets stay, and who connects meanwhile waits for the next one.
//
//     clients       = yes     yes, no
//     client-policy = reboot  the answer to a client of no service
//
// Whose a client is, is asked when it subscribes: of a dead process nobody could tell.
//
//   a task of a service     its policy for the trouble "client-deadline"; the end of a main process is
//                           an exit, though, which the service's `restart` answers
//   of no service, root's   `client-policy`
//   of no service, other    is only told: not everyone may end the machine
#pragma once

#include "plugin/leash_plugin.h"
#include "watchdog/clients/client_host.h"
#include "watchdog/clients/link.h"

#include <cstdint>
#include <map>
#include <set>
#include <string>

namespace leash_clients {

enum Cookie : std::uint64_t { // apart from those of the rest of the plugin
    kTimerHelper = 0x3000,
    kFdLink,
    kHelper,
    kFdFirst, // the sockets, until the first client comes
    kFdFirstOld,
};

class Clients {
  public:
    // `rest` answers what is not about clients. A host without the keys has no clients.
    void start(const leash_host* host, ClientHost* rest);
    // True: it was for the clients alone.
    bool event(const leash_event& event);
    // To be called after set_enabled(), whoever called that: deadlines rest while it is off.
    void note_enabled();

  private:
    void adopt_or_open();
    int open_socket(const std::string& path, const char* name);
    void await_first();
    void first_came(std::int64_t now);
    void spawn(std::int64_t now);
    void lost(std::int64_t now, const char* how);
    bool read_link(std::int64_t now);
    void hear(const LinkMessage& message);
    void verdict(const LinkMessage& message);
    void over(const LinkMessage& message);
    void succeeded(const LinkMessage& message);
    [[nodiscard]] std::string source_of(const LinkMessage& message) const;
    void remember(const LinkMessage& message) { standing_[source_of(message)].insert(message.serial); }
    [[nodiscard]] bool may_judge(const LinkMessage& message) const;
    [[nodiscard]] bool may_tell();
    void of_machine(const LinkMessage& message, const char* label, const char* evidence);
    LinkMessage answer_to(const LinkMessage& question);
    void tell(const LinkMessage& message);
    void show();
    __attribute__((format(printf, 3, 4))) void say(leash_level level, const char* format, ...);

    const leash_host* host_ = nullptr;
    ClientHost* rest_ = nullptr;
    bool on_ = false;
    bool ending_ = false;
    bool waits_ = false; // for the first client, without a helper
    bool again_ = false; // a helper was lost
    bool told_enabled_ = true;
    std::string root_; // tests: the sockets lie below it
    std::string policy_;
    int link_ = -1;
    int sockets_[2] = {-1, -1};
    std::int32_t helper_ = 0;
    std::int64_t spawned_ = 0;
    std::int64_t pause_ = 0;
    struct Main {
        std::uint64_t start;
        std::int32_t pid;
    };
    std::map<std::string, Main, std::less<>> mains_; // of services
    std::map<std::string, std::set<std::uint64_t>> standing_; // serials of those in trouble
    std::int64_t told_minute_ = 0;
    int told_ = 0; // of strangers, in that minute
};

} // namespace leash_clients
