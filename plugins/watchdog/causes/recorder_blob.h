/* SPDX-License-Identifier: MIT */
/* The recorder's binary, a static ELF program, from begin up to end. */
#ifndef LEASH_RECORDER_BLOB_H
#define LEASH_RECORDER_BLOB_H

#ifdef __cplusplus
extern "C" {
#endif
extern __attribute__((visibility("hidden"))) const char leash_recorder_begin[];
extern __attribute__((visibility("hidden"))) const char leash_recorder_end[];
#ifdef __cplusplus
}
#endif

#endif
