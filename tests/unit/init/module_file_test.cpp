// SPDX-License-Identifier: MIT
#include "init/module_file.h"

#include <gtest/gtest.h>

using namespace leash;

TEST(ModuleFile, AsTheIndexSays) {
    struct Row {
        std::string_view index;
        std::optional<ModuleFile> found;
    };
    const Row rows[] = {
        {"", std::nullopt},
        {"kernel/a.ko:\nupdates/leash.ko:\n", ModuleFile{"updates/leash.ko", true}},
        {"updates/leash.ko: \n", ModuleFile{"updates/leash.ko", true}},
        {"leash.ko:", ModuleFile{"leash.ko", true}},
        {"/opt/leash.ko:\n", ModuleFile{"/opt/leash.ko", true}},
        {"updates/leash.ko: kernel/b.ko\n", ModuleFile{"updates/leash.ko", false}},
        {"updates/leash.ko.xz:\n", ModuleFile{"updates/leash.ko.xz", false}},
        {"updates/leash.ko\n", ModuleFile{"updates/leash.ko", false}}, // cut off
        {"updates/leash.ko:\nextra/leash.ko.gz:\n", ModuleFile{"updates/leash.ko", true}},
        {"updates/unleash.ko:\nleash/other.ko: updates/leash.ko\n", std::nullopt},
    };
    for (const auto& row : rows) EXPECT_EQ(find_module_file(row.index, "leash"), row.found) << row.index;
}

TEST(ModuleFile, WhatModprobeHasToKnow) {
    struct Row {
        std::string_view text;
        bool setting, command_line;
    };
    const Row rows[] = {
        {"", false, false},
        {"options bonding max_bonds=0", false, false},
        {"options leash pool=64", true, false},
        {"softdep leash pre: x", true, false},
        {"install l* /bin/true", true, false},
        {"blacklist pcspkr", false, false},
        {"quiet root=/dev/vda", false, false},
        {"quiet leash.pool=64", true, true},
        {"leash.debug", true, true},
        {"\"leash.debug=1\"", true, true},
        {"unleash.debug root=leash", true, false},
        {"modprobe.blacklist=a,leash", true, true},
        {"module_blacklist=other", false, false},
    };
    for (const auto& row : rows) {
        EXPECT_EQ(may_configure_module(row.text, "leash"), row.setting) << row.text;
        EXPECT_EQ(command_line_configures_module(row.text, "leash"), row.command_line) << row.text;
    }
}

TEST(ModuleFile, WhatIsNoModuleIsNotInserted) {
    EXPECT_FALSE(insert_module("/nowhere/leash.ko"));
    EXPECT_FALSE(insert_module("/dev/null"));
}
