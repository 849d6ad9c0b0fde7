// SPDX-License-Identifier: MIT
// The control port: lines of text between the guest and the rig; see tests/vm/rig/channel.py.
#include "stage0.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

void write_all(int fd, const void* data, size_t size) {
    const char* rest = data;
    while (size > 0) {
        ssize_t put = write(fd, rest, size);
        if (put > 0) {
            rest += put;
            size -= (size_t)put;
        } else if (errno != EINTR) {
            usleep(10000); // the rig's end is not there yet
        }
    }
}

static void read_all(int fd, char* data, size_t size) {
    while (size > 0) {
        ssize_t got = read(fd, data, size);
        if (got > 0) {
            data += got;
            size -= (size_t)got;
        } else if (got == 0 || errno != EINTR) {
            usleep(10000);
        }
    }
}

void read_line(int control, char* line, size_t size) {
    size_t length = 0;
    for (;;) {
        char next;
        read_all(control, &next, 1);
        if (next == '\n') {
            break;
        }
        if (length < size - 1) {
            line[length++] = next;
        }
    }
    line[length] = '\0';
}

static void make_nonce(char nonce[33]) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t words[2] = {(uint64_t)now.tv_sec, (uint64_t)now.tv_nsec};
    // Need not be secret, only new with each boot: not worth waiting for entropy.
    getrandom(words, sizeof words, GRND_INSECURE);
    snprintf(nonce, 33, "%016llx%016llx", (unsigned long long)words[0],
             (unsigned long long)words[1]);
}

static char** split_words(char* data, size_t size) {
    size_t count = 0;
    for (size_t i = 0; i < size; i++) {
        count += data[i] == '\0';
    }
    char** words = calloc(count + 1, sizeof *words);
    char* word = data;
    for (size_t i = 0; i < count; i++) {
        words[i] = word;
        word += strlen(word) + 1;
    }
    return words;
}

struct order ask_for_order(int control) {
    struct order order = {0};
    make_nonce(order.nonce);
    char line[256];
    int length = snprintf(line, sizeof line, "hello %s\n", order.nonce);
    write_all(control, line, (size_t)length);
    // An answer to a boot that was reset before it could read it may still be in the pipe.
    for (;;) {
        char nonce[33] = {0};
        char wait_for[16] = {0};
        size_t size = 0;
        read_line(control, line, sizeof line);
        if (sscanf(line, "boot %32s %u %15s %zu", nonce, &order.boot, wait_for, &size) != 4) {
            continue;
        }
        char* words = malloc(size + 1);
        read_all(control, words, size);
        if (strcmp(nonce, order.nonce)) {
            free(words);
            continue;
        }
        order.wait_for = !strcmp(wait_for, "leash")   ? WAIT_LEASH
                         : !strcmp(wait_for, "other") ? WAIT_OTHER_INIT
                                                      : WAIT_NOTHING;
        order.argv = split_words(words, size);
        return order;
    }
}
