// SPDX-License-Identifier: MIT
// Stands in for init where a child that shares memory cannot say why it was not executed.
#include "spawn/spawn.h"

int main(int argc, char** argv) {
    return argc > 2 ? leash::execute_or_explain(argc - 2, argv + 2) : 2;
}
