// SPDX-License-Identifier: MIT
#include <csignal>

#include <unistd.h>

#include "leashmon/leashmon.h"
#include "taskview/terminal.h"

int main(int argc, char** argv) {
    using namespace leash;
    std::signal(SIGPIPE, SIG_IGN); // `leashmon 1 | head` is no failure
    leashmon::World world;
    world.out = [](std::string_view text) { return taskview::write_text(STDOUT_FILENO, text); };
    world.err = [](std::string_view text) { taskview::write_text(STDERR_FILENO, text); };
    world.open_events = taskview::open_kernel_events;
    return leashmon::run({argv + 1, argv + argc}, world);
}
