// SPDX-License-Identifier: MIT
// The program that serves watchdogd's clients. PID 1 starts it with the link at 3 and the two
// listening sockets at 4 and 5, so that it needs no right but to look whether processes live: it gives
// up all others first. Arguments: "again" where an earlier one was lost.
#include "watchdog/clients/server.h"
#include "watchdog/helpers.h"

#include <csignal>
#include <cstring>

#include <grp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

namespace {

// Nobody's account, and not the user nobody, as which services may run that could stop it.
constexpr unsigned kNobody = 65532;

// A descriptor for each client, one for each connection, and a few.
void allow_descriptors() {
    constexpr rlim_t kMost = leash_clients::kMaxClients + leash_clients::kMaxConnections + 64;
    rlimit limit{kMost, kMost};
    if (setrlimit(RLIMIT_NOFILE, &limit) == 0) return;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
}

bool give_up_rights() {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (geteuid() != 0) return true;
    return setgroups(0, nullptr) == 0 && setresgid(kNobody, kNobody, kNobody) == 0 &&
           setresuid(kNobody, kNobody, kNobody) == 0;
}

} // namespace

int leash_watchdog::clients_main(int argc, char** argv) {
    prctl(PR_SET_NAME, "leash-clients", 0, 0, 0); // run from memory, it would be called by a number
    std::signal(SIGPIPE, SIG_IGN);
    std::signal(SIGHUP, SIG_IGN);
    allow_descriptors();
    if (!give_up_rights()) return 2;
    leash_clients::Server server(argc > 1 && std::strcmp(argv[1], "again") == 0);
    return server.run();
}
