/* SPDX-License-Identifier: MIT */
#include "wdog/wdog.h"

#include "exchange.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#pragma GCC visibility push(default)

extern char* program_invocation_short_name;

static const struct {
    int value;
    char name[8];
} levels[] = {
    {0x10, "none"},        {LOG_ERR, "err"},   {LOG_WARNING, "warn"}, {LOG_WARNING, "warning"},
    {LOG_NOTICE, "notice"}, {LOG_INFO, "info"}, {LOG_DEBUG, "debug"},
};
enum { kLevels = sizeof levels / sizeof *levels };

static int failed(int error) {
    errno = -error;
    return error;
}

/* One question, one answer. A label may be NULL. */
static int exchange(struct wdog_message* message, const char* label) {
    int64_t deadline;
    if (label == NULL || label[0] == '\0') label = program_invocation_short_name;
    message->pid = getpid();
    snprintf(message->label, sizeof message->label, "%s", label);
    int fd = wdog_ask(message, &deadline);
    if (fd < 0) return failed(fd);
    int got = wdog_hear(fd, message, deadline);
    close(fd);
    if (got == 0) got = -EIO;
    if (got < 0) return failed(got);
    if (message->cmd == -1) return failed(message->error > 0 ? -message->error : -EIO);
    return 0;
}

static int command(int cmd, int id) {
    struct wdog_message message = {.cmd = cmd, .id = id};
    return exchange(&message, NULL);
}

static int value_of(int cmd, unsigned int* value) {
    struct wdog_message message = {.cmd = cmd};
    if (value == NULL) return failed(-EINVAL);
    int error = exchange(&message, NULL);
    if (error == 0) *value = message.next_ack;
    return error;
}

int wdog_ping(void) {
    return command(WDOG_STATUS, 0);
}

int wdog_reload(void) {
    return command(WDOG_RELOAD, 0);
}

int wdog_enable(int enable) {
    return command(WDOG_ENABLE, enable != 0);
}

int wdog_status(int* enabled) {
    return value_of(WDOG_STATUS, (unsigned int*)enabled);
}

int wdog_set_debug(int enable) {
    return command(WDOG_SET_DEBUG, enable != 0);
}

int wdog_get_debug(int* enabled) {
    return value_of(WDOG_GET_DEBUG, (unsigned int*)enabled);
}

int wdog_set_loglevel(char* level) {
    for (int i = 0; level != NULL && i < kLevels; ++i)
        if (strcmp(levels[i].name, level) == 0) return command(WDOG_SET_LOGLEVEL, levels[i].value);
    return failed(-EINVAL);
}

char* wdog_get_loglevel(void) {
    unsigned int level;
    if (value_of(WDOG_GET_LOGLEVEL, &level) != 0) return NULL;
    for (int i = 0; i < kLevels; ++i)
        if (levels[i].value == (int)level) return (char*)(uintptr_t)levels[i].name;
    errno = EINVAL;
    return NULL;
}

int wdog_clients(wdog_client_t** clients, size_t* count) {
    struct wdog_message message = {.cmd = WDOG_LIST_CLIENTS, .pid = getpid()};
    int64_t deadline;
    if (clients == NULL || count == NULL) return failed(-EINVAL);
    *clients = NULL;
    *count = 0;
    int fd = wdog_ask(&message, &deadline);
    if (fd < 0) return failed(fd);
    size_t room = 0;
    int got;
    while ((got = wdog_hear(fd, &message, deadline)) > 0 && message.cmd != -1) {
        if (*count == room) {
            room = room == 0 ? 16 : 2 * room;
            wdog_client_t* more = (wdog_client_t*)realloc(*clients, room * sizeof **clients);
            if (more == NULL) {
                got = -ENOMEM;
                break;
            }
            *clients = more;
        }
        wdog_client_t* client = &(*clients)[(*count)++];
        memset(client, 0, sizeof *client);
        client->id = (unsigned int)message.id;
        client->pid = message.pid;
        client->timeout = message.timeout;
        client->time_left = message.next_ack;
        memcpy(client->label, message.label, sizeof client->label);
    }
    if (got > 0) got = -message.error; /* an older watchdogd */
    close(fd);
    if (got == 0) return 0;
    free(*clients);
    *clients = NULL;
    *count = 0;
    return failed(got);
}

int wdog_reset(int pid, char* label) {
    return wdog_reset_timeout(pid, label, 0);
}

int wdog_reset_timeout(int pid, char* label, unsigned int timeout) {
    struct wdog_message message = {.cmd = WDOG_RESET, .id = pid, .timeout = timeout};
    return exchange(&message, label);
}

int wdog_failed(wdog_code_t code, int pid, char* label, unsigned int timeout) {
    struct wdog_message message = {.cmd = WDOG_FAILED + (int)code, .id = pid, .timeout = timeout};
    if ((int)code < WDOG_SYSTEM_OK || (int)code > WDOG_CPU_OVERLOAD) return failed(-EINVAL);
    return exchange(&message, label);
}

int wdog_reset_counter(unsigned int* counter) {
    return value_of(WDOG_RESET_COUNTER, counter);
}

/* Its answer is a wdog_reason_t, whose counter stands where other answers say that they are none: with
 * -1 there, nothing behind it can be a reason. */
static int reason_of(int cmd, wdog_reason_t* reason) {
    struct wdog_message message = {.cmd = cmd};
    if (reason == NULL) return failed(-EINVAL);
    int error = exchange(&message, NULL);
    if (error != 0) return error;
    memset(reason, 0, sizeof *reason);
    memcpy(reason, &message, sizeof *reason);
    reason->label[sizeof reason->label - 1] = '\0';
    reason->date.tm_zone = "UTC";
    return 0;
}

int wdog_reset_reason(wdog_reason_t* reason) {
    return reason_of(WDOG_RESET_REASON, reason);
}

int wdog_reset_reason_raw(wdog_reason_t* reason) {
    return reason_of(WDOG_RESET_REASON_RAW, reason);
}

char* wdog_reset_reason_str(wdog_reason_t* reason) {
    static char texts[][32] = {
        "None", "System OK", "Failed subscription", "Failed kick", "Failed unsubscription",
        "Failed to meet deadline", "Forced reset", "Unknown failure", "Descriptor leak",
        "Memory leak", "CPU overload",
    };
    unsigned int code = reason == NULL ? WDOG_FAILED_UNKNOWN : (unsigned int)reason->code;
    return texts[code < sizeof texts / sizeof *texts ? code : (unsigned int)WDOG_FAILED_UNKNOWN];
}

int wdog_reset_reason_clr(void) {
    return command(WDOG_CLEAR_REASON, 0);
}

int wdog_subscribe(char* label, unsigned int timeout, unsigned int* ack) {
    struct wdog_message message = {.cmd = WDOG_SUBSCRIBE, .timeout = timeout};
    if (ack == NULL) return failed(-EINVAL);
    int error = exchange(&message, label);
    if (error != 0) return error;
    *ack = message.next_ack;
    return message.id;
}

int wdog_unsubscribe(int id, unsigned int ack) {
    struct wdog_message message = {.cmd = WDOG_UNSUBSCRIBE, .id = id, .ack = ack};
    return exchange(&message, NULL);
}

int wdog_kick(int id, unsigned int timeout, unsigned int ack, unsigned int* next_ack) {
    struct wdog_message message = {.cmd = WDOG_KICK, .id = id, .timeout = timeout, .ack = ack};
    if (next_ack == NULL) return failed(-EINVAL);
    int error = exchange(&message, NULL);
    if (error == 0) *next_ack = message.next_ack;
    return error;
}

int wdog_extend_kick(int id, unsigned int timeout, unsigned int* ack) {
    if (ack == NULL) return failed(-EINVAL);
    return wdog_kick(id, timeout, *ack, ack);
}

int wdog_kick2(int id, unsigned int* ack) {
    return wdog_extend_kick(id, 0, ack);
}

#pragma GCC visibility pop
