// SPDX-License-Identifier: MIT
#include "sealed_program.h"

#include "recorder_blob.h"

#include <cerrno>
#include <cstddef>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_EXEC
#define MFD_EXEC 0x0010U
#endif

namespace leash_watchdog {

int make_recorder_program() {
    int fd = memfd_create("leash-recorder", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (fd < 0 && errno == EINVAL) // before Linux 6.3
        fd = memfd_create("leash-recorder", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return -errno;
    for (const char* at = leash_recorder_begin; at < leash_recorder_end;) {
        ssize_t wrote = write(fd, at, static_cast<std::size_t>(leash_recorder_end - at));
        if (wrote <= 0) {
            int error = -errno;
            close(fd);
            return error;
        }
        at += wrote;
    }
    fchmod(fd, 0500);
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

} // namespace leash_watchdog
