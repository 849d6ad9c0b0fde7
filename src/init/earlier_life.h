// SPDX-License-Identifier: MIT
// `init --resume PAGE`: what the life that went before has left. Where its state page is of no use,
// nothing can be taken over. What runs would then run twice, and what only one may hold (the WDTs, the
// kernel module) would be held by descriptors that nobody knows: so all of it is ended and closed, and
// init begins as at boot.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "init/black_box.h"
#include "init/recovery.h"

namespace leash {

struct EarlierLife {
    std::unique_ptr<Recovery> recovery; // null: nothing to take over
    std::unique_ptr<BlackBox> box;      // null: it had none
    std::string lost;                   // why its state is lost; "": it is not, or there was none
};

// First thing in PID 1. Does not come back where the state was lost again and again.
[[nodiscard]] EarlierLife find_earlier_life(int argc, char** argv);

// Ends every process that this one may signal, and reaps them, for some seconds at most; then closes
// every descriptor from 3 up, without waiting for those that cannot be closed at once. True: all
// processes are gone.
bool make_clean_slate();

// Is one more loss of the state, at `now`, too much? `earlier`: the times of the others, a line each, in
// ms since boot.
[[nodiscard]] bool is_lost_too_often(std::string_view earlier, Ms now);

} // namespace leash
