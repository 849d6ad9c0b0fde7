// SPDX-License-Identifier: GPL-2.0-only
/* Trouble: what is wrong goes to the handler thread. */
#include "leash.h"

void leash_trouble(enum leash_trouble_reason reason, const struct leash_life *life, s32 pid)
{
}
