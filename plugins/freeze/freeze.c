/* SPDX-License-Identifier: MIT */
/*
 * For tests only: freezes PID 1's loop for ever once /run/leash/freeze exists, to show that the WDT
 * resets a machine whose PID 1 stands still.
 */
#include "plugin/leash_plugin.h"

#include <unistd.h>

static int start(const struct leash_host* host, const void* saved, size_t saved_length) {
    (void)saved;
    (void)saved_length;
    host->log(LEASH_WARNING, "a test plugin: `touch /run/leash/freeze` freezes PID 1");
    return 0;
}

static void event(const struct leash_event* event) {
    if (event->type != LEASH_EVENT_LOOP) return;
    if (access("/run/leash/freeze", F_OK) != 0) return;
    for (;;)
        pause();
}

const struct leash_plugin* leash_plugin_entry(void) {
    static const struct leash_plugin plugin = {
        .size = sizeof plugin,
        .abi = LEASH_PLUGIN_ABI,
        .name = "freeze",
        .description = "Freezes PID 1 on demand (tests)",
        .start = start,
        .event = event,
    };
    return &plugin;
}
