/* SPDX-License-Identifier: MIT */
/* A question and its answer. */
#ifndef LIBWDOG_EXCHANGE_H
#define LIBWDOG_EXCHANGE_H

#include <stdint.h>

/* As watchdogd 3.1 and later have it. */
struct wdog_message {
    int32_t cmd, error, id, pid;
    uint32_t timeout, ack, next_ack;
    char label[48];
    char padding[128]; /* LIST_CLIENTS: begins with the name of the service */
};

enum {
    WDOG_SUBSCRIBE = 1,
    WDOG_UNSUBSCRIBE = 2,
    WDOG_KICK = 3,
    WDOG_SET_DEBUG = 4,
    WDOG_GET_DEBUG = 5,
    WDOG_ENABLE = 10,
    WDOG_STATUS = 11,
    WDOG_RESET = 12,
    WDOG_RESET_REASON = 13,
    WDOG_RESET_REASON_RAW = 14,
    WDOG_CLEAR_REASON = 15,
    WDOG_SET_LOGLEVEL = 16,
    WDOG_GET_LOGLEVEL = 17,
    WDOG_RESET_COUNTER = 18,
    WDOG_RELOAD = 19,
    WDOG_FAILED = 20,
    WDOG_LIST_CLIENTS = 31,
};

/* Sends `message`; a connection to read answers from, or a negative errno. */
int wdog_ask(const struct wdog_message* message, int64_t* deadline);
/* 1: `message` is whole; 0: there is no more; or a negative errno. */
int wdog_hear(int connection, struct wdog_message* message, int64_t deadline);

#endif
