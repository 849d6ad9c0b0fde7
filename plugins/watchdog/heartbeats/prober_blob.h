/* SPDX-License-Identifier: MIT */
/* The prober's binary, a static ELF program, from begin up to end. */
#ifndef LEASH_PROBER_BLOB_H
#define LEASH_PROBER_BLOB_H

#ifdef __cplusplus
extern "C" {
#endif
extern __attribute__((visibility("hidden"))) const char leash_prober_begin[];
extern __attribute__((visibility("hidden"))) const char leash_prober_end[];
#ifdef __cplusplus
}
#endif

#endif
