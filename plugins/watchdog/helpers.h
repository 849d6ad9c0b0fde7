// SPDX-License-Identifier: MIT
// The processes that the plugin starts beside the kickers are one program, which goes by its name
// (argv[0]): most of a static program is the C library, and so they share it, as bytes within
// watchdog.so and in memory. The kicker stays apart: it is C, and all of it is locked.
#pragma once

namespace leash_watchdog {

int recorder_main(int argc, char** argv); // leash-recorder: causes/recorder.cpp
int prober_main();                        // leash-prober: heartbeats/prober_main.cpp
int clients_main(int argc, char** argv);  // leash-clients: clients/helper.cpp

} // namespace leash_watchdog
