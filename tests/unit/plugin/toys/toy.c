/* SPDX-License-Identifier: MIT */
/*
 * A plugin that does what its timers, descriptors and events make it do, and writes it down in its
 * status lines. With other definitions: one that the loader has to refuse.
 */
#include "plugin/leash_plugin.h"

#include <stdio.h>
#include <string.h>

#ifndef TOY_ABI
#define TOY_ABI LEASH_PLUGIN_ABI
#endif
#ifndef TOY_SIZE
#define TOY_SIZE sizeof(struct leash_plugin)
#endif
#ifndef TOY_CALLS_ITSELF
#define TOY_CALLS_ITSELF TOY_NAME
#endif
#ifndef TOY_START_ERROR
#define TOY_START_ERROR 0
#endif

#ifdef TOY_NO_ENTRY
int not_an_entry(void);
int not_an_entry(void) {
    return 0;
}
#else

static const struct leash_host* host;
static char story[4000];
static int depth;

static void tell(const char* text) {
    snprintf(story + strlen(story), sizeof story - strlen(story), "%s%s", story[0] ? " " : "",
             text);
    host->set_status("story", story);
}

static int start(const struct leash_host* h, const void* saved, size_t length) {
    const char* greeting;
    host = h;
    story[0] = '\0';
    greeting = host->config("greeting");
    tell(greeting ? greeting : "no-greeting");
    if (saved) {
        char text[64];
        snprintf(text, sizeof text, "saved:%.*s", (int)length, (const char*)saved);
        tell(text);
    }
    return TOY_START_ERROR;
}

static void event(const struct leash_event* e) {
    char text[128];
    if (e->type == LEASH_EVENT_LOOP) return;
    snprintf(text, sizeof text, "%s%u:%s:%llu:%d:%d", depth ? "NESTED" : "", e->type, e->name,
             (unsigned long long)(e->start + e->cookie), e->state, e->status);
    tell(text);
    ++depth;
    if (e->type == LEASH_EVENT_SERVICE_STATE && e->state == LEASH_RUNNING)
        host->trouble(e->start, "missed-heartbeat", "the toy says so");
    if (e->type == LEASH_EVENT_HEARTBEAT) host->set_timer(5, host->now_ms());
    if (e->type == LEASH_EVENT_TIMER && e->cookie == 5) host->save_state("abc", 3);
    --depth;
}

static int64_t delegate(int end) {
    return end == LEASH_END_WDT_RESET ? 1234 : -22;
}
static int release(int end) {
    return end == LEASH_END_HALT ? -16 : 0;
}
static int may_end(int end, char* why, size_t size) {
    if (end != LEASH_END_HALT) return 0;
    snprintf(why, size, "the toy does not halt");
    return -16;
}

const struct leash_plugin* leash_plugin_entry(void) {
    static const struct leash_plugin plugin = {
        .size = TOY_SIZE,
        .abi = TOY_ABI,
        .name = TOY_CALLS_ITSELF,
        .description = "A toy",
        .start = start,
        .event = event,
        .delegate = delegate,
        .release = release,
        .may_end = may_end,
    };
    return &plugin;
}
#endif
