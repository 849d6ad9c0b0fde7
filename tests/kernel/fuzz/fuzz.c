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
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <linux/leash.h>

enum { MAP = 65536, MOST = 512, PROGRAMS = 4096, SLOTS = 4, CHILDREN = 6, BUFFER = 1 << 16 };

struct program {
    unsigned char bytes[MOST];
    size_t length;
};

static unsigned char* map; // NULL: the module is not instrumented
static unsigned char* seen;
static struct program* corpus;
static size_t programs;
static unsigned long calls, edges;
static int coverage = -1, slots[SLOTS];
static pid_t children[CHILDREN];
static unsigned char* buffer; // what is behind it, is not there
static int sysctls_changed;

static void die(const char* what) {
    fprintf(stderr, "fuzz: %s: %s\n", what, strerror(errno));
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

static void* have(size_t size) {
    return ours(mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), size);
}

// ---- what a program does ----

struct reader {
    const struct program* program;
    size_t at;
};

static unsigned next(struct reader* reader) {
    return reader->at < reader->program->length ? reader->program->bytes[reader->at++] : 0;
}

static uint64_t interesting(struct reader* reader) {
    static const uint64_t values[] = {0, 1, 2, 3, 7, 8, 63, 64, 65, 127, 255, 256, 4095, 4096, 4097,
                                      65535, 65536, 0x7fffffff, 0x80000000, 0xffffffff, 1ULL << 32,
                                      0x7fffffffffffffff, ~0ULL, 1ULL << 63, 0xffff888000000000,
                                      0x7ffffffff000, 400000, 4194304, 4194305};
    return values[next(reader) % (sizeof values / sizeof *values)];
}

static uint64_t start_id(struct reader* reader) {
    return 0x100 + next(reader) % 6;
}

static pid_t any_child(struct reader* reader) {
    pid_t pid = children[next(reader) % CHILDREN];
    return pid > 0 ? pid : 999999;
}

static uint64_t address(struct reader* reader) {
    switch (next(reader) % 8) {
    case 0: return 0;
    case 1: return 4096;
    case 2: return 0xffff888000000000ULL + next(reader) * 4096;
    case 3: return (uint64_t)(uintptr_t)buffer + BUFFER - next(reader);
    default: return (uint64_t)(uintptr_t)buffer;
    }
}

static void put(void* argument, size_t offset, size_t size, uint64_t value) {
    memcpy((char*)argument + offset, &value, size);
}

#define PUT(argument, type, field, value)                                                         \
    put(argument, offsetof(struct type, field), sizeof(((struct type*)0)->field), value)

// What the bytes say, where they may; the rest as it has to be.
static void tame(unsigned nr, unsigned char* a, struct reader* reader) {
    unsigned char wild = (unsigned char)next(reader);
    switch (nr) {
    case 1:
        PUT(a, leash_start, id, start_id(reader));
        PUT(a, leash_start, group, next(reader) % 3);
        PUT(a, leash_start, cgroup, 0);
        if (!(wild & 1)) PUT(a, leash_start, flags, next(reader) % 2 ? LEASH_START_WATCH_EMPTY : 0);
        if (!(wild & 2)) PUT(a, leash_start, reserved, 0);
        if (!(wild & 4)) strcpy((char*)a + offsetof(struct leash_start, name), "fuzz");
        break;
    case 2:
    case 3:
        PUT(a, leash_start_ref, id, wild & 8 ? 0 : start_id(reader));
        if (!(wild & 1)) PUT(a, leash_start_ref, flags, 0);
        if (!(wild & 2)) PUT(a, leash_start_ref, reserved, 0);
        break;
    case 4:
    case 12: // leash_spare has the same fields at the same places
        PUT(a, leash_adopt, start, start_id(reader));
        PUT(a, leash_adopt, pid, (uint32_t)any_child(reader));
        if (!(wild & 1)) PUT(a, leash_adopt, flags, next(reader) % 4);
        if (!(wild & 2)) PUT(a, leash_adopt, start_ns, 0);
        if (!(wild & 4)) PUT(a, leash_adopt, reserved, 0);
        break;
    case 5:
        PUT(a, leash_whois, pid, wild & 8 ? interesting(reader) : (uint32_t)any_child(reader));
        if (!(wild & 1)) PUT(a, leash_whois, flags, 0);
        if (!(wild & 2)) PUT(a, leash_whois, start_ns, 0);
        if (!(wild & 4)) PUT(a, leash_whois, reserved, 0);
        break;
    case 6:
        PUT(a, leash_kill, id, wild & 8 ? next(reader) % 3 : start_id(reader));
        PUT(a, leash_kill, signo, wild & 16 ? interesting(reader) : next(reader) % 4 ? 0 : SIGKILL);
        if (!(wild & 1)) PUT(a, leash_kill, flags, next(reader) % 8);
        if (!(wild & 2)) PUT(a, leash_kill, reserved, 0);
        break;
    case 7:
        if (!(wild & 1)) PUT(a, leash_snapshot, facts, next(reader) | (uint64_t)(next(reader) % 2) << 8);
        if (!(wild & 2)) PUT(a, leash_snapshot, start, next(reader) % 2 ? 0 : start_id(reader));
        PUT(a, leash_snapshot, group, next(reader) % 3);
        PUT(a, leash_snapshot, buffer, address(reader));
        PUT(a, leash_snapshot, size, wild & 4 ? interesting(reader) : 1U << next(reader) % 17);
        PUT(a, leash_snapshot, record_size,
            wild & 8 ? interesting(reader) : next(reader) % 2 ? 176 : sizeof(struct leash_task));
        if (!(wild & 16)) PUT(a, leash_snapshot, flags, next(reader) % 8);
        if (!(wild & 32)) PUT(a, leash_snapshot, cursor, wild & 64 ? interesting(reader) : 0);
        break;
    case 8:
        PUT(a, leash_starts, buffer, address(reader));
        PUT(a, leash_starts, size, wild & 4 ? interesting(reader) : 1U << next(reader) % 17);
        PUT(a, leash_starts, record_size,
            wild & 8 ? interesting(reader) : sizeof(struct leash_start_info));
        PUT(a, leash_starts, group, next(reader) % 3);
        PUT(a, leash_starts, cursor, wild & 16 ? interesting(reader) : 0);
        if (!(wild & 32)) PUT(a, leash_starts, flags, 0);
        break;
    case 9:
        PUT(a, leash_start_info, id, start_id(reader));
        if (!(wild & 1)) PUT(a, leash_start_info, reserved, 0);
        break;
    case 11:
        if (!(wild & 1)) PUT(a, leash_rescan, flags, next(reader) % 8);
        if (!(wild & 2)) PUT(a, leash_rescan, reserved, 0);
        break;
    case 13: {
        static const int signals[] = {0, 0, SIGUSR1, 34, 65, -1}; // those that are there are handled
        unsigned events = next(reader);
        events |= next(reader) << 8;
        PUT(a, leash_watch, start, wild & 1 ? start_id(reader) : 0);
        PUT(a, leash_watch, group, wild & 2 ? next(reader) % 3 : 0);
        PUT(a, leash_watch, pid, wild & 4 ? (uint32_t)any_child(reader) : 0);
        if (!(wild & 8)) PUT(a, leash_watch, start_ns, 0);
        PUT(a, leash_watch, events, wild & 16 ? interesting(reader) : events & LEASH_EVENT_ALL);
        PUT(a, leash_watch, flags, next(reader) % 8 ? next(reader) % 2 : next(reader));
        PUT(a, leash_watch, queue, wild & 32 ? interesting(reader) : 1U << next(reader) % 9);
        PUT(a, leash_watch, coalesce_ms, wild & 64 ? interesting(reader) : next(reader));
        PUT(a, leash_watch, signo, (uint32_t)signals[next(reader) % 6]);
        PUT(a, leash_watch, tid, wild & 128 ? interesting(reader) : 0);
        if (next(reader) % 8) PUT(a, leash_watch, id, 0);
        break;
    }
    case 14:
        PUT(a, leash_unwatch, id, wild & 1 ? interesting(reader) : next(reader) % 6);
        if (!(wild & 2)) PUT(a, leash_unwatch, flags, 0);
        break;
    case 15:
        PUT(a, leash_limits, id, start_id(reader));
        PUT(a, leash_limits, processes, wild & 1 ? interesting(reader) : next(reader) % 4);
        PUT(a, leash_limits, forks, wild & 2 ? interesting(reader) : next(reader) % 4);
        PUT(a, leash_limits, period_ms, wild & 4 ? interesting(reader) : 1000 * (next(reader) % 2));
        if (!(wild & 8)) PUT(a, leash_limits, action, next(reader) % 4);
        if (!(wild & 16)) PUT(a, leash_limits, flags, next(reader) % 2);
        break;
    case 16: // never an action, nor one of the sysctl
        PUT(a, leash_deadman, timeout_ms, wild & 1 ? interesting(reader) : next(reader) * 4);
        PUT(a, leash_deadman, grace_ms, wild & 2 ? interesting(reader) : next(reader));
        PUT(a, leash_deadman, action, wild & 4 ? ~0U : LEASH_DEADMAN_NOTHING);
        if (!(wild & 8)) PUT(a, leash_deadman, flags, next(reader) % 2);
        break;
    default: break;
    }
}

static void do_ioctl(int fd, struct reader* reader) {
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
    double since = now();
    ioctl(fd, _IOC(dir, odd % 32 == 17 ? 0xDF : LEASH_IOC_MAGIC, nr, size),
          odd % 32 == 20 ? (void*)4096 : argument);
    if (nr < 32) spend(OF_IOCTL + nr, since);
}

// Also without an end of its own, when there is nothing to read: a timer that comes again ends it.
static void do_read(int fd, struct reader* reader) {
    static const struct itimerval soon = {{0, 2000}, {0, 2000}}, never;
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
    sysctls_changed = 1;
    const char* value = values[next(reader) % 12];
    if (next(reader) % 2) lseek(fd, next(reader) % 4, SEEK_SET);
    if (write(fd, value, strlen(value)) < 0) errno = 0;
    if (read(fd, text, next(reader) % sizeof text) < 0) errno = 0;
    close(fd);
}

static void have_child(struct reader* reader) {
    pid_t* place = &children[next(reader) % CHILDREN];
    if (*place > 0) {
        kill(*place, SIGKILL);
        waitpid(*place, NULL, 0);
        *place = 0;
        return;
    }
    unsigned kind = next(reader) % 3;
    *place = fork();
    if (*place == 0) {
        // The descriptors are the parent's: a controller that lives on would keep the next one out.
        for (int i = 0; i < SLOTS; i++)
            if (slots[i] >= 0) close(slots[i]);
        if (kind == 0) _exit(0);
        if (kind == 1 && fork() == 0) usleep(20000), _exit(0);
        signal(SIGALRM, SIG_DFL);
        alarm(5);
        for (;;)
            pause();
    }
}

static void step(struct reader* reader) {
    unsigned op = next(reader);
    int* slot = &slots[op / 16 % SLOTS];
    struct pollfd ready = {.events = POLLIN};
    double since = now();
    calls++;
    switch (op % 16) {
    case 0: {
        static const int modes[] = {O_RDWR, O_RDONLY, O_WRONLY, O_RDWR | O_NONBLOCK};
        if (*slot >= 0) close(*slot);
        *slot = open("/dev/leash", modes[next(reader) % 4] | O_CLOEXEC);
        break;
    }
    case 1:
        if (*slot >= 0 && next(reader) % 4 == 0) close(*slot), *slot = -1;
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
    case 6: have_child(reader); break;
    case 7:
        ready.fd = *slot;
        poll(&ready, 1, 0);
        break;
    default:
        if (*slot < 0) *slot = open("/dev/leash", O_RDWR | O_CLOEXEC);
        if (*slot < 0) *slot = open("/dev/leash", O_RDONLY | O_CLOEXEC);
        if (*slot >= 0) do_ioctl(*slot, reader);
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

static void clear_away(void) {
    struct leash_start_ref ref = {0};
    struct leash_deadman off = {0};
    for (int i = 0; i < SLOTS; i++) {
        if (slots[i] >= 0) close(slots[i]);
        slots[i] = -1;
    }
    for (int i = 0; i < CHILDREN; i++)
        if (children[i] > 0) kill(children[i], SIGKILL), waitpid(children[i], NULL, 0), children[i] = 0;
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    int fd = open("/dev/leash", O_RDWR | O_CLOEXEC);
    if (fd < 0) die("no controller after a program");
    for (ref.id = 0x100; ref.id < 0x106; ref.id++)
        ioctl(fd, LEASH_IOC_START_DEL, &ref);
    if (ioctl(fd, LEASH_IOC_DEADMAN, &off)) die("the deadman is not to be disarmed");
    close(fd);
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

// ---- the corpus ----

static void mutate(struct program* program) {
    for (int times = 1 + rand() % 6; times > 0; times--) {
        size_t at = program->length ? (size_t)rand() % program->length : 0;
        size_t count = 1 + (size_t)rand() % 12;
        switch (rand() % 6) {
        case 0:
        case 1:
            if (program->length) program->bytes[at] = (unsigned char)rand();
            break;
        case 2:
            if (program->length) program->bytes[at] ^= (unsigned char)(1 << rand() % 8);
            break;
        case 3:
            if (program->length + count > MOST) break;
            memmove(program->bytes + at + count, program->bytes + at, program->length - at);
            for (size_t i = 0; i < count; i++)
                program->bytes[at + i] = (unsigned char)rand();
            program->length += count;
            break;
        case 4:
            if (at + count > program->length || program->length < 20) break;
            memmove(program->bytes + at, program->bytes + at + count, program->length - at - count);
            program->length -= count;
            break;
        default: {
            const struct program* other = programs ? &corpus[(size_t)rand() % programs] : program;
            size_t from = other->length ? (size_t)rand() % other->length : 0;
            count = other->length - from;
            if (program->length + count > MOST) count = MOST - program->length;
            memmove(program->bytes + program->length, other->bytes + from, count);
            program->length += count;
        }
        }
    }
}

static void read_corpus(const char* path) {
    char line[2 * MOST + 4];
    FILE* file = fopen(path, "r");
    if (!file) return;
    while (programs < PROGRAMS && fgets(line, sizeof line, file)) {
        struct program* program = &corpus[programs];
        unsigned byte;
        if (line[0] == '#') continue;
        program->length = 0;
        for (const char* at = line; program->length < MOST && sscanf(at, "%2x", &byte) == 1; at += 2)
            program->bytes[program->length++] = (unsigned char)byte;
        if (program->length) programs++;
    }
    fclose(file);
}

static void write_program(FILE* file, const struct program* program) {
    for (size_t i = 0; i < program->length; i++)
        fprintf(file, "%02x", program->bytes[i]);
    fputc('\n', file);
    fflush(file);
}

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
    tell_spent();
    printf("%lu calls, %lu edges (%lu by the %zu programs given), %zu new programs\n", calls, edges,
           edges_given, given, programs - given);
    return 0;
}
