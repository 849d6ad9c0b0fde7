// SPDX-License-Identifier: MIT
// What reading the configuration leaves in scratch memory: nothing, or its pages would never go back.
#include "config/load.h"
#include "config/schema.h"
#include "init/scratch_memory.h"

#include <gtest/gtest.h>

using namespace leash;

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

TEST(ConfigurationMemory, NothingStaysBehind) {
    {
        ScratchMemory scratch;
        std::vector<SourceFile> files{
            {"init.conf", "[system]\nhostname = appliance\n[defaults]\nrestart-delay = 1s\n", ""}};
        for (const char* name : {"a", "b"})
            files.push_back({std::string("services.d/") + name + ".conf",
                             "[service]\ncommand = /bin/sleep 100000\nrestart-delay = 0s\n"
                             "watchdog = slow:3s\nafter = nobody\n",
                             ""});
        auto catalog = load(files), without = load({});
        forget_schemas();
        scratch.end();
        EXPECT_EQ(catalog.services.size(), 2u);
        EXPECT_GT(ScratchMemory::live(), 0u);
    }
    EXPECT_EQ(ScratchMemory::live(), 0u);
}

#endif
