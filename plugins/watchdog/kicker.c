/* SPDX-License-Identifier: MIT */
/*
 * The kicker: kicks the WDT, and does nothing else.
 *
 * It kicks while PID 1's loop and its verdict are fresh (verdict_page.h): a busy PID 1 must not
 * reset a healthy machine, a dead one must not be fed. After its start it makes three system calls
 * only: futex to sleep until the next kick or until PID 1 rings the bell, write to kick, and write
 * to an eventfd that cannot block; a filter holds it to them and to three more, which it needs at odd
 * times. No memory, no file, no log: what it has to say stands in the
 * page.
 *
 * A static program, run from a sealed memfd: no file of it keeps a file system busy, and no disk is
 * needed to page it in. Its descriptors are named in verdict_page.h. It ends only when it is killed
 * or when a pipe stands in for the WDT and has lost its reader.
 */
#include "verdict_page.h"
#include "wdt_calls.h"

#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>

/* Where a long has 64 bits, each of the calls has one number. */
#if defined(__x86_64__)
#define KICKER_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define KICKER_ARCH AUDIT_ARCH_AARCH64
#elif defined(__riscv) && __riscv_xlen == 64
#define KICKER_ARCH AUDIT_ARCH_RISCV64
#endif

#define NS_PER_MS INT64_C(1000000)
#define RECHECK_MS 200 /* while starving: how soon a freshness that is back is seen */

static struct leash_verdict_page* page;

static int64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * INT64_C(1000000000) + now.tv_nsec;
}

static void tell_pid1(void) {
    static const uint64_t one = 1;
    ssize_t ignored = write(LEASH_KICKER_WAKE, &one, sizeof one);
    (void)ignored; /* EAGAIN: it has not looked since the last 2^64 - 2 times */
}

/* Until the absolute time, or until PID 1 has rung since `bell` was read. */
static void sleep_until(int64_t deadline_ns, uint32_t bell) {
    struct timespec until = {.tv_sec = (time_t)(deadline_ns / INT64_C(1000000000)),
                             .tv_nsec = (long)(deadline_ns % INT64_C(1000000000))};
    syscall(SYS_futex, &page->bell, FUTEX_WAIT_BITSET, bell, &until, NULL, FUTEX_BITSET_MATCH_ANY);
}

/* The kernel's struct, which Debian 12's C library does not have. */
struct kernel_sched_attr {
    uint32_t size;
    uint32_t policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime;
    uint64_t deadline;
    uint64_t period;
};

static int be_deadline(void) {
    /* A kick takes some ten µs; 2 ms in every 100 are granted even beside a FIFO 99 that spins. */
    struct kernel_sched_attr wish = {.size = sizeof wish,
                                     .policy = 6, /* SCHED_DEADLINE */
                                     .runtime = 2 * NS_PER_MS,
                                     .deadline = 100 * NS_PER_MS,
                                     .period = 100 * NS_PER_MS};
    return syscall(SYS_sched_setattr, 0, &wish, 0) == 0 ? 0 : errno;
}

static int be_fifo(void) {
    uint32_t level = leash_page_get(page, fifo_level);
    struct sched_param wish = {.sched_priority = level >= 1 && level <= 99 ? (int)level : 99};
    return sched_setscheduler(0, SCHED_FIFO, &wish) == 0 ? 0 : errno;
}

static void be_scheduled(void) {
    int error = 0;
    uint32_t got = leash_page_get(page, want_scheduling);
    if (got == LEASH_SCHEDULING_DEADLINE && (error = be_deadline()) != 0)
        got = LEASH_SCHEDULING_FIFO;
    if (got == LEASH_SCHEDULING_FIFO) {
        int fifo_error = be_fifo();
        if (fifo_error != 0) got = LEASH_SCHEDULING_NORMAL;
        if (error == 0) error = fifo_error;
    }
    leash_page_set(page, got_scheduling, got);
    leash_page_set(page, scheduling_error, error);
}

static int be_spared_by_oom(void) {
    int error = 0;
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return errno;
    if (write(fd, "-1000", 5) != 5) error = errno;
    close(fd);
    return error;
}

static void prepare(void) {
    sigset_t all;
    sigfillset(&all);
    sigdelset(&all, SIGSEGV);
    sigdelset(&all, SIGBUS);
    sigdelset(&all, SIGILL);
    sigdelset(&all, SIGFPE);
    sigdelset(&all, SIGABRT);
    sigdelset(&all, SIGSYS);
    sigdelset(&all, SIGTRAP);
    sigprocmask(SIG_SETMASK, &all, NULL);

    prctl(PR_SET_NAME, "leash-kicker");
    prctl(PR_SET_DUMPABLE, 0); /* nobody attaches by accident */

    /* Everything that is mapped and the stack that will grow is read in now and stays. */
    leash_page_set(page, lock_error, mlockall(MCL_CURRENT | MCL_FUTURE) == 0 ? 0 : errno);
    volatile char stack[16384];
    for (size_t i = 0; i < sizeof stack; i += 512)
        stack[i] = 0;

    leash_page_set(page, oom_error, be_spared_by_oom());
    be_scheduled();
}

/* From now on this process can sleep, kick, tell PID 1 that it has, and lower the timer's timeout:
 * whatever else it is made to try is refused, and it goes on. Where the kernel reads the clock without a
 * system call clock_gettime is not used either. restart_syscall: a sleep that a SIGSTOP has cut. */
static void keep_to_few_calls(void) {
#if defined(KICKER_ARCH)
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, KICKER_ARCH, 0, 8),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_futex, 5, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, 4, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, 3, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_clock_gettime, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_restart_syscall, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
    };
    struct sock_fprog filter = {.len = sizeof code / sizeof code[0], .filter = code};
    int error = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ? errno : 0;
    if (error == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) error = errno;
    leash_page_set(page, filter_error, error);
#else
    leash_page_set(page, filter_error, ENOSYS);
#endif
}

static void kick(int64_t now) {
    int error = leash_wdt_kick(LEASH_KICKER_WDT);
    if (error == -EPIPE) _exit(0); /* never a WDT: a test's pipe, whose reader has gone */
    if (error != 0) {
        leash_page_set(page, kick_errno, -error);
        if (leash_page_add(page, kick_errors, 1) == 1) tell_pid1();
        return;
    }
    leash_page_set(page, last_kick_ms, now / NS_PER_MS);
    leash_page_add(page, kicks, 1);
}

static void note_lateness(int64_t late_ns) {
    uint64_t late_us = (uint64_t)late_ns / 1000;
    leash_page_set(page, late_us, late_us);
    if (leash_page_get(page, late_epoch_seen) != leash_page_get(page, late_epoch)) {
        leash_page_set(page, late_epoch_seen, leash_page_get(page, late_epoch));
        for (unsigned i = 0; i < LEASH_LATE_BUCKETS; ++i)
            leash_page_set(page, late_counts[i], 0);
        leash_page_set(page, worst_late_us, 0);
    }
    leash_page_add(page, late_counts[leash_late_bucket(late_us)], 1);
    if (late_us > leash_page_get(page, worst_late_us)) leash_page_set(page, worst_late_us, late_us);
}

/* PID 1, and the recorder, which waits for what PID 1 may not live to hear. */
static void set_state(uint32_t state) {
    leash_page_set(page, kicker_state, state);
    leash_page_add(page, alarm, 1);
    syscall(SYS_futex, &page->alarm, FUTEX_WAKE, INT32_MAX, NULL, NULL, 0);
    tell_pid1();
}

static void delegate(void) {
    int seconds = 0;
    if (ioctl(LEASH_KICKER_WDT, WDIOC_GETTIMEOUT, &seconds) != 0 || seconds <= 0) seconds = 1 << 20;
    leash_page_set(page, delegated_timeout_s, leash_wdt_lowest_timeout(LEASH_KICKER_WDT, seconds));
    set_state(LEASH_KICKER_DELEGATED);
}

static int64_t interval_ns(void) {
    int64_t interval = leash_page_get(page, interval_ms);
    if (interval <= 0 || interval > 86400000) interval = 1000;
    return interval * NS_PER_MS;
}

/* One look at the page at `now`; moves the planned kick. Returns when to look again. */
static int64_t look(int64_t now, int64_t* next_kick) {
    uint32_t state = leash_page_get(page, kicker_state);
    uint32_t command = leash_page_get(page, command);
    int64_t interval = interval_ns();
    uint32_t starved;

    leash_page_set(page, alive_ms, now / NS_PER_MS);
    if (state == LEASH_KICKER_DELEGATED) return now + 1000 * NS_PER_MS; /* for good */
    if (command == LEASH_COMMAND_DELEGATE) {
        delegate();
        return now + 1000 * NS_PER_MS;
    }
    if (command == LEASH_COMMAND_RELEASE) {
        if (state != LEASH_KICKER_RELEASED) set_state(LEASH_KICKER_RELEASED);
        *next_kick = now;
        return now + 1000 * NS_PER_MS;
    }
    if (state == LEASH_KICKER_RELEASED) set_state(state = LEASH_KICKER_KICKING);

    if (*next_kick > now + interval)
        *next_kick = now + interval; /* the interval has become shorter */
    starved = leash_page_starved(page, now / NS_PER_MS);

    if (state == LEASH_KICKER_STARVING && starved == LEASH_STARVED_NOT) {
        leash_page_set(page, starved_last_ms,
                       now / NS_PER_MS - leash_page_get(page, starved_since_ms));
        leash_page_add(page, recoveries, 1);
        kick(now);
        *next_kick = now + interval;
        set_state(LEASH_KICKER_KICKING);
        return *next_kick;
    }
    if (now >= *next_kick) {
        int64_t late = now - *next_kick;
        *next_kick = late < interval ? *next_kick + interval : now + interval;
        if (starved == LEASH_STARVED_NOT) {
            note_lateness(late);
            kick(now);
        } else {
            leash_page_add(page, missed, 1);
            if (state != LEASH_KICKER_STARVING) {
                leash_page_set(page, starved_since_ms, now / NS_PER_MS);
                leash_page_set(page, starved_reason, starved);
                set_state(state = LEASH_KICKER_STARVING);
            }
        }
    }
    if (state == LEASH_KICKER_STARVING) {
        int64_t soon = now + RECHECK_MS * NS_PER_MS;
        leash_page_set(page, starved_reason, starved);
        return soon < *next_kick ? soon : *next_kick;
    }
    return *next_kick;
}

int main(void) {
    int64_t next_kick;
    void* map =
        mmap(NULL, LEASH_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, LEASH_KICKER_PAGE, 0);
    if (map == MAP_FAILED) return 2;
    page = map;
    if (page->magic != LEASH_PAGE_MAGIC || page->version != LEASH_PAGE_VERSION) return 3;

    prepare();
    next_kick = now_ns();
    leash_page_set(page, kicker_pid, (int32_t)getpid());
    keep_to_few_calls();
    leash_page_set(page, kicker_state, LEASH_KICKER_KICKING);
    for (int first = 1;; first = 0) {
        uint32_t bell = leash_page_get(page, bell);
        int64_t wake = look(now_ns(), &next_kick);
        leash_page_set(page, next_kick_ms, next_kick / NS_PER_MS);
        if (first) tell_pid1(); /* it stood in for us until now */
        sleep_until(wake, bell);
    }
}
