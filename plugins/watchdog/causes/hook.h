// SPDX-License-Identifier: MIT
// Runs a command of the configuration apart from PID 1, within a time limit, as a group that is killed
// as a whole. A mode of the recorder's program, in a process of its own: LIMIT_MS COMMAND NAME=VALUE...
#pragma once

#include <cstddef>

namespace leash_watchdog {

// Splits by the shell's quoting rules, within `text`, which is changed. The number of words, or -1: a
// quote is not closed, or there are more than `most` of them; words[n] becomes a null pointer.
int split_words(char* text, char** words, std::size_t most);

// The exit status of the command; 124: it was killed; 127: it could not be run.
int run_hook(int argc, char** argv);

} // namespace leash_watchdog
