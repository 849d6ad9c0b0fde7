// SPDX-License-Identifier: MIT
#include "initctl/commands.h"
#include "initctl/session.h"

int main(int argc, char** argv) {
    return leash::initctl::run({argv, argv + argc}, leash::initctl::real_session());
}
