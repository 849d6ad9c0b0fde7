// SPDX-License-Identifier: MIT
#include <csignal>

#include <unistd.h>

#include "leashps/leashps.h"

int main(int argc, char** argv) {
    using namespace leash;
    std::signal(SIGPIPE, SIG_IGN); // `leashps | head` is no failure
    leashps::World world;
    world.out = [](std::string_view text) { return taskview::write_text(STDOUT_FILENO, text); };
    world.err = [](std::string_view text) { taskview::write_text(STDERR_FILENO, text); };
    world.terminal = taskview::terminal_of(STDOUT_FILENO);
    world.open_source = taskview::open_kernel_source;
    return leashps::run({argv + 1, argv + argc}, world);
}
