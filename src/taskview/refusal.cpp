// SPDX-License-Identifier: MIT
#include <cerrno>

#include "taskview/task_source.h"

namespace leash::taskview {

Refusal refusal_of(const Error& error) {
    switch (error.code) {
    case ENOENT: // no module, no device
    case ENODEV: // a left-over node
    case ENXIO:
        return {error.text + ": the kernel module is not loaded; try: modprobe leash", kNoModule};
    case EACCES:
    case EPERM:
        return {error.text + ": needs root (CAP_SYS_PTRACE), outside of containers",
                kNotPermitted};
    default: return {error.text, kFailed};
    }
}

} // namespace leash::taskview
