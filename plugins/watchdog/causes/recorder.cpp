// SPDX-License-Identifier: MIT
// The recorder: makes the cause of a reset durable before the reset comes, and does nothing else.
//
// It is a process apart, since PID 1 may not touch a disk and since the most interesting cause is PID 1
// itself: when the kicker feeds no more it wakes the recorder (futex `alarm` of the verdict page), which
// writes down why while the timer runs out, and takes it back should the feeding recover. A static
// program from a sealed memfd with its memory locked: nothing is read from a disk to get it to run.
//
// Threads: one for each page does nothing but wait for its futex and pass that on; all else happens in
// main(). Descriptors and messages: wire.h.
#include "../helpers.h"
#include "hook.h"
#include "ledger.h"
#include "pstore.h"
#include "stall.h"
#include "wire.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace leash_watchdog {
namespace {

constexpr std::size_t kThreadStack = 64 * 1024; // locked, so small

leash_verdict_page* g_pages[kMostPages];
int g_page_count = 0;
int g_alarm = -1; // eventfd
Ledger g_ledger;
Danger g_danger = Danger::none; // as last recorded
std::int64_t g_lived_ms = 0;    // when this life has proved itself, 0: it has

std::int64_t clock_ms(clockid_t clock) {
    timespec now{};
    clock_gettime(clock, &now);
    return now.tv_sec * std::int64_t{1000} + now.tv_nsec / 1'000'000;
}
std::int64_t now_s() {
    return clock_ms(CLOCK_REALTIME) / 1000;
}
std::int64_t uptime_ms() {
    return clock_ms(CLOCK_BOOTTIME);
}

void* wait_for_alarms(void* argument) {
    auto* page = static_cast<leash_verdict_page*>(argument);
    for (;;) {
        std::uint32_t seen = leash_page_get(page, alarm);
        std::uint64_t one = 1;
        [[maybe_unused]] ssize_t ignored = write(g_alarm, &one, sizeof one);
        syscall(SYS_futex, &page->alarm, FUTEX_WAIT, seen, nullptr, nullptr, 0);
    }
}

void to_kernel_log(const char* what, const Record& record) {
    int fd = open("/dev/kmsg", O_WRONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return;
    char text[480];
    int length = std::snprintf(text, sizeof text, "<3>leash-recorder: %s: %s: %s\n", what, record.cause,
                               record.evidence);
    [[maybe_unused]] ssize_t ignored =
        write(fd, text, std::min(static_cast<std::size_t>(length), sizeof text - 1));
    close(fd);
}

void read_boot_id(char (&id)[40]) {
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    char text[40] = "";
    ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    put(id, {text, got > 0 ? static_cast<std::size_t>(got) : 0});
}

void read_task_name(Record& record) {
    if (record.task <= 0 || record.task_name[0] != '\0') return;
    char path[40];
    std::snprintf(path, sizeof path, "/proc/%d/comm", record.task);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return; // it is gone
    char text[32] = "";
    ssize_t got = read(fd, text, sizeof text - 1);
    close(fd);
    if (got > 0 && text[got - 1] == '\n') --got;
    if (got > 0) put(record.task_name, {text, static_cast<std::size_t>(got)});
}

// PID 1 may stand still: never waits for it.
void tell(const Answer& answer) {
    send(kRecorderSocket, &answer, sizeof answer, MSG_DONTWAIT | MSG_NOSIGNAL);
}

void tell_state(std::uint32_t serial, int error, bool history) {
    static Answer answer; // some kilobytes
    answer = Answer{};
    answer.booted = g_ledger.booted();
    const auto& records = g_ledger.history();
    answer.count = static_cast<std::uint32_t>(records.count);
    if (history) {
        answer.what = Tell::ring;
        for (std::size_t i = 0; i < records.count; ++i) {
            answer.index = static_cast<std::uint32_t>(i);
            answer.record = records.ring[i];
            tell(answer);
        }
    }
    answer.what = Tell::state;
    answer.serial = serial;
    answer.error = -error;
    answer.record = g_ledger.last();
    answer.armed = g_ledger.armed();
    answer.spent = g_ledger.spent_now(now_s());
    if (history) put(answer.text, g_ledger.complaint());
    tell(answer);
}

void boot(const Request& request) {
    Found found;
    read_boot_id(found.life);
    found.now_s = now_s();
    found.uptime_ms = uptime_ms();
    found.wdt_flags = request.wdt_flags;
    found.minimum_uptime_ms = request.rules.minimum_uptime_ms;
    // The last words of an earlier kernel, where this one can keep such. To mount it reads them all,
    // which may take its time.
    mount("pstore", "/sys/fs/pstore", "pstore", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
    newest_panic("/sys/fs/pstore", found);
    int error = g_ledger.boot(request.file, found, request.rules, request.anew != 0);
    if (g_ledger.armed().uptime_ms < request.rules.minimum_uptime_ms)
        g_lived_ms = std::max<std::int64_t>(request.rules.minimum_uptime_ms, 1);
    tell_state(request.serial, error, true);
}

// False: PID 1 has closed its end, which it does only to replace us.
bool serve() {
    static Request request;
    ssize_t got = recv(kRecorderSocket, &request, sizeof request, MSG_DONTWAIT | MSG_TRUNC);
    if (got < 0) return errno == EAGAIN || errno == EINTR;
    if (got == 0) return false;
    if (got != sizeof request || request.magic != kWireMagic || request.version != kWireVersion)
        return false;
    request.file[sizeof request.file - 1] = '\0';
    int error = 0;
    switch (request.what) {
    case Ask::boot: boot(request); return true;
    case Ask::arm:
    case Ask::end:
    case Ask::overdue:
        read_task_name(request.record);
        if (request.what == Ask::arm) error = g_ledger.arm(request.record, now_s(), uptime_ms());
        else if (request.what == Ask::overdue)
            error = g_ledger.overdue(request.record, now_s(), uptime_ms());
        else error = g_ledger.end(request.record, now_s(), uptime_ms());
        tell_state(request.serial, error, false);
        return true;
    case Ask::rules:
        g_ledger.set_rules(request.rules);
        tell_state(request.serial, 0, false);
        return true;
    case Ask::clear:
        error = g_ledger.clear();
        tell_state(request.serial, error, true);
        return true;
    }
    return false;
}

const char* cause_of(Danger danger) {
    switch (danger) {
    case Danger::loop: return "loop-stalled";
    case Danger::kicker: return "kicker-lost";
    default: return "starved";
    }
}

void look_at_the_pages() {
    if (!g_ledger.booted()) return;
    std::int64_t now = clock_ms(CLOCK_MONOTONIC);
    Danger found = Danger::none;
    int which = 0;
    for (int i = 0; i < g_page_count && found == Danger::none; ++i) {
        found = danger(*g_pages[i], now);
        which = i;
    }
    if (found == g_danger) return;
    bool was = g_danger != Danger::none;
    g_danger = found;
    Record record;
    if (found == Danger::none) {
        if (!was) return;
        int error = g_ledger.stall_over();
        put(record.cause, "none");
        put(record.evidence, "the WDT is kicked again");
        to_kernel_log("taken back", record);
        tell_state(0, error, false);
        return;
    }
    put(record.cause, cause_of(found));
    describe(found, *g_pages[which], now, record.evidence, sizeof record.evidence);
    // First what is known; the timer runs. Then what it takes a look to know.
    int error = g_ledger.stalled(record, now_s(), uptime_ms());
    std::size_t length = std::strlen(record.evidence);
    describe_pid1(record.evidence + length, sizeof record.evidence - length);
    record.task = 1;
    read_task_name(record);
    if (error == 0) error = g_ledger.stalled(record, now_s(), uptime_ms());
    to_kernel_log(error == 0 ? "recorded" : "NOT recorded", record);
}

// How long until there is something to look at without an alarm: a kicker that is dead rings no bell.
int patience() {
    std::int64_t shortest = -1;
    auto sooner = [&](std::int64_t ms) {
        if (shortest < 0 || ms < shortest) shortest = std::max<std::int64_t>(ms, 0);
    };
    for (int i = 0; i < g_page_count; ++i) {
        auto* page = g_pages[i];
        if (leash_page_get(page, command) != LEASH_COMMAND_KICK) continue;
        if (leash_page_get(page, last_kick_ms) == 0) continue;
        sooner(std::clamp<std::int64_t>(leash_page_get(page, interval_ms) / 4, 200, 2000));
    }
    if (g_ledger.booted() && g_lived_ms > 0) sooner(g_lived_ms - uptime_ms());
    return static_cast<int>(std::min<std::int64_t>(shortest, 3'600'000));
}

void watch(leash_verdict_page* page) {
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, kThreadStack);
    pthread_t thread;
    // Without it the regular look has to do.
    (void)pthread_create(&thread, &attributes, wait_for_alarms, page);
    pthread_attr_destroy(&attributes);
}

void prepare() {
    sigset_t all;
    sigfillset(&all);
    for (int number : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP})
        sigdelset(&all, number);
    sigprocmask(SIG_SETMASK, &all, nullptr);
    prctl(PR_SET_NAME, "leash-recorder");
    prctl(PR_SET_DUMPABLE, 0);
    // Refused in a container, for example: it runs then with what there is.
    (void)mlockall(MCL_CURRENT | MCL_FUTURE);
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    [[maybe_unused]] ssize_t ignored = write(fd, "-1000", 5);
    close(fd);
}

int run(int pages) {
    prepare();
    g_alarm = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (g_alarm < 0) return 2;
    for (int i = 0; i < pages; ++i) {
        void* map = mmap(nullptr, LEASH_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
                         kRecorderPages + i, 0);
        auto* page = static_cast<leash_verdict_page*>(map);
        if (map == MAP_FAILED) return 2;
        if (page->magic != LEASH_PAGE_MAGIC || page->version != LEASH_PAGE_VERSION) return 3;
        g_pages[g_page_count++] = page;
        watch(page);
    }
    for (;;) {
        pollfd wait[] = {{kRecorderSocket, POLLIN, 0}, {g_alarm, POLLIN, 0}};
        poll(wait, 2, patience());
        std::uint64_t count = 0;
        [[maybe_unused]] ssize_t ignored = read(g_alarm, &count, sizeof count);
        if (wait[0].revents != 0 && !serve()) return 0;
        look_at_the_pages();
        if (g_lived_ms > 0 && g_ledger.booted() && uptime_ms() >= g_lived_ms) {
            g_lived_ms = 0;
            tell_state(0, g_ledger.lived(uptime_ms()), false);
        }
    }
}

} // namespace

int recorder_main(int argc, char** argv) {
    if (argc >= 2 && std::strcmp(argv[1], "hook") == 0) return run_hook(argc - 2, argv + 2);
    int pages = argc == 2 ? std::atoi(argv[1]) : -1;
    return pages >= 0 && pages <= kMostPages ? run(pages) : 1;
}

} // namespace leash_watchdog
