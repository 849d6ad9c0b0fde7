// SPDX-License-Identifier: MIT
// /sbin/init.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "init/crash.h"
#include "init/init.h"
#include "init/kernel_command_line.h"

namespace {

// Needs /proc, which nobody may have mounted yet. A failure shows up again in early_mounts.
std::string read_kernel_command_line() {
    leash::UniqueFd fd(open("/proc/cmdline", O_RDONLY | O_CLOEXEC));
    if (!fd) {
        mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, "");
        fd.reset(open("/proc/cmdline", O_RDONLY | O_CLOEXEC));
    }
    char text[4096];
    auto got = fd ? read(fd.get(), text, sizeof text) : -1;
    return got > 0 ? std::string(text, static_cast<std::size_t>(got)) : std::string();
}

// `init --resume PAGE`: the crash handler's exec. The descriptors are all open; init claims its own.
std::unique_ptr<leash::Recovery> earlier_life(int argc, char** argv) {
    if (argc != 3 || std::strcmp(argv[1], "--resume") != 0) return nullptr;
    leash::unblock_fatal_signals();
    auto found = leash::Recovery::adopt(leash::UniqueFd(std::atoi(argv[2])));
    if (found && (*found)->system()) return std::move(*found);
    return nullptr;
}

int usage(const char* name, int status) {
    std::fprintf(status ? stderr : stdout,
                 "%s is Leash, an init: the kernel starts it as process 1.\n"
                 "To talk to the init that runs, use initctl (see initctl help).\n"
                 "  --version   print the version\n",
                 name);
    return status;
}

} // namespace

int main(int argc, char** argv) {
    if (argc > 1 && std::strcmp(argv[1], "--version") == 0) {
        std::puts("leash " LEASH_VERSION);
        return 0;
    }
    if (argc > 1 && std::strcmp(argv[1], "--help") == 0) return usage(argv[0], 0);
    if (getpid() != 1) return usage(argv[0], 2);
    auto asked = leash::parse_kernel_command_line(read_kernel_command_line());
    leash::Init init(std::move(asked), earlier_life(argc, argv));
    return init.run();
}
