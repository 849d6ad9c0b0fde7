// SPDX-License-Identifier: MIT
// The device against a fake driver: a FIFO that answers a WDT's ioctls (the linker's --wrap=ioctl).
#include "watchdog/device.h"

#include <cerrno>
#include <cstdarg>
#include <cstdlib>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/watchdog.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

struct FakeWdt {
    bool on = false;
    unsigned options = WDIOF_SETTIMEOUT | WDIOF_MAGICCLOSE | WDIOF_KEEPALIVEPING;
    int timeout = 60;
    int least = 1;
    int most = 600;
    int boot_status = 0;
    int disable_error = 0;
    bool disabled = false;
    int pretimeout = 0;
    int left = -1;
} g_wdt;

int refuse(int error) {
    errno = error;
    return -1;
}

} // namespace

extern "C" int __real_ioctl(int fd, unsigned long request, void* argument);
extern "C" int __wrap_ioctl(int fd, unsigned long request, ...) {
    va_list args;
    va_start(args, request);
    void* argument = va_arg(args, void*);
    va_end(args);
    if (!g_wdt.on) return __real_ioctl(fd, request, argument);
    int* number = static_cast<int*>(argument);
    switch (request) {
    case WDIOC_GETSUPPORT: {
        watchdog_info info{};
        info.options = g_wdt.options;
        std::memcpy(info.identity, "Fake timer, with a name of 32 ch", 32); // no NUL
        std::memcpy(argument, &info, sizeof info);
        return 0;
    }
    case WDIOC_SETTIMEOUT:
        if ((g_wdt.options & WDIOF_SETTIMEOUT) == 0) return refuse(EOPNOTSUPP);
        if (*number < g_wdt.least || *number > g_wdt.most) return refuse(EINVAL);
        g_wdt.timeout = *number;
        return 0;
    case WDIOC_GETTIMEOUT:
        *number = g_wdt.timeout;
        return 0;
    case WDIOC_GETBOOTSTATUS:
        *number = g_wdt.boot_status;
        return 0;
    case WDIOC_SETOPTIONS:
        if (g_wdt.disable_error != 0) return refuse(g_wdt.disable_error);
        g_wdt.disabled = *number == WDIOS_DISABLECARD;
        return 0;
    case WDIOC_SETPRETIMEOUT:
        if ((g_wdt.options & WDIOF_PRETIMEOUT) == 0) return refuse(EOPNOTSUPP);
        if (*number != 0 && *number >= g_wdt.timeout) return refuse(EINVAL);
        g_wdt.pretimeout = *number;
        return 0;
    case WDIOC_GETPRETIMEOUT:
        *number = g_wdt.pretimeout;
        return 0;
    case WDIOC_GETTIMELEFT:
        if (g_wdt.left < 0) return refuse(EOPNOTSUPP);
        *number = g_wdt.left;
        return 0;
    default:
        return refuse(ENOTTY);
    }
}

namespace leash_watchdog {
namespace {

bool g_before_close = false;

struct DeviceTest : testing::Test {
    DeviceTest() {
        g_wdt = FakeWdt{};
        g_wdt.on = true;
        g_before_close = false;
        char folder[] = "/tmp/leash-device-XXXXXX";
        folder_ = mkdtemp(folder);
        path = folder_ + "/wdt";
        EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
        reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    }
    ~DeviceTest() override {
        g_wdt.on = false;
        close(reader);
        unlink(path.c_str());
        rmdir(folder_.c_str());
    }
    std::string written() {
        char bytes[256];
        ssize_t got = read(reader, bytes, sizeof bytes);
        return got > 0 ? std::string(bytes, static_cast<std::size_t>(got)) : "";
    }
    std::string folder_;
    std::string path;
    int reader = -1;
    Device device;
};

TEST_F(DeviceTest, kicks_right_after_open_and_never_with_a_V) {
    ASSERT_EQ(device.open(path.c_str()), 0);
    EXPECT_EQ(written(), std::string(1, '\0'));
    EXPECT_STREQ(device.identity(), "Fake timer, with a name of 32 ch");
    EXPECT_EQ(device.kick(), 0);
    EXPECT_EQ(written(), std::string(1, '\0'));
}

TEST_F(DeviceTest, nothing_is_written_to_what_is_no_watchdog) {
    EXPECT_EQ(device.open("/nowhere/watchdog"), -ENOENT);
    EXPECT_EQ(device.open("/etc/passwd"), -ENOTTY);
    g_wdt.on = false;
    EXPECT_EQ(device.open("/dev/null"), -ENOTTY);
    EXPECT_FALSE(device.is_open());
}

TEST_F(DeviceTest, adopts_what_the_driver_really_does) {
    ASSERT_EQ(device.open(path.c_str()), 0);
    EXPECT_EQ(device.timeout_s(), 60);
    EXPECT_EQ(device.set_timeout(20), 0);
    EXPECT_EQ(device.timeout_s(), 20);
    g_wdt.most = 15;
    EXPECT_EQ(device.set_timeout(30), -EINVAL);
    EXPECT_EQ(device.timeout_s(), 20) << "as it was";
}

TEST_F(DeviceTest, a_driver_without_a_settable_timeout) {
    g_wdt.options = 0;
    ASSERT_EQ(device.open(path.c_str()), 0);
    EXPECT_EQ(device.set_timeout(20), -EOPNOTSUPP);
    EXPECT_EQ(device.timeout_s(), 60);
    EXPECT_EQ(device.lower_timeout(), -EOPNOTSUPP);
}

TEST_F(DeviceTest, the_lowest_timeout_is_doubled_until_taken) {
    ASSERT_EQ(device.open(path.c_str()), 0);
    ASSERT_EQ(device.set_timeout(20), 0);
    g_wdt.least = 3;
    EXPECT_EQ(device.lower_timeout(), 4);
    EXPECT_EQ(g_wdt.timeout, 4);
    g_wdt.least = 1;
    EXPECT_EQ(device.lower_timeout(), 1);
}

TEST_F(DeviceTest, boot_status_in_words) {
    ASSERT_EQ(device.open(path.c_str()), 0);
    char text[128];
    EXPECT_FALSE(device.boot_status(text, sizeof text));
    g_wdt.boot_status = WDIOF_CARDRESET | WDIOF_OVERHEAT;
    EXPECT_TRUE(device.boot_status(text, sizeof text));
    EXPECT_STREQ(text, "CARDRESET, OVERHEAT");
}

TEST_F(DeviceTest, stops_only_what_can_be_stopped) {
    ASSERT_EQ(device.open(path.c_str()), 0);
    char why[160];
    EXPECT_TRUE(device.can_stop(why, sizeof why));
    auto before_close = [] { g_before_close = true; };
    EXPECT_EQ(device.stop(before_close), 0);
    EXPECT_TRUE(g_wdt.disabled);
    EXPECT_FALSE(g_before_close);
    EXPECT_TRUE(device.is_open());

    g_wdt.disable_error = EBUSY; // nowayout
    written();
    EXPECT_EQ(device.stop(before_close), -EBUSY);
    EXPECT_EQ(written(), "") << "no magic, where it would not help";

    g_wdt.disable_error = EOPNOTSUPP;
    EXPECT_EQ(device.stop(before_close), 0);
    EXPECT_TRUE(g_before_close);
    EXPECT_EQ(written(), "V");
    EXPECT_FALSE(device.is_open());
}

TEST_F(DeviceTest, without_magic_close_it_cannot_be_stopped) {
    g_wdt.options = WDIOF_SETTIMEOUT;
    ASSERT_EQ(device.open(path.c_str()), 0);
    char why[160];
    EXPECT_FALSE(device.can_stop(why, sizeof why));
    EXPECT_NE(std::string(why).find("cannot stop it"), std::string::npos);
}

TEST_F(DeviceTest, pretimeout_and_time_left) {
    ASSERT_EQ(device.open(path.c_str()), 0);
    EXPECT_FALSE(device.can_tell_before());
    EXPECT_EQ(device.set_pretimeout(5), -EOPNOTSUPP);
    EXPECT_EQ(device.time_left_s(), -EOPNOTSUPP);
    g_wdt.options |= WDIOF_PRETIMEOUT;
    g_wdt.left = 7;
    ASSERT_EQ(device.adopt(device.fd()), 0);
    EXPECT_TRUE(device.can_tell_before());
    EXPECT_EQ(device.set_pretimeout(60), -EINVAL);
    EXPECT_EQ(device.set_pretimeout(5), 0);
    EXPECT_EQ(device.pretimeout_s(), 5);
    EXPECT_EQ(device.time_left_s(), 7);
    EXPECT_EQ(device.lower_timeout(), 1);
    EXPECT_EQ(g_wdt.pretimeout, 0) << "a reset is asked for, no panic";
}

TEST_F(DeviceTest, stopped_and_started_again) {
    ASSERT_EQ(device.open(path.c_str()), 0);
    ASSERT_EQ(device.stop([] {}), 0);
    written();
    EXPECT_EQ(device.start_again(), 0);
    EXPECT_FALSE(g_wdt.disabled);
    EXPECT_EQ(written(), std::string(1, '\0'));
    g_wdt.timeout = 33; // somebody wrote to /sys
    EXPECT_EQ(device.refresh(), 33);
    device.drop();
    EXPECT_FALSE(device.is_open());
}

TEST_F(DeviceTest, one_device_has_one_identity) {
    DeviceIdentity one;
    DeviceIdentity other;
    EXPECT_EQ(identify("/nowhere/watchdog", one), -ENOENT);
    ASSERT_EQ(identify(path.c_str(), one), 0);
    auto link_path = folder_ + "/other";
    ASSERT_EQ(symlink(path.c_str(), link_path.c_str()), 0);
    ASSERT_EQ(identify(link_path.c_str(), other), 0);
    EXPECT_EQ(one, other);
    ASSERT_EQ(identify("/dev/null", other), 0);
    EXPECT_NE(one, other);
    unlink(link_path.c_str());
}

} // namespace
} // namespace leash_watchdog
