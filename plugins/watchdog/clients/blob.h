/* SPDX-License-Identifier: MIT */
/* The helper's binary, a static ELF program, from begin up to end. */
#ifndef LEASH_CLIENTS_BLOB_H
#define LEASH_CLIENTS_BLOB_H

#ifdef __cplusplus
extern "C" {
#endif
extern __attribute__((visibility("hidden"))) const char leash_clients_helper_begin[];
extern __attribute__((visibility("hidden"))) const char leash_clients_helper_end[];
#ifdef __cplusplus
}
#endif

#endif
