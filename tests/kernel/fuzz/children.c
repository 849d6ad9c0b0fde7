// SPDX-License-Identifier: MIT
#define _GNU_SOURCE
#include "children.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

// A frame of a signal has room on a stack. Of orphans there are as many as can live at a time: they
// take 20 ms.
enum { POOL = 2 * CHILDREN, ORPHANS = 64, STACK = 16384 };

struct child {
    pid_t pid;
    bool taken, spoilt;
    bool ends; // it is a zombie, or about to be one
};

static struct child pool[POOL], *places[CHILDREN];
static char* stacks; // two of each of the pool, then those of the orphans
static unsigned orphans;
static bool armed, watched;

// Its end, not a signal's: who is taken for dead too early has the device open still.
static void await(pid_t pid) {
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

static void end(struct child* child) {
    if (child->pid <= 0) return;
    kill(child->pid, SIGKILL);
    await(child->pid);
    child->pid = 0;
}

static char* stack_of(unsigned which) { // it grows downwards
    return stacks + (size_t)(which + 1) * STACK;
}

static int wait_for_ever(void* unused) {
    (void)unused;
    for (;;)
        pause();
    return 0;
}

static int orphan(void* unused) {
    static const struct timespec a_while = {0, 20000000};
    (void)unused;
    nanosleep(&a_while, NULL);
    return 0;
}

enum { SHARED = CLONE_VM | CLONE_FS | CLONE_FILES };

static int end_at_once(void* unused) {
    (void)unused;
    return 0;
}

static int have_orphan(void* unused) {
    clone(orphan, stack_of(2 * POOL + orphans++ % ORPHANS), SHARED | SIGCHLD, NULL);
    return wait_for_ever(unused);
}

static int have_thread(void* stack) {
    clone(wait_for_ever, stack, SHARED | CLONE_SIGHAND | CLONE_THREAD, NULL);
    return wait_for_ever(NULL);
}

// With memory and descriptors of its own: the last to close the device may be who dies.
static pid_t forked(const int* slots, int count, bool closes) {
    pid_t pid = fork();
    if (pid) return pid;
    for (int i = 0; i < count && closes; i++)
        if (slots[i] >= 0) close(slots[i]);
    wait_for_ever(NULL);
    return -1;
}

static void begin(struct child* child, unsigned kind, const int* slots, int count) {
    unsigned nth = 2 * (unsigned)(child - pool);
    char* stack = stack_of(nth);
    int flags = SHARED | SIGCHLD;
    if (kind >= 248) child->pid = forked(slots, count, kind % 2);
    else if (kind >= 232) child->pid = clone(have_thread, stack, flags, stack_of(nth + 1));
    else if (kind % 3 == 0) child->pid = clone(end_at_once, stack, flags, NULL);
    else if (kind % 3 == 1) child->pid = clone(have_orphan, stack, flags, NULL);
    else child->pid = clone(wait_for_ever, stack, flags, NULL);
    child->ends = kind < 232 && kind % 3 == 0;
    // Descriptors of its own are not for the next program.
    child->spoilt = armed || kind >= 248;
    armed = false;
}

static struct child* find_idle(bool ends) {
    for (int i = 0; i < POOL; i++)
        if (pool[i].pid > 0 && !pool[i].taken && pool[i].ends == ends) return &pool[i];
    return NULL;
}

static struct child* find_room(void) {
    struct child* idle = NULL;
    for (int i = 0; i < POOL; i++) {
        if (pool[i].taken) continue;
        if (pool[i].pid <= 0) return &pool[i];
        idle = &pool[i];
    }
    end(idle); // there are more than there are places
    return idle;
}

void children_begin(void) {
    stacks = have((size_t)(2 * POOL + ORPHANS) * STACK);
}

pid_t child_at(unsigned place) {
    const struct child* child = places[place];
    return child && child->pid > 0 ? child->pid : 999999;
}

void child_toggle(unsigned place, unsigned kind, const int* slots, int count) {
    struct child* child = places[place];
    if (child) {
        if (child->spoilt || watched) end(child);
        child->taken = false;
        places[place] = NULL;
        return;
    }
    if (!armed && !watched && kind < 192) child = find_idle(kind % 3 == 0);
    if (!child) {
        child = find_room();
        begin(child, kind, slots, count);
    }
    if (child->pid <= 0) return;
    child->taken = true;
    places[place] = child;
}

void child_spoilt(pid_t pid) {
    for (int i = 0; i < CHILDREN; i++)
        if (places[i] && places[i]->pid == pid) places[i]->spoilt = true;
}

void children_armed(void) {
    armed = true;
}

void children_watched(void) {
    watched = true;
}

void children_clear(void) {
    for (int i = 0; i < CHILDREN; i++) {
        struct child* child = places[i];
        places[i] = NULL;
        if (!child) continue;
        child->taken = false;
        if (child->spoilt) end(child);
        // What has ended though it should not have, has been seen by no program.
        else if (!child->ends && waitpid(child->pid, NULL, WNOHANG) != 0) child->pid = 0;
    }
    armed = watched = false;
}

void children_end(void) {
    for (int i = 0; i < POOL; i++)
        end(&pool[i]);
}
