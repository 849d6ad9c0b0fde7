// SPDX-License-Identifier: MIT
#include "sealed_program.h"

#include "programs.h"

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

int make_sealed_program(const char* name, const char* begin, const char* end) {
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_EXEC);
    if (fd < 0 && errno == EINVAL) // before Linux 6.3
        fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return -errno;
    int error = 0;
    for (const char* at = begin; at < end && error == 0;) {
        ssize_t wrote = write(fd, at, static_cast<std::size_t>(end - at));
        if (wrote <= 0) error = -errno;
        else at += wrote;
    }
    fchmod(fd, 0500);
    if (error == 0 &&
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        error = -errno;
    if (error == 0) return fd;
    close(fd);
    return error;
}

int helpers_program() {
    static int program = -1;
    if (program < 0)
        program = make_sealed_program("leash-helpers", leash_helpers_begin, leash_helpers_end);
    return program;
}

} // namespace leash_watchdog
