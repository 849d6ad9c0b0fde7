// SPDX-License-Identifier: MIT
// Init's side of the deadman: what is asked of the device, and when.
#include "init/deadman.h"

#include <cerrno>
#include <optional>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>

namespace leash {
namespace {

std::uint64_t g_features;
std::optional<leash_deadman> g_set;
leash_deadman_info g_state;
int g_pings, g_ping_error;

int device(int, unsigned long request, void* argument) {
    switch (request) {
    case LEASH_IOC_VERSION: {
        auto* version = static_cast<leash_version*>(argument);
        version->abi = LEASH_ABI;
        version->features = g_features;
        return 0;
    }
    case LEASH_IOC_DEADMAN: g_set = *static_cast<leash_deadman*>(argument); return 0;
    case LEASH_IOC_DEADMAN_GET: *static_cast<leash_deadman_info*>(argument) = g_state; return 0;
    case LEASH_IOC_PING:
        ++g_pings;
        errno = g_ping_error;
        return g_ping_error != 0 ? -1 : 0;
    default: errno = ENOTTY; return -1;
    }
}

struct DeadmanTest : testing::Test {
    DeadmanTest() {
        g_features = LEASH_FEATURE_DEADMAN;
        g_set.reset();
        g_state = {};
        g_pings = g_ping_error = 0;
        set_device_call(device);
        module.emplace(*KernelLineage::take_over(UniqueFd(open("/dev/null", O_RDWR | O_CLOEXEC))));
    }
    ~DeadmanTest() override { set_device_call(nullptr); }
    void run_for(Ms time) {
        Timer stop(loop, [this] { loop.stop(); });
        stop.in(time);
        loop.run();
    }
    // Not those of the sysctls, which are not there.
    int complaints() const {
        int count = 0;
        for (const auto& text : notes)
            if (!text.starts_with("/proc/sys")) ++count;
        return count;
    }

    EventLoop loop;
    std::vector<std::string> notes;
    int silences = 0;
    std::optional<KernelLineage> module;
    Deadman deadman{loop, {[this](std::string text) { notes.push_back(std::move(text)); },
                           [this] { ++silences; }}};
};

TEST_F(DeadmanTest, is_off_unless_asked_for) {
    deadman.configure({}, &*module);
    EXPECT_FALSE(g_set);
    EXPECT_EQ(deadman.status(), "");
    run_for(Ms{50});
    EXPECT_EQ(g_pings, 0);
    EXPECT_EQ(complaints(), 0);
}

TEST_F(DeadmanTest, is_armed_pinged_and_disarmed) {
    deadman.configure({Ms{80}, Ms{1'000}, OnDeadman::restart, "", Ms{0}}, &*module);
    ASSERT_TRUE(g_set);
    EXPECT_EQ(g_set->timeout_ms, 80u);
    EXPECT_EQ(g_set->grace_ms, 1000u);
    EXPECT_EQ(g_set->action, static_cast<unsigned>(LEASH_DEADMAN_RESTART));
    EXPECT_EQ(g_set->flags, LEASH_DEADMAN_KEEP);
    EXPECT_EQ(deadman.status(), "; deadman 80ms, then restart");
    run_for(Ms{300});
    EXPECT_GE(g_pings, 3);
    deadman.configure({Ms{0}, Ms{1'000}, OnDeadman::restart, "", Ms{0}}, &*module); // a reload
    EXPECT_EQ(g_set->timeout_ms, 0u);
    EXPECT_EQ(deadman.status(), "");
    int pings = g_pings;
    run_for(Ms{100});
    EXPECT_EQ(g_pings, pings);
}

TEST_F(DeadmanTest, a_life_that_takes_over_pings_at_once_and_goes_on) {
    g_state.state = LEASH_DEADMAN_SILENT;
    g_state.timeout_ms = 80;
    deadman.take_over(&*module);
    EXPECT_EQ(g_pings, 1);
    run_for(Ms{200});
    EXPECT_GE(g_pings, 3);
    EXPECT_FALSE(g_set); // what was armed stays as it is
    deadman.disarm();
    ASSERT_TRUE(g_set);
    EXPECT_EQ(g_set->timeout_ms, 0u);
}

TEST_F(DeadmanTest, nothing_armed_is_nothing_to_take_over) {
    deadman.take_over(&*module);
    run_for(Ms{50});
    EXPECT_EQ(g_pings, 0);
    deadman.disarm();
    EXPECT_FALSE(g_set);
}

TEST_F(DeadmanTest, without_the_module_it_says_so_once) {
    DeadmanSettings settings{Ms{1'000}, Ms{1'000}, OnDeadman::panic, "", Ms{0}};
    deadman.configure(settings, nullptr);
    deadman.configure(settings, nullptr);
    EXPECT_EQ(complaints(), 1);
    g_features = 0; // an older module
    auto older = KernelLineage::take_over(UniqueFd(open("/dev/null", O_RDWR | O_CLOEXEC)));
    settings.hung_task = Ms{1'000};
    deadman.configure(settings, &*older);
    EXPECT_EQ(complaints(), 2);
    EXPECT_FALSE(g_set);
}

TEST_F(DeadmanTest, one_that_is_off_behind_its_back_is_told) {
    deadman.configure({Ms{40}, Ms{1'000}, OnDeadman::nothing, "", Ms{0}}, &*module);
    g_ping_error = ENODATA;
    run_for(Ms{100});
    EXPECT_EQ(g_pings, 1);
    EXPECT_EQ(complaints(), 1);
    EXPECT_EQ(deadman.status(), "");
}

TEST_F(DeadmanTest, a_silence_that_is_over_is_told) {
    deadman.configure({Ms{40}, Ms{1'000}, OnDeadman::nothing, "", Ms{0}}, &*module);
    timespec pause{0, 100'000'000};
    nanosleep(&pause, nullptr);
    run_for(Ms{5});
    EXPECT_EQ(silences, 1);
    EXPECT_EQ(complaints(), 1);
}

} // namespace
} // namespace leash
