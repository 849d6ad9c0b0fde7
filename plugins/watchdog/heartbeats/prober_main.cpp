// SPDX-License-Identifier: MIT
// The prober: connects where the plugin tells it to, and counts what a service's tasks have done. It
// talks to strangers, so it has no more rights than it needs, a bounded number of probes, and a fixed
// room for each. It ends when PID 1's end of its socket is closed.
#include "../helpers.h"
#include "http_reply.h"
#include "probe_target.h"
#include "progress_reader.h"
#include "prober_protocol.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

using namespace leash_watchdog;

// Nobody's account, and not the user nobody, as which services may run that could stop it.
constexpr unsigned kNobody = 65533;
constexpr std::int64_t kRetry = 20; // a unix socket whose backlog is full

struct Probe {
    bool used = false;
    std::uint64_t id = 0;
    std::uint32_t serial = 0;
    std::int64_t began = 0, deadline = 0;
    std::int64_t retry = 0; // connect again then; 0: no
    int fd = -1;
    bool connected = false;
    ProbeTarget target;
    HttpReply reply;
};

Probe g_probes[kMostProbes];

std::int64_t now_ms() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1'000'000;
}

void tell(const ProbeTold& told) {
    for (int i = 0; i < 2; ++i) {
        if (send(kProberSocket, &told, sizeof told, MSG_NOSIGNAL | MSG_DONTWAIT) == sizeof told) return;
        if (errno != EAGAIN) _exit(0); // nobody is there any more
        pollfd wait{kProberSocket, POLLOUT, 0};
        poll(&wait, 1, 100);
    }
}

void drop(Probe& probe) {
    if (probe.fd >= 0) close(probe.fd);
    probe.fd = -1;
    probe.used = false;
}

void finish(Probe& probe, bool good, const char* why) {
    ProbeTold told;
    told.id = probe.id;
    told.serial = probe.serial;
    told.good = good ? 1 : 0;
    std::snprintf(told.why, sizeof told.why, "%s", why);
    drop(probe);
    tell(told);
}

void fail(Probe& probe, const char* what, int error) {
    char why[96];
    std::snprintf(why, sizeof why, "%s: %s", what, std::strerror(error));
    finish(probe, false, why);
}

void connected(Probe& probe) {
    probe.connected = true;
    if (!probe.target.http) {
        finish(probe, true, "");
        return;
    }
    ssize_t sent = send(probe.fd, probe.target.request, probe.target.request_length,
                        MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) fail(probe, "send", errno);
    else if (static_cast<std::size_t>(sent) != probe.target.request_length)
        finish(probe, false, "the request does not fit into the socket");
}

void try_connect(Probe& probe, std::int64_t now) {
    probe.retry = 0;
    if (probe.fd < 0)
        probe.fd = socket(probe.target.address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (probe.fd < 0) {
        fail(probe, "socket", errno);
        return;
    }
    if (connect(probe.fd, reinterpret_cast<const sockaddr*>(&probe.target.address),
                probe.target.length) == 0)
        connected(probe);
    else if (errno == EAGAIN) probe.retry = now + kRetry;
    else if (errno != EINPROGRESS) fail(probe, "connect", errno);
}

void begin(const ProbeAsk& ask, std::int64_t now) {
    Probe* free = nullptr;
    for (auto& probe : g_probes) {
        if (probe.used && probe.id == ask.id) drop(probe); // asked anew
        if (!probe.used && free == nullptr) free = &probe;
    }
    if (free == nullptr) {
        ProbeTold told;
        told.id = ask.id;
        told.serial = ask.serial;
        std::snprintf(told.why, sizeof told.why, "more than %u probes at a time", kMostProbes);
        tell(told);
        return;
    }
    Probe& probe = *free;
    probe = Probe{};
    probe.used = true;
    probe.id = ask.id;
    probe.serial = ask.serial;
    probe.began = now;
    probe.deadline = now + std::clamp<std::int64_t>(ask.limit, 1, 24 * 3'600'000);
    if (!parse_target(ask.target, probe.target)) finish(probe, false, "its target is not understood");
    else try_connect(probe, now);
}

void ready(Probe& probe) {
    if (!probe.connected) {
        int error = 0;
        socklen_t size = sizeof error;
        if (getsockopt(probe.fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
        if (error != 0) fail(probe, "connect", error);
        else connected(probe);
        return;
    }
    char bytes[512]; // no more at a time: the others have their turn in between
    ssize_t got = recv(probe.fd, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got < 0) {
        if (errno != EAGAIN && errno != EINTR) fail(probe, "receive", errno);
        return;
    }
    auto state = got == 0 ? probe.reply.end() : probe.reply.take(bytes, static_cast<std::size_t>(got));
    if (state == HttpReply::State::good) {
        finish(probe, true, "");
    } else if (state == HttpReply::State::bad) {
        char why[96];
        if (probe.reply.status() != 0) std::snprintf(why, sizeof why, "status %d", probe.reply.status());
        else std::snprintf(why, sizeof why, "%s", probe.reply.why());
        finish(probe, false, why);
    }
}

void expire(Probe& probe, std::int64_t now) {
    char why[96];
    std::snprintf(why, sizeof why, "%s within %.1f s",
                  probe.connected ? "connected, but no answer" : "no connection",
                  static_cast<double>(now - probe.began) / 1000);
    finish(probe, false, why);
}

void answer_progress(const ProbeAsk& ask) {
    ProbeTold told;
    told.id = ask.id;
    told.serial = ask.serial;
    told.good = read_progress(ask.pid, told.progress) ? 1 : 0;
    tell(told);
}

void hear(std::int64_t now) {
    for (unsigned i = 0; i < 32; ++i) { // then the probes have their turn
        ProbeAsk ask;
        ssize_t got = recv(kProberSocket, &ask, sizeof ask, MSG_DONTWAIT | MSG_TRUNC);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (got != sizeof ask || ask.magic != kAskMagic) _exit(0);
        ask.target[sizeof ask.target - 1] = '\0';
        if (ask.kind == ProbeKind::progress) answer_progress(ask);
        else if (ask.kind == ProbeKind::connect) begin(ask, now);
    }
}

// Sockets of any user, and /proc/PID/io of any process; nothing else. Where that cannot be had (a
// container), what there is has to do.
void give_up_rights() {
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    if (setgroups(0, nullptr) == 0 && setresgid(kNobody, kNobody, kNobody) == 0)
        (void)!setresuid(kNobody, kNobody, kNobody);
    __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
    __user_cap_data_struct data[2]{};
    data[0].effective = data[0].permitted = (1U << CAP_DAC_OVERRIDE) | (1U << CAP_SYS_PTRACE);
    syscall(SYS_capset, &header, data);
    rlimit files{kMostProbes + 32, kMostProbes + 32};
    setrlimit(RLIMIT_NOFILE, &files);
    rlimit none{0, 0};
    setrlimit(RLIMIT_CORE, &none);
}

} // namespace

int leash_watchdog::prober_main() {
    give_up_rights();
    static pollfd polled[kMostProbes + 1];
    static Probe* whose[kMostProbes + 1];
    for (;;) {
        nfds_t count = 0;
        polled[count++] = {kProberSocket, POLLIN, 0};
        std::int64_t next = -1;
        auto earlier = [&](std::int64_t time) {
            if (next < 0 || time < next) next = time;
        };
        for (auto& probe : g_probes) {
            if (!probe.used) continue;
            earlier(probe.deadline);
            if (probe.retry != 0) {
                earlier(probe.retry);
                continue;
            }
            whose[count] = &probe;
            polled[count++] = {probe.fd, static_cast<short>(probe.connected ? POLLIN : POLLOUT), 0};
        }
        std::int64_t wait = next < 0 ? -1 : std::clamp<std::int64_t>(next - now_ms(), 0, 60'000);
        if (poll(polled, count, static_cast<int>(wait)) < 0 && errno != EINTR) return 1;
        for (nfds_t i = 1; i < count; ++i)
            if (polled[i].revents != 0 && whose[i]->used) ready(*whose[i]);
        auto now = now_ms();
        for (auto& probe : g_probes) {
            if (probe.used && probe.deadline <= now) expire(probe, now);
            else if (probe.used && probe.retry != 0 && probe.retry <= now) try_connect(probe, now);
        }
        if (polled[0].revents != 0) hear(now);
    }
}
