// SPDX-License-Identifier: GPL-2.0-only
/* Events: what happens to tasks and starts, for those who have asked for it. */
#include "leash.h"

void leash_event(u32 type, const struct leash_life *life, const struct task_struct *p, s32 code,
		 u64 arg)
{
}
