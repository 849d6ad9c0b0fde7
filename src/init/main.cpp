// SPDX-License-Identifier: MIT
// /sbin/init.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/unique_fd.h"
#include "init/earlier_life.h"
#include "init/init.h"
#include "init/kernel_command_line.h"
#include "spawn/spawn.h"

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

// `init --check-state PAGE`: could this binary take over from the one that runs? A child of that one
// asks, before it is replaced.
int check_state(const char* page) {
    auto complain = [](const std::string& why) {
        std::printf("%s\n", why.c_str());
        return 1;
    };
    auto found = leash::Recovery::adopt(leash::UniqueFd(std::atoi(page)));
    if (!found) return complain(found.error().text);
    auto good = (*found)->check();
    // The writer goes on meanwhile: what is half written now is whole in a moment.
    for (int again = 0; !good && again < 3; ++again) {
        usleep(50'000);
        good = (*found)->check();
    }
    if (!good) return complain(good.error().text);
    std::printf("%s: %zu services\n", leash::kStateIsGood, (*found)->services().size());
    return 0;
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
    if (argc == 3 && std::strcmp(argv[1], "--check-state") == 0) return check_state(argv[2]);
    // A child of init that shares its memory cannot say why a program is not to be executed.
    if (argc > 2 && std::strcmp(argv[1], "--execute") == 0)
        return leash::execute_or_explain(argc - 2, argv + 2);
    if (getpid() != 1) return usage(argv[0], 2);
    auto asked = leash::parse_kernel_command_line(read_kernel_command_line());
    leash::Init init(std::move(asked), leash::find_earlier_life(argc, argv));
    return init.run();
}
