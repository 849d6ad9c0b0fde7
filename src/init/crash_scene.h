// SPDX-License-Identifier: MIT
// What the handler of fatal signals writes into the black box. Nothing here allocates, locks or is
// without bound.
#pragma once

#include <csignal>

namespace leash {

// What cannot be found out in a handler. `outermost`: as of install_crash_handler.
void prepare_crash_scene(const void* outermost);

// In the handler, once: what the signal tells. Touches nothing that may be broken.
void write_crash_scene(int signal, const siginfo_t* info, const void* context);
// Then: what lies around. May fault.
void look_at_crash_scene();

// For std::set_terminate: which exception nobody has caught.
void write_what_was_thrown();

} // namespace leash
