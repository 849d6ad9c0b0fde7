/* SPDX-License-Identifier: MIT */
/* The kicker's binary, a static ELF program, from begin up to end. */
#ifndef LEASH_KICKER_BLOB_H
#define LEASH_KICKER_BLOB_H

#ifdef __cplusplus
extern "C" {
#endif
extern __attribute__((visibility("hidden"))) const char leash_kicker_begin[];
extern __attribute__((visibility("hidden"))) const char leash_kicker_end[];
#ifdef __cplusplus
}
#endif

#endif
