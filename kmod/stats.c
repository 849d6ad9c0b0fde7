// SPDX-License-Identifier: GPL-2.0-only
#include <linux/string.h>

#include "leash.h"

struct leash_counters leash_counters;
bool leash_incomplete;

u32 leash_state(void)
{
	return (READ_ONCE(leash_incomplete) ? LEASH_STATE_INCOMPLETE : 0) |
	       (leash_hooked() ? LEASH_STATE_HOOKED : 0);
}

int leash_stats(struct leash_stats *arg)
{
	memset(arg, 0, sizeof(*arg));
	arg->state = leash_state();
	arg->starts = leash_life_count();
	arg->entries = READ_ONCE(leash_table.entries);
	arg->processes = leash_table_used(&leash_table);
	arg->entries_free = arg->entries - min(arg->entries, arg->processes);
	arg->armed = !!READ_ONCE(leash_armed_task);
	arg->forks = leash_forks_of_all();
	arg->lost = atomic64_read(&leash_counters.lost);
	arg->found = atomic64_read(&leash_counters.found);
	arg->adopted = atomic64_read(&leash_counters.adopted);
	arg->killed = atomic64_read(&leash_counters.killed);
	arg->killed_at_birth = atomic64_read(&leash_counters.killed_at_birth);
	arg->snapshots = atomic64_read(&leash_counters.snapshots);
	return 0;
}
