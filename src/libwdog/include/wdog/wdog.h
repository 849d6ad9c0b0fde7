/* SPDX-License-Identifier: MIT */
/*
 * The client library of Leash's watchdog, source compatible with libwdog of watchdogd 2.0 to 4.x:
 *
 *     cc program.c $(pkg-config --cflags --libs libwdog)
 *
 * A program subscribes with the longest time it may be silent, and kicks within that time until it
 * unsubscribes. What happens to one that does not, or dies, is said by the policy of the service that it
 * belongs to (on-client-deadline in leash.service(5)), or by client-policy in init.conf(5).
 *
 * Unless said otherwise calls return 0, or a negative errno and set errno:
 *
 *     EAGAIN      nobody serves: the socket is not there
 *     ETIMEDOUT   no answer within a second
 *     EINVAL      a timeout below 1000 ms; an id that was never given; no such level
 *     ENOMEM      too many clients
 *     EIDRM       nobody is subscribed with this id: the server has been restarted. Subscribe again
 *     EBADE       another process is subscribed with this id
 *     EBADRQC     the ack is not the last one; from now on the program is in trouble
 *     EPERM       root may do that
 *     EOPNOTSUPP  not possible on this machine
 *
 * Calls may be made by any thread; those on one id by one thread at a time. Times in milliseconds.
 */
#ifndef WDOG_H_
#define WDOG_H_

#include <signal.h>
#include <stddef.h>
#include <sys/reboot.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Why a machine was reset. */
typedef enum {
    WDOG_SYSTEM_NONE = 0,
    WDOG_SYSTEM_OK,
    WDOG_FAILED_SUBSCRIPTION,
    WDOG_FAILED_KICK,
    WDOG_FAILED_UNSUBSCRIPTION,
    WDOG_FAILED_TO_MEET_DEADLINE,
    WDOG_FORCED_RESET,
    WDOG_FAILED_UNKNOWN,
    WDOG_DESCRIPTOR_LEAK,
    WDOG_MEMORY_LEAK,
    WDOG_CPU_OVERLOAD,
} wdog_code_t;
typedef wdog_code_t wdog_cause_t; /* up to 3.3 */

typedef struct {
    unsigned int counter; /* resets so far */
    unsigned int wid;     /* id of the client, 0 where none was the cause */
    __extension__ union {
        wdog_code_t code;
        wdog_cause_t cause; /* up to 3.3 */
    };
    unsigned int enabled; /* not used */
    char label[48];
    struct tm date; /* of the reset, UTC */
} wdog_reason_t;

typedef struct {
    unsigned int id;
    pid_t pid;
    unsigned int timeout;
    unsigned int time_left;
    char label[48];
} wdog_client_t;

/* Set to look for a server in /tmp and in the working directory, too. */
extern int __wdog_testmode;

/* ---- the server -------------------------------------------------------------------------------- */

int wdog_ping(void);   /* 0: it is there */
int wdog_reload(void); /* init reads its configuration again */
int wdog_enable(int enable);
int wdog_status(int* enabled);
int wdog_set_debug(int enable);
int wdog_get_debug(int* enabled);
int wdog_set_loglevel(char* level); /* none, err, warn, notice, info, debug */
char* wdog_get_loglevel(void);      /* one of these, or NULL */
/* What is subscribed. `*clients` is the caller's to free(). Returns 0. */
int wdog_clients(wdog_client_t** clients, size_t* count);

/* ---- resets ------------------------------------------------------------------------------------ */

int wdog_reset(int pid, char* label); /* of the machine, in the name of `pid` */
int wdog_reset_timeout(int pid, char* label, unsigned int timeout);
/* Records `code` as the cause of the next reset; with a timeout it is also brought about. */
int wdog_failed(wdog_code_t code, int pid, char* label, unsigned int timeout);
int wdog_reset_counter(unsigned int* counter);
int wdog_reset_reason(wdog_reason_t* reason);
int wdog_reset_reason_raw(wdog_reason_t* reason); /* prepared for the next unexpected one */
char* wdog_reset_reason_str(wdog_reason_t* reason);
int wdog_reset_reason_clr(void);

/* ---- clients ----------------------------------------------------------------------------------- */

/* Returns an id, 0 or more. Without a label it is the program's name; 47 bytes of it count. `ack` is
 * what the next call has to present. */
int wdog_subscribe(char* label, unsigned int timeout, unsigned int* ack);
int wdog_unsubscribe(int id, unsigned int ack);
int wdog_kick2(int id, unsigned int* ack);
int wdog_extend_kick(int id, unsigned int timeout, unsigned int* ack); /* more time, this once */
int wdog_kick(int id, unsigned int timeout, unsigned int ack, unsigned int* next_ack);

/* ---- older names ------------------------------------------------------------------------------- */

static __inline__ int wdog_is_enabled(void) {
    int enabled = 0;
    return wdog_status(&enabled) == 0 ? enabled : 0;
}

static __inline__ int wdog_debug(int enable) {
    return wdog_set_debug(enable);
}

/* Whoever calls this wants a reset: without a server init is asked, then the kernel. */
static __inline__ void wdog_forced_reset(char* label) {
    static char none[] = "XBAD_LABEL";
    if (label == NULL || label[0] == '\0') label = none;
    if (wdog_reset(getpid(), label) == 0) return;
    if (kill(1, SIGINT) != 0) reboot(RB_AUTOBOOT);
}

static __inline__ int wdog_get_reason(wdog_reason_t* reason) {
    return wdog_reset_reason(reason);
}

static __inline__ int wdog_get_reason_raw(wdog_reason_t* reason) {
    return wdog_reset_reason_raw(reason);
}

static __inline__ char* wdog_get_reason_str(wdog_reason_t* reason) {
    return wdog_reset_reason_str(reason);
}

static __inline__ int wdog_clear_reason(void) {
    return wdog_reset_reason_clr();
}

static __inline__ int wdog_pmon_ping(void) {
    return wdog_ping();
}

static __inline__ int wdog_pmon_subscribe(char* label, int timeout, int* ack) {
    return wdog_subscribe(label, (unsigned int)timeout, (unsigned int*)ack);
}

static __inline__ int wdog_pmon_unsubscribe(int id, int ack) {
    return wdog_unsubscribe(id, (unsigned int)ack);
}

static __inline__ int wdog_pmon_kick(int id, int* ack) {
    return wdog_kick2(id, (unsigned int*)ack);
}

static __inline__ int wdog_pmon_extend_kick(int id, int timeout, int* ack) {
    return wdog_extend_kick(id, (unsigned int)timeout, (unsigned int*)ack);
}

#ifdef __cplusplus
}
#endif

#endif
