// SPDX-License-Identifier: MIT
#include <signal.h>
#include <string.h>

#include <linux/leash.h>

#include "children.h"
#include "program.h"

unsigned char* buffer;
uint64_t first_start = 0x100;

unsigned next(struct reader* reader) {
    return reader->at < reader->program->length ? reader->program->bytes[reader->at++] : 0;
}

uint64_t interesting(struct reader* reader) {
    static const uint64_t values[] = {0, 1, 2, 3, 7, 8, 63, 64, 65, 127, 255, 256, 4095, 4096, 4097,
                                      65535, 65536, 0x7fffffff, 0x80000000, 0xffffffff, 1ULL << 32,
                                      0x7fffffffffffffff, ~0ULL, 1ULL << 63, 0xffff888000000000,
                                      0x7ffffffff000, 400000, 4194304, 4194305};
    return values[next(reader) % (sizeof values / sizeof *values)];
}

static uint64_t start_id(struct reader* reader) {
    return first_start + next(reader) % STARTS;
}

static pid_t any_child(struct reader* reader) {
    return child_at(next(reader) % CHILDREN);
}

uint64_t address(struct reader* reader) {
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

void tame(unsigned nr, unsigned char* a, struct reader* reader) {
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
