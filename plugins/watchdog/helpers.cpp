// SPDX-License-Identifier: MIT
#include "helpers.h"

#include <cstring>

int main(int argc, char** argv) {
    using namespace leash_watchdog;
    const char* name = argc > 0 ? argv[0] : "";
    if (std::strcmp(name, "leash-recorder") == 0) return recorder_main(argc, argv);
    if (std::strcmp(name, "leash-prober") == 0) return prober_main();
    if (std::strcmp(name, "leash-clients") == 0) return clients_main(argc, argv);
    return 127;
}
