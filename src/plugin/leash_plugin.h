/* SPDX-License-Identifier: MIT */
/*
 * The plugin interface of Leash.
 *
 * A plugin is a shared object in /usr/lib/leash/plugins/ that exports one symbol:
 *
 *     const struct leash_plugin *leash_plugin_entry(void);
 *
 * It is named in init.conf ([system] plugins = watchdog) and runs inside PID 1, on its loop: a
 * plugin must never block, sleep, wait, or do file I/O on a disk. What could block belongs into a
 * helper process (host->spawn_helper).
 *
 * Versions: LEASH_PLUGIN_ABI grows when something incompatible changes; the loader refuses other
 * numbers. Structs grow at their end only; `size` says how much of one the other side knows. Check
 * it before you use a member that is newer than your minimum.
 *
 * Strings are UTF-8, NUL-terminated, valid during the call only. Times are CLOCK_MONOTONIC in
 * milliseconds unless said otherwise. Calls return 0 or a negative errno.
 *
 * Dispositions of signals and resource limits are init's: a plugin that has to change one does so in
 * start(), not later.
 *
 * The host calls a plugin from one thread only, and never from within a call of a plugin: what a
 * host function sets off (trouble() stops a service, whose state changes) is told once the callback
 * has returned. Host functions may be called from within any callback of the plugin, on PID 1's
 * thread only. Each plugin is given a host structure of its own, valid until it is unloaded.
 *
 * Since 0.1.
 */
#ifndef LEASH_PLUGIN_H
#define LEASH_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define LEASH_PLUGIN_ABI 1u

enum leash_level { /* as syslog */
    LEASH_ERROR = 3,
    LEASH_WARNING = 4,
    LEASH_NOTICE = 5,
    LEASH_INFO = 6,
    LEASH_DEBUG = 7,
};

/* What a plugin is told. */
enum leash_event_type {
    /* name, start, state, watchdog_ms, source, main_pid; text: how it is watched, see below. After a
     * re-exec of PID 1 once more for each service that is not stopped. */
    LEASH_EVENT_SERVICE_STATE = 1,
    /* name, start: WATCHDOG=1 came from a task of this start; main_pid: which process sent it; kind:
     * WATCHDOG_TIMER=, or "" */
    LEASH_EVENT_HEARTBEAT = 2,
    LEASH_EVENT_TIMER = 3,       /* cookie: as given to set_timer */
    LEASH_EVENT_READABLE = 4,    /* cookie: as given to watch_fd */
    LEASH_EVENT_HELPER_EXIT = 5, /* cookie: of its leash_helper; main_pid; status: see waitpid(2) */
    /* name: the target; status: how many services failed */
    LEASH_EVENT_TARGET_SETTLED = 6,
    /* status: enum leash_end; watchdog_ms: how long it may take, 0: not known. Services are about
     * to be stopped. */
     /* name: the service whose trouble asked for it, or ""; kind: "requested" (initctl), "signal", a
     * kind of trouble; text: in words. hold(LEASH_HOLD_END) is possible. */
    LEASH_EVENT_SHUTDOWN = 7,
    LEASH_EVENT_LOOP = 8, /* PID 1's loop has gone round; at least once a second. Be quick */
    LEASH_EVENT_HEARTBEAT_TRIGGER = 9, /* name, start: WATCHDOG=trigger */
    /* Modules are loaded and file systems mounted; no service has been started. Not after a re-exec.
     * hold(LEASH_HOLD_BOOT) and boot_target() are possible. */
    LEASH_EVENT_BROUGHT_UP = 10,
    /* init.conf has been read again (initctl reload) and is without errors: config(), section() and
     * config_in() give the new values. Not told if the file has errors: all stays as it was. */
    LEASH_EVENT_CONFIG = 11,
    /* name, start: EXTEND_TIMEOUT_USEC=, it asks for so much time from now: watchdog_ms */
    LEASH_EVENT_TIME_ASKED = 20,
    /* start; status: see waitpid(2), or -1: it could not be run, as text says. Of run_probe() */
    LEASH_EVENT_PROBE_EXIT = 21,
    /* The time that delegate() gave is over, and the machine has not been reset; text: in words. init
     * resets it by itself now. hold(LEASH_HOLD_END) is possible. */
    LEASH_EVENT_RESET_OVERDUE = 24,
};

/* How a service is watched, the text of LEASH_EVENT_SERVICE_STATE: words KEY=VALUE, a blank between
 * two, times in milliseconds, of a key without effect no word. Readers skip keys that they do not know.
 *   timers=NAME:LIMIT,NAME:LIMIT...  `watchdog`, 1 to 8 of them, in the order of the file
 *   soft=  grace=  extend=           `watchdog-soft`, `watchdog-grace`, `extend-limit`
 *   probe=command                    run_probe() runs it
 *   probe=TARGET                     tcp:ADDRESS:PORT, unix:/PATH or http://ADDRESS[:PORT]/PATH
 *   interval=  timeout=              of the probe
 * A service that is not watched has an empty text.
 *
 * What is looked for in it, `finder` of the same event: words KEY=VALUE likewise, of the keys of
 * [service] about hogs, leaks and hangs that are on. Times are in milliseconds, sizes in bytes; a value
 * that ends with % is a share:
 *   cpu-hog=PERCENT/TIME        memory-hog=SIZE, =N%        memory-leak=SIZE/TIME
 *   fd-hog=N, =N%               fd-leak=N/TIME              shm-hog=SIZE, =N%
 *   task-hog=N, =N/TIME, =N,N/TIME                          strays=report, =return, =kill
 *   stuck=, stopped=, livelock=, deadlock=, no-task=, unusual=TIME */

enum leash_service_state { /* the words of `initctl list`, in the same order */
    LEASH_STOPPED,
    LEASH_WAITING,
    LEASH_STARTING,
    LEASH_RUNNING,
    LEASH_RELOADING,
    LEASH_STOPPING,
    LEASH_BACKOFF,
    LEASH_FAILED,
    LEASH_DONE,
};

enum leash_end {
    LEASH_END_REBOOT,
    LEASH_END_POWEROFF,
    LEASH_END_HALT,
    LEASH_END_WDT_RESET, /* a reboot that is delegated to the WDT (SIGPWR) */
};

enum leash_watchdog_source { /* what counts as a sign of life, by the service's file */
    LEASH_SOURCE_HEARTBEAT,
    LEASH_SOURCE_TASKS,
    LEASH_SOURCE_PROGRESS, /* the plugin that can tell acts on it, others leave it alone */
    LEASH_SOURCE_PROBE,
};

struct leash_event {
    uint32_t size;
    uint32_t type; /* enum leash_event_type */
    int64_t now_ms;
    const char *name;     /* service or target, else "" */
    uint64_t start;       /* start id, else 0 */
    int32_t state;        /* enum leash_service_state */
    int32_t status;
    int64_t watchdog_ms;  /* the longest silence allowed; 0: not watched */
    int32_t source;       /* enum leash_watchdog_source */
    int32_t main_pid;     /* of the service, the sender, or the helper; 0 where there is none */
    uint64_t cookie;
    const char *kind;     /* a word, else "" */
    const char *text;     /* for people, else "" */
    const char *finder;   /* of LEASH_EVENT_SERVICE_STATE, else "" */
};

/* What waits for a plugin that holds it. */
enum leash_hold {
    LEASH_HOLD_BOOT, /* the first service */
    LEASH_HOLD_END,  /* unmounting: what is written until then is on the disk */
};
#define LEASH_HOLD_LIMIT_MS 10000    /* of the boot */
#define LEASH_HOLD_END_LIMIT_MS 5000 /* of the end: a disk that hangs must not keep the machine up */

/* A process that the host starts for a plugin: it is no service, sits in the real root cgroup, and
 * survives the shutdown of services. */
struct leash_helper {
    uint32_t size;
    uint32_t flags;           /* must be 0 */
    const char *path;         /* program; used where exec_fd is -1 */
    int32_t exec_fd;          /* a descriptor to execute (sealed memfd), or -1 */
    const char *const *argv;  /* NULL-terminated */
    const int32_t *fds;       /* these become 3, 4, 5, ... in the helper; all else is closed, */
    uint32_t fd_count;        /* 0, 1 and 2 are /dev/null. At most 16 */
    uint64_t cookie;          /* comes back in LEASH_EVENT_HELPER_EXIT */
};

struct leash_host {
    uint32_t size;
    uint32_t abi;

    void (*log)(enum leash_level level, const char *text);
    int64_t (*now_ms)(void);

    /* The value of a key of the plugin's own section of init.conf, defaults included; NULL if there
     * is none. Valid until the plugin is unloaded. */
    const char *(*config)(const char *key);

    /* One timer per cookie; setting it again moves it; -1 cancels. It fires once. At most 64
     * cookies: -ENOSPC. */
    int (*set_timer)(uint64_t cookie, int64_t deadline_ms);
    /* Tells LEASH_EVENT_READABLE while `fd` is readable, and once when its other end has hung up.
     * Unwatch before you close it. -EEXIST: it is watched already. */
    int (*watch_fd)(int fd, uint64_t cookie);
    int (*unwatch_fd)(int fd);

    /* Returns the pid (> 0) or a negative errno. */
    int (*spawn_helper)(const struct leash_helper *helper);

    /* Trouble with a start. `kind` is the word of the key on-KIND, e.g. "missed-heartbeat".
     * The service's policy decides what happens. -ESRCH: that start is over. -EINVAL: no such kind.
     * -EAGAIN: a heartbeat was found on its way just now and will be told; nothing was done. */
    int (*trouble)(uint64_t start, const char *kind, const char *evidence);
    /* The trouble has gone by itself (it beats again). */
    int (*trouble_over)(uint64_t start, const char *kind);

    /* Shown by `initctl status` without a name, one line per key; an empty text removes it. */
    void (*set_status)(const char *key, const char *text);

    /* Bytes that survive a re-exec of PID 1, at most LEASH_PLUGIN_STATE of them: else -E2BIG. */
    int (*save_state)(const void *bytes, size_t length);
    /* Keep `fd` open across a re-exec under this name (at most 15 characters, 8 names); fd -1
     * forgets it. It stays the plugin's: forget it before you close it. */
    int (*save_fd)(const char *name, int fd);
    /* The descriptor kept under this name, or -1. May be there without saved bytes, when PID 1 has
     * crashed badly enough to find only what it holds open. Helpers survive a re-exec, too. */
    int (*saved_fd)(const char *name);

    /* Sections of init.conf with a label, [PLUGIN LABEL]: the label of the index-th one in the order of
     * the file, NULL behind the last; and the value of a key there, NULL if there is none, defaults
     * included. Valid until the plugin is unloaded. */
    const char *(*section)(uint32_t index);
    const char *(*config_in)(const char *label, const char *key);

    /* Whose is process `pid`, by the kernel module or else its cgroup: the name goes to `service`
     * (LEASH_NAME_SIZE bytes are always enough), the start id to `start`; either may be NULL. -ESRCH: of
     * no service. Asked at once, it is quick; a pid may be a stranger's by tomorrow. */
    int (*whose)(int32_t pid, char *service, size_t size, uint64_t *start);

    /* Trouble with the machine, of no service. `source`: who noticed, for people ("monitor memory");
     * together with `kind`, a word, it identifies the trouble: told again while it stands, it is
     * ignored. `policy`: the answer, in the grammar of on-trouble, of the steps report, exec, safe,
     * reboot, poweroff and halt. -EINVAL: not a policy, or source or kind longer than 63 and 31 bytes;
     * init logs the reason. -ENOSPC: 64 troubles stand already. Budgets of steps are kept by source and
     * kind. What stands, waits and is used up survives a re-exec of PID 1. _over: -ENOENT: it did not
     * stand; `source` NULL or empty: all that stand of that kind, in whichever life they were told. */
    int (*machine_trouble)(const char *source, const char *kind, const char *policy,
                           const char *evidence);
    int (*machine_trouble_over)(const char *source, const char *kind);

    /* Ends the machine in order, as initctl would. `end`: enum leash_end; `kind`, `why`: as the event
     * LEASH_EVENT_SHUTDOWN tells them. -EALREADY: it is going down. */
    int (*end_machine)(int end, const char *kind, const char *why);

    /* Within LEASH_EVENT_BROUGHT_UP, _SHUTDOWN or _RESET_OVERDUE: wait (at most that long) until
     * let_go(). -EPERM: outside of them. */
    int (*hold)(int what);
    int (*let_go)(int what);
    /* While LEASH_HOLD_BOOT is held: boot into this target in place of the one asked for ("safe").
     * `why` is shown. -EPERM: too late; -ENOENT: no such target. */
    int (*boot_target)(const char *target, const char *why);

    /* Runs the command of `watchdog-source = probe:` for a start, beside its main process: as its user,
     * in a cgroup of its own within the service's, written to its log; it is a task of the service and
     * ends with the start at the latest. LEASH_EVENT_PROBE_EXIT tells how it ended, unless kill_probe()
     * came before; not after a re-exec of PID 1. One at a time: one that is left over, with what it has
     * started, is killed first. -ESRCH: that start is over. -EINVAL: it has no such command. */
    int (*run_probe)(uint64_t start);
    int (*kill_probe)(uint64_t start);

    /* Trouble of a kind that has a level: `percent` of its limit, from 1 on; 100 and above: it is
     * reached. Told again when it has risen; each step of the policy is taken once, when its level (`at
     * 60%`, else 100 %) has been reached, until trouble_over(). A level that was told before is ignored.
     * As trouble(); -EINVAL: percent below 1, or a kind without levels and percent below 100. */
    int (*trouble_at)(uint64_t start, const char *kind, int32_t percent, const char *evidence);
};
#define LEASH_NAME_SIZE 64

#define LEASH_PLUGIN_STATE 512

/* A timer of a watched start, for `initctl status`. */
struct leash_timer {
    char name[16];
    int64_t limit_ms;
    int64_t left_ms; /* 0 and below: it is late */
};

/* A command of a client: `initctl plugin NAME WORD...`. `initctl watchdog WORD...` is one, too. */
struct leash_command {
    uint32_t size;
    uint32_t uid;             /* of the client, as the kernel says; decide by it who may do what */
    int32_t pid;
    uint32_t argc;            /* at most 64 words of 1 to 255 bytes, no control characters */
    const char *const *argv;
    /* The answer, while the callback runs: JSON objects, a line each, then what to tell people. A
     * member called "end" must not be a number: that is how the whole answer ends. */
    void (*line)(const struct leash_command *command, const char *json);
    void (*message)(const struct leash_command *command, const char *text);
    void *context;            /* the host's */
};

struct leash_plugin {
    uint32_t size;
    uint32_t abi; /* LEASH_PLUGIN_ABI */
    const char *name;
    const char *description;

    /* `saved` is what save_state kept across a re-exec of PID 1, NULL at a first start. A negative
     * errno leaves the plugin out; PID 1 goes on without it and says so. */
    int (*start)(const struct leash_host *host, const void *saved, size_t saved_length);
    void (*event)(const struct leash_event *event);
    /* PID 1 is about to end: all services are gone, file systems are unmounted or read-only. The
     * plugin takes over the reset of the machine. Returns how long, in milliseconds, PID 1 is to
     * wait before it resets the machine by itself and calls that a hardware failure; a negative
     * errno: it cannot, reboot at once. `end` is enum leash_end. May be NULL. Only called for
     * LEASH_END_WDT_RESET. */
    int64_t (*delegate)(int end);
    /* The machine reboots, powers off or halts without the WDT's help (end): return 0 when the
     * timer is no obstacle, -EBUSY when it cannot be stopped and would reset a halted machine.
     * May be NULL. */
    int (*release)(int end);
    /* Asked before anything is stopped for `end`: 0, or a negative errno with the reason in words
     * in `why` (a buffer of `size` bytes): the request is refused unless it is forced. For a halt
     * with a timer that cannot be stopped. May be NULL. */
    int (*may_end)(int end, char *why, size_t size);
    /* Answers a command; returns the exit status of the client: 0 done, 1 failed, 2 usage, 6 not
     * permitted. May be NULL. */
    int (*command)(const struct leash_command *command);
    /* The timers of a start, `most` at most; returns how many. Must not change anything: it may be asked
     * in a copy of PID 1. May be NULL. */
    int (*timers)(uint64_t start, struct leash_timer *timers, size_t most);
    /* A policy wants to reboot the machine (`end`) for trouble of `kind`, of the service `name` or of
     * none (""): 0, or a negative errno with the reason in words in `why`, and it does not. Not asked
     * for what people ask for. May be NULL. */
    int (*may_reboot)(int end, const char *name, const char *kind, char *why, size_t size);
};

/* The one symbol that a plugin exports. Where plugins are linked into PID 1, the build renames it
 * to leash_plugin_entry_NAME. */
__attribute__((visibility("default"))) const struct leash_plugin *leash_plugin_entry(void);

#ifdef __cplusplus
}
#endif

#endif
