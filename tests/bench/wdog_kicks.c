/* SPDX-License-Identifier: MIT */
/*
 * How long a kick of a client of watchdogd takes, from the call to its answer: p50, p99 and the worst,
 * with as many other clients subscribed. Against whatever serves /run/watchdogd/sock, or in the
 * working directory ./watchdogd.sock:
 *
 *     wdog_kicks [KICKS [OTHERS]]      (5000, 0)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <wdog/wdog.h>

static double now_us(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec * 1e6 + (double)at.tv_nsec / 1e3;
}

static int by_size(const void* a, const void* b) {
    double x = *(const double*)a, y = *(const double*)b;
    return x < y ? -1 : x > y;
}

int main(int argc, char** argv) {
    int kicks = argc > 1 ? atoi(argv[1]) : 5000;
    int others = argc > 2 ? atoi(argv[2]) : 0;
    if (kicks < 1 || others < 0) return 2;
    __wdog_testmode = 1;
    unsigned int ack, other;
    for (int i = 0; i < others; ++i)
        if (wdog_subscribe(NULL, 600000, &other) < 0) {
            perror("subscribe");
            return 1;
        }
    int id = wdog_subscribe(NULL, 600000, &ack);
    if (id < 0) {
        perror("subscribe");
        return 1;
    }
    double* took = (double*)calloc((size_t)kicks, sizeof *took);
    for (int i = 0; i < kicks; ++i) {
        double began = now_us();
        if (wdog_kick2(id, &ack) != 0) {
            perror("kick");
            return 1;
        }
        took[i] = now_us() - began;
    }
    qsort(took, (size_t)kicks, sizeof *took, by_size);
    printf("%d kicks beside %d clients: p50 %.1f us, p99 %.1f us, worst %.1f us\n", kicks, others,
           took[kicks / 2], took[(size_t)kicks * 99 / 100], took[kicks - 1]);
    return wdog_unsubscribe(id, ack) != 0; /* the others end with this process */
}
