/* SPDX-License-Identifier: MIT */
/*
 * The verdict page: one page of a sealed memfd, mapped shared by PID 1 (the watchdog plugin) and by
 * the kicker. PID 1 writes the verdict, the kicker kicks by it and writes down what it did.
 *
 * Rules: every field is written by one side only and read and written with the two functions below,
 * so there is no lock that a dead or frozen side could hold. The kicker never trusts a value
 * further than it has to: nonsense makes it stop kicking or fall back to a second, never to crash.
 * Times are CLOCK_MONOTONIC in milliseconds.
 *
 * The layout outlives a re-exec of PID 1: a new init meets an old kicker. Whoever changes it raises
 * LEASH_PAGE_VERSION; a plugin that finds another version replaces the kicker.
 */
#ifndef LEASH_VERDICT_PAGE_H
#define LEASH_VERDICT_PAGE_H

#include <stdint.h>

#define LEASH_PAGE_MAGIC 0x6b69636bu /* "kick" */
#define LEASH_PAGE_VERSION 2u
#define LEASH_PAGE_SIZE 4096u

/* The kicker's descriptors. */
#define LEASH_KICKER_WDT 3  /* the same open file as PID 1's: a second open is EBUSY */
#define LEASH_KICKER_PAGE 4 /* the page */
#define LEASH_KICKER_WAKE 5 /* eventfd, never blocking: "look at the page" for PID 1 */

enum leash_verdict {
    LEASH_VERDICT_STARVE = 0, /* a page of zeroes feeds nothing */
    LEASH_VERDICT_FEED = 1,
};

enum leash_kick_command {
    LEASH_COMMAND_KICK = 0,     /* go by the verdict */
    LEASH_COMMAND_DELEGATE = 1, /* lowest timeout, never kick again: the WDT shall reset us */
    LEASH_COMMAND_RELEASE = 2,  /* kick no more while PID 1 stops the timer */
};

enum leash_scheduling { /* what is asked for and what was got; each falls back to the next */
                        LEASH_SCHEDULING_DEADLINE = 0,
                        LEASH_SCHEDULING_FIFO = 1,
                        LEASH_SCHEDULING_NORMAL = 2, /* whatever it was born with */
};

enum leash_kicker_state {
    LEASH_KICKER_ABSENT = 0, /* set by PID 1 before it starts one */
    LEASH_KICKER_KICKING = 1,
    LEASH_KICKER_STARVING = 2,
    LEASH_KICKER_DELEGATED = 3,
    LEASH_KICKER_RELEASED = 4,
};

enum leash_starved {
    LEASH_STARVED_NOT = 0,
    LEASH_STARVED_LOOP = 1,    /* PID 1's loop is older than loop_limit_ms */
    LEASH_STARVED_VERDICT = 2, /* PID 1 says so */
    LEASH_STARVED_LIMIT = 3,   /* feed_until_ms is over */
};

#define LEASH_LATE_BUCKETS 72 /* up to half a second; what is later counts in the last one */

struct leash_verdict_page {
    /* The frame: PID 1, before the kicker exists. */
    uint32_t magic;
    uint32_t version;
    uint32_t want_scheduling; /* enum leash_scheduling */
    uint32_t fifo_level;      /* 1 to 99 */

    /* PID 1's part. */
    int64_t interval_ms;   /* between kicks, > 0 */
    int64_t loop_limit_ms; /* how old loop_beat_ms may be, > 0 */
    int64_t loop_beat_ms;  /* when PID 1's loop last went round */
    int64_t feed_until_ms; /* FEED ends here; 0: no limit */
    uint32_t verdict;      /* enum leash_verdict */
    uint32_t command;      /* enum leash_kick_command */
    uint32_t bell; /* futex: counted up and woken after a change the kicker has to see now */
    uint32_t late_epoch;   /* counted up: the kicker forgets its figures of lateness */
    char device[108];      /* which WDT this page belongs to: a later life of PID 1 reads it */
    int32_t full_timeout_s; /* the timer's timeout before it was lowered by DELEGATE */
    uint32_t disabled;     /* 1: switched off at run time, RELEASE stands */
    uint8_t gap[256 - 180]; /* another cache line, and room to grow */

    /* The kicker's part. */
    int32_t kicker_pid;
    uint32_t kicker_state;       /* enum leash_kicker_state */
    uint32_t got_scheduling;     /* enum leash_scheduling */
    int32_t scheduling_error;    /* errno of the best one refused, 0: none was */
    int32_t lock_error;          /* errno of mlockall, 0: memory is locked */
    int32_t oom_error;           /* errno of oom_score_adj = -1000, 0: exempt */
    uint32_t starved_reason;     /* enum leash_starved, while starving */
    int32_t delegated_timeout_s; /* the timer's timeout after DELEGATE; negative errno: not set */
    int64_t alive_ms;            /* when it last looked at the page */
    int64_t last_kick_ms;        /* 0: never */
    int64_t next_kick_ms;        /* planned */
    int64_t starved_since_ms;    /* the kick that was not given */
    int64_t starved_last_ms;     /* how long the last starvation took; after a recovery */
    uint64_t kicks;              /* given */
    uint64_t missed;             /* planned, but not given */
    uint64_t recoveries;         /* starved, but fresh again before the hardware fired */
    uint64_t kick_errors;        /* write(2) failed */
    int32_t kick_errno;          /* the last such errno */
    int32_t filter_error;   /* errno of the filter of system calls, 0: it stands */
    uint64_t late_us;       /* how late the last kick was */
    uint64_t worst_late_us; /* and the worst one */
    uint32_t late_epoch_seen;
    uint32_t alarm; /* futex: counted up and woken with every change of kicker_state */
    uint32_t late_counts[LEASH_LATE_BUCKETS]; /* kicks by lateness, see leash_late_bucket() */
};

#ifdef __cplusplus
static_assert(sizeof(struct leash_verdict_page) <= LEASH_PAGE_SIZE, "one page");
static_assert(__builtin_offsetof(struct leash_verdict_page, kicker_pid) == 256, "own cache line");
#else
_Static_assert(sizeof(struct leash_verdict_page) <= LEASH_PAGE_SIZE, "one page");
_Static_assert(__builtin_offsetof(struct leash_verdict_page, kicker_pid) == 256, "own cache line");
#endif

/* Sequentially consistent: a few accesses a second, and nothing to think about. */
#define leash_page_get(page, field) __atomic_load_n(&(page)->field, __ATOMIC_SEQ_CST)
#define leash_page_set(page, field, value)                                                         \
    __atomic_store_n(&(page)->field, (value), __ATOMIC_SEQ_CST)
#define leash_page_add(page, field, value)                                                         \
    __atomic_add_fetch(&(page)->field, (value), __ATOMIC_SEQ_CST)

/* The bucket of a lateness: four to each power of two, so that a median is right within a quarter. */
static inline unsigned leash_late_bucket(uint64_t us) {
    unsigned top;
    unsigned bucket;
    if (us < 4) return (unsigned)us;
    top = 63U - (unsigned)__builtin_clzll(us);
    bucket = (top - 1) * 4 + (unsigned)((us >> (top - 2)) & 3);
    return bucket < LEASH_LATE_BUCKETS ? bucket : LEASH_LATE_BUCKETS - 1;
}

/* The longest lateness that falls into a bucket. */
static inline uint64_t leash_late_bound(unsigned bucket) {
    if (bucket < 4) return bucket;
    return ((uint64_t)(5 + bucket % 4) << (bucket / 4 - 1)) - 1;
}

/* Why the WDT may not be kicked at `now_ms`: enum leash_starved; LEASH_STARVED_NOT: kick it. The
 * one place where that is decided, for the kicker and for PID 1 when it stands in for a dead one.
 */
static inline uint32_t leash_page_starved(const struct leash_verdict_page* page, int64_t now_ms) {
    int64_t until = leash_page_get(page, feed_until_ms);
    if (leash_page_get(page, verdict) != LEASH_VERDICT_FEED) return LEASH_STARVED_VERDICT;
    if (now_ms - leash_page_get(page, loop_beat_ms) > leash_page_get(page, loop_limit_ms))
        return LEASH_STARVED_LOOP;
    if (until != 0 && now_ms > until) return LEASH_STARVED_LIMIT;
    return LEASH_STARVED_NOT;
}

#endif
