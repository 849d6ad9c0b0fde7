// SPDX-License-Identifier: MIT
// Coverage-guided fuzzing of /dev/leash: programs of calls are mutated, and those that take the module
// where none has been before are kept.
//   fuzz CALLS SEED CORPUS [NEW]    CORPUS, if it is there, is read; what was found is added to NEW
//   fuzz replay CORPUS              each program once
// Tells how far it is every 20 s and what its time goes into: `calls/s`, and the slowest kinds of call.
//
// A program is a string of bytes; a corpus has one a line, in hex. What could end the test's own
// machine is left out of all programs: a deadman with an action, a cgroup that others sit in, and pids
// of others than this program's children. The kernel (KASAN, lockdep) says what is wrong.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include <linux/leash.h>

#include "children.h"
#include "program.h"

enum { MAP = 65536, SLOTS = 4 };

static unsigned char* map; // NULL: the module is not instrumented
static unsigned char* seen;
static unsigned long calls, edges;
static int coverage = -1, slots[SLOTS];
static int watched[SLOTS];  // there may be a WATCH of it
static int kept = -1;       // a controller that the program before has left as it was
static int standing = -1;   // keeps the events hooked: it takes longer than all else in a program
static unsigned starts_made; // bits, from first_start on
static int deadman_set;
static int sysctls_changed;

void die(const char* what) {
    fprintf(stderr, "fuzz: %s: %s\n", what, strerror(errno));
    children_end();
    exit(1);
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

// What takes how long: the operations of step(), behind them ioctls by number, then what is around.
enum { OF_IOCTL = 16, OF_CLEARING = 48, OF_MAP, OF_ALL };
static struct {
    double seconds;
    unsigned long times;
} spent[OF_ALL];

static void spend(unsigned on, double since) {
    spent[on].seconds += now() - since;
    spent[on].times++;
}

static void tell_spent(void) {
    for (unsigned i = 0; i < OF_ALL; i++)
        if (spent[i].times && spent[i].seconds > 0.5)
            fprintf(stderr, "fuzz:   %s %u: %.1f s, %lu times, %.0f us each\n",
                    i < OF_IOCTL ? "operation" : i < OF_CLEARING ? "ioctl" : "around",
                    i < OF_IOCTL ? i : i < OF_CLEARING ? i - OF_IOCTL : i - OF_CLEARING,
                    spent[i].seconds, spent[i].times,
                    1e6 * spent[i].seconds / (double)spent[i].times);
}

// Not for children: to copy it, and what they write to, is most of what a fork would cost here.
static void* ours(void* memory, size_t size) {
    if (memory == MAP_FAILED || madvise(memory, size, MADV_DONTFORK)) die("mmap");
    return memory;
}

void* have(size_t size) {
    return ours(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), size);
}

// ---- what a program does ----

// What is to be undone then, and who is not for the next program.
static void note(int slot, unsigned nr, const unsigned char* argument) {
    struct leash_start start;
    struct leash_adopt adopt;
    memcpy(&start, argument, sizeof start);
    memcpy(&adopt, argument, sizeof adopt);
    switch (nr) {
    case _IOC_NR(LEASH_IOC_START_SET): starts_made |= 1U << (start.id - first_start); break;
    case _IOC_NR(LEASH_IOC_ARM): children_armed(); break;
    case _IOC_NR(LEASH_IOC_ADOPT):
    case _IOC_NR(LEASH_IOC_SPARE): child_spoilt(adopt.pid); break;
    case _IOC_NR(LEASH_IOC_WATCH):
        watched[slot] = 1;
        children_watched();
        break;
    case _IOC_NR(LEASH_IOC_DEADMAN): deadman_set = 1; break;
    default: break;
    }
}

static void do_ioctl(int slot, struct reader* reader) {
    static const struct {
        unsigned char dir, nr;
        unsigned short size;
    } known[] = {
#define KNOWN(name) {_IOC_DIR(LEASH_IOC_##name), _IOC_NR(LEASH_IOC_##name), _IOC_SIZE(LEASH_IOC_##name)}
        KNOWN(VERSION), KNOWN(START_SET), KNOWN(START_DEL), KNOWN(ARM), KNOWN(ADOPT), KNOWN(WHOIS),
        KNOWN(KILL), KNOWN(SNAPSHOT), KNOWN(STARTS), KNOWN(START_GET), KNOWN(STATS), KNOWN(RESCAN),
        KNOWN(SPARE), KNOWN(DEADMAN), KNOWN(PING), KNOWN(DEADMAN_GET),
        // Since there are events. What chose others before, does so still: the corpus keeps its worth.
        KNOWN(WATCH), KNOWN(UNWATCH), KNOWN(START_LIMITS), KNOWN(WATCH),
    };
    unsigned char argument[1024] __attribute__((aligned(8)));
    unsigned pick = next(reader), odd = next(reader), dir, nr, size, filled = next(reader) % 48;
    pick = pick < 192 ? pick % 16 : 16 + pick % 4;
    dir = known[pick].dir;
    nr = known[pick].nr;
    size = known[pick].size;
    memset(argument, 0, sizeof argument);
    for (unsigned i = 0; i < filled; i++) {
        unsigned at = next(reader) * 4 % (size ? size : 8);
        argument[at] = (unsigned char)next(reader);
    }
    tame(nr, argument, reader);
    // A size or direction of its own, now and then; a call of another number never has the argument
    // that `tame` has not seen.
    if (odd % 16 == 1) size = next(reader) * 4;
    if (odd % 16 == 2) dir = next(reader) % 4;
    if (odd % 16 == 3) {
        nr = 32 + next(reader) % 200;
        size = next(reader);
    }
    note(slot, nr, argument);
    double since = now();
    ioctl(slots[slot], _IOC(dir, odd % 32 == 17 ? 0xDF : LEASH_IOC_MAGIC, nr, size),
          odd % 32 == 20 ? (void*)4096 : argument);
    if (nr < 32) spend(OF_IOCTL + nr, since);
}

// Also without an end of its own, when there is nothing to read: a timer that comes again ends it.
static void do_read(int fd, struct reader* reader) {
    static const struct itimerval soon = {{0, 500}, {0, 2000}}, never;
    void* to = (void*)(uintptr_t)address(reader);
    size_t size = next(reader) * 64;
    struct pollfd ready = {.fd = fd, .events = POLLIN};
    int waits = !(fcntl(fd, F_GETFL) & O_NONBLOCK) && poll(&ready, 1, 0) == 0;
    if (waits) setitimer(ITIMER_REAL, &soon, NULL);
    if (read(fd, to, size) < 0) errno = 0;
    if (waits) setitimer(ITIMER_REAL, &never, NULL);
}

static void do_seek(int fd, struct reader* reader) {
    off_t to = (off_t)interesting(reader);
    unsigned how = next(reader);
    if (how < 240) {
        lseek(fd, to, (int)how % 5);
        return;
    }
    fcntl(fd, F_SETOWN, getpid());
    fcntl(fd, F_SETFL, (fcntl(fd, F_GETFL) & ~O_ASYNC) | (how % 2 ? O_ASYNC : 0));
}

static void do_sysctl(struct reader* reader) {
    // Not on_deadman: a kept deadman may be one that asks for it.
    static const char* const names[] = {"handler", "handler_timeout_ms", "hung_task_ms", "env_tag",
                                        "troubles", "lineage_lost"};
    static const char* const values[] = {"", "/bin/true", "/no/such", "true", "0", "1", "100", "1000",
                                         "99999999999", "-1", "x", "86400000"};
    char path[64], text[128];
    int fd;
    snprintf(path, sizeof path, "/proc/sys/kernel/leash/%s", names[next(reader) % 6]);
    fd = open(path, (next(reader) % 3 ? O_RDWR : O_RDONLY) | O_CLOEXEC);
    if (fd < 0) return;
    const char* value = values[next(reader) % 12];
    if (next(reader) % 2) lseek(fd, next(reader) % 4, SEEK_SET);
    if (write(fd, value, strlen(value)) < 0) errno = 0;
    else sysctls_changed = 1;
    if (read(fd, text, next(reader) % sizeof text) < 0) errno = 0;
    close(fd);
}

// As open(), though not when one that is as good is there: to open it is dear.
static int take(int mode) {
    int fd = kept;
    if (mode == O_RDWR && fd >= 0) {
        kept = -1;
        return fd;
    }
    if (mode != O_RDONLY && fd >= 0) {
        close(fd);
        kept = -1;
    }
    return open("/dev/leash", mode | O_CLOEXEC);
}

// As it was when it was opened so.
static int is_fresh(int slot, int mode) {
    int flags = slots[slot] < 0 || watched[slot] ? -1 : fcntl(slots[slot], F_GETFL);
    return flags >= 0 && (flags & (O_ACCMODE | O_NONBLOCK | O_ASYNC)) == mode;
}

static void drop(int slot) {
    if (slots[slot] >= 0) close(slots[slot]);
    slots[slot] = -1;
    watched[slot] = 0;
}

static void do_open(int slot, unsigned how) {
    static const int modes[] = {O_RDWR, O_RDONLY, O_WRONLY, O_RDWR | O_NONBLOCK};
    // Most programs have many of these, one after the other.
    if (how < 192 && is_fresh(slot, modes[how % 4])) {
        lseek(slots[slot], 0, SEEK_SET);
        return;
    }
    drop(slot);
    slots[slot] = take(modes[how % 4]);
}

static void step(struct reader* reader) {
    unsigned op = next(reader), nth = op / 16 % SLOTS, place;
    int* slot = &slots[nth];
    struct pollfd ready = {.events = POLLIN};
    double since = now();
    calls++;
    switch (op % 16) {
    case 0: do_open((int)nth, next(reader)); break;
    case 1:
        if (*slot >= 0 && next(reader) % 4 == 0) drop((int)nth);
        break;
    case 2:
        if (*slot >= 0) do_read(*slot, reader);
        break;
    case 3:
        if (*slot >= 0 && write(*slot, (void*)(uintptr_t)address(reader), next(reader)) < 0)
            errno = 0;
        break;
    case 4:
        if (*slot >= 0) do_seek(*slot, reader);
        break;
    case 5: do_sysctl(reader); break;
    case 6:
        place = next(reader) % CHILDREN;
        child_toggle(place, next(reader), slots, SLOTS);
        break;
    case 7:
        ready.fd = *slot;
        poll(&ready, 1, 0);
        break;
    default:
        if (*slot < 0) *slot = take(O_RDWR);
        if (*slot < 0) *slot = take(O_RDONLY);
        if (*slot >= 0) do_ioctl((int)nth, reader);
        return;
    }
    spend(op % 16, since);
}

static void set_sysctl(const char* name, const char* value) {
    char path[64];
    int fd;
    snprintf(path, sizeof path, "/proc/sys/kernel/leash/%s", name);
    fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0 || write(fd, value, strlen(value)) < 0) die(path);
    close(fd);
}

// Of a start that there never is. Some programs do without it: they hook and unhook.
static void stand(int on) {
    struct leash_watch watch = {.start = 0x10, .events = LEASH_EVENT_ALL, .queue = 1};
    if (on == (standing >= 0)) return;
    if (!on) {
        close(standing);
        standing = -1;
        return;
    }
    standing = open("/dev/leash", O_RDONLY | O_CLOEXEC);
    if (standing < 0 || ioctl(standing, LEASH_IOC_WATCH, &watch)) die("the standing watch");
}

static void clear_away(void) {
    static unsigned cleared;
    struct leash_start_ref ref = {0};
    struct leash_deadman off = {0};
    for (int i = 0; i < SLOTS; i++) {
        if (is_fresh(i, O_RDWR) && kept < 0) {
            kept = slots[i];
            slots[i] = -1;
        }
        drop(i);
    }
    children_clear();
    // Now and then it is closed: what that does to a deadman and to what is armed, is to be seen, too.
    if (++cleared % 8 == 0 && kept >= 0) {
        close(kept);
        kept = -1;
    }
    if (kept < 0) kept = open("/dev/leash", O_RDWR | O_CLOEXEC);
    if (kept < 0) die("no controller after a program");
    lseek(kept, 0, SEEK_SET);
    if (ioctl(kept, LEASH_IOC_ARM, &ref)) die("it is not to be disarmed");
    for (unsigned i = 0; i < STARTS; i++) {
        ref.id = first_start + i;
        if (starts_made & 1U << i) ioctl(kept, LEASH_IOC_START_DEL, &ref);
    }
    if (deadman_set && ioctl(kept, LEASH_IOC_DEADMAN, &off))
        die("the deadman is not to be disarmed");
    starts_made = 0;
    deadman_set = 0;
    // A start lives as long as those who were in it: not all of them are freed already.
    first_start = 0x100 + cleared % 256 * 8;
    stand(cleared % 16 != 0);
    if (!sysctls_changed) return;
    // Else the programs to come pay for a handler and a search that one has asked for.
    set_sysctl("handler", "\n");
    set_sysctl("hung_task_ms", "0");
    sysctls_changed = 0;
}

// True: it went where none had been. Most of the map is empty always.
static int look_at_map(void) {
    int fresh = 0;
    for (int word = 0; map && word < MAP; word += 8) {
        uint64_t some;
        memcpy(&some, map + word, sizeof some);
        if (!some) continue;
        for (int i = word; i < word + 8; i++) {
            // How often counts by its power of two, as a new way.
            unsigned char bucket =
                map[i] ? (unsigned char)(1U << (31 - __builtin_clz(map[i]))) : 0;
            if (!(bucket & ~seen[i])) continue;
            if (!seen[i]) edges++;
            seen[i] |= bucket;
            fresh = 1;
        }
    }
    return fresh;
}

static int run(const struct program* program) {
    struct reader reader = {program, 0};
    int fresh;
    double since = now();
    if (map) memset(map, 0, MAP);
    spend(OF_MAP, since);
    if (coverage >= 0 && write(coverage, "", 1) != 1) die("coverage");
    while (reader.at < program->length)
        step(&reader);
    since = now();
    clear_away();
    spend(OF_CLEARING, since);
    since = now();
    fresh = look_at_map();
    spend(OF_MAP, since);
    return fresh;
}

// ---- all of them ----

static void nothing(int signo) {
    (void)signo;
}

static void handle_signals(void) {
    struct sigaction action = {.sa_handler = nothing}; // read() is to end
    sigaction(SIGALRM, &action, NULL);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGIO, &action, NULL);
    sigaction(34, &action, NULL);
    signal(SIGPIPE, SIG_IGN);
}

int main(int argc, char** argv) {
    if (argc < 3) {
        fprintf(stderr, "fuzz CALLS SEED CORPUS [NEW], or fuzz replay CORPUS\n");
        return 2;
    }
    int replay = !strcmp(argv[1], "replay");
    unsigned long wanted = replay ? 0 : strtoul(argv[1], NULL, 10);
    handle_signals();
    srand(replay ? 1 : (unsigned)atoi(argv[2]));
    for (int i = 0; i < SLOTS; i++)
        slots[i] = -1;
    seen = have(MAP);
    corpus = have(PROGRAMS * sizeof *corpus);
    buffer = have(BUFFER + 4096);
    if (mprotect(buffer + BUFFER, 4096, PROT_NONE)) die("mprotect");
    children_begin();
    stand(1);
    coverage = open("/dev/leash-coverage", O_RDWR | O_CLOEXEC);
    if (coverage >= 0) {
        map = ours(mmap(NULL, MAP, PROT_READ | PROT_WRITE, MAP_SHARED, coverage, 0), MAP);
    }
    read_corpus(replay ? argv[2] : argc > 3 ? argv[3] : "");
    size_t given = programs;
    for (size_t i = 0; i < given; i++)
        run(&corpus[i]);
    unsigned long edges_given = edges;
    FILE* found = !replay && argc > 4 ? fopen(argv[4], "w") : NULL;
    time_t told = time(NULL);
    double began = now();
    unsigned long calls_given = calls;
    while (calls < wanted) {
        struct program program = {.length = 0};
        if (programs && rand() % 20) program = corpus[(size_t)rand() % programs];
        else
            for (program.length = 24; program.length % 24 || rand() % 3; program.length++)
                if (program.length < MOST) program.bytes[program.length] = (unsigned char)rand();
                else break;
        mutate(&program);
        if (run(&program) && map && programs < PROGRAMS) {
            corpus[programs++] = program;
            if (found) write_program(found, &program);
        }
        if (time(NULL) - told < 20) continue;
        told = time(NULL);
        fprintf(stderr, "fuzz: %lu calls, %.0f a second, %lu edges, %zu programs\n", calls,
                (double)(calls - calls_given) / (now() - began), edges, programs);
    }
    children_end();
    tell_spent();
    printf("%lu calls, %lu edges (%lu by the %zu programs given), %zu new programs\n", calls, edges,
           edges_given, given, programs - given);
    return 0;
}
