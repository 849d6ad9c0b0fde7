// SPDX-License-Identifier: MIT
// Looks at a machine made of files.
#include "monitor/samples.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>
#include <unistd.h>

using namespace leash_monitor;
namespace fs = std::filesystem;

namespace {

class Samples : public testing::Test {
  protected:
    Samples() { fs::create_directories(root); }
    ~Samples() override { fs::remove_all(root); }
    void put(const std::string& path, const std::string& text) {
        auto file = fs::path(root + path);
        fs::create_directories(file.parent_path());
        std::ofstream(file) << text;
    }
    std::string root =
        (fs::temp_directory_path() / ("leash-samples-" + std::to_string(getpid()))).string();
    Settings settings;
    Memo memo;
    Report report;
};

constexpr const char* kMeminfo = "MemTotal: 102400 kB\nMemAvailable: 10240 kB\nSwapTotal: 0 kB\n";

} // namespace

TEST_F(Samples, LoadIsDividedByTheCpus) {
    put("/proc/loadavg", "8.00 4.00 1.00 1/100 5\n");
    put("/proc/uptime", "299.00 1.00\n");
    sample_load(settings, root, 4, report);
    EXPECT_EQ(report.measured, 1);
    EXPECT_DOUBLE_EQ(report.value, 1.5);
    EXPECT_EQ(report.cap, 1) << "not critical in its first five minutes";
    put("/proc/uptime", "300.00 1.00\n");
    Report later;
    sample_load(settings, root, 4, later);
    EXPECT_EQ(later.cap, 2);
    Report none;
    sample_load(settings, root + "/nowhere", 4, none);
    EXPECT_EQ(none.measured, 0);
    EXPECT_STREQ(none.text, "/proc/loadavg cannot be read");
}

TEST_F(Samples, MemoryCountsWhatIsAvailable) {
    put("/proc/meminfo", kMeminfo);
    sample_memory(settings, root, report);
    EXPECT_DOUBLE_EQ(report.value, 90);
    EXPECT_EQ(report.cap, 2);
    EXPECT_EQ(report.fault, 0);
    settings.min_free = 11 << 20;
    Report little;
    sample_memory(settings, root, little);
    EXPECT_EQ(little.fault, 2);
    put("/proc/meminfo", "MemTotal: 102400 kB\nMemAvailable: 10240 kB\nSwapTotal: 5 kB\n");
    Report swap;
    sample_memory(settings, root, swap);
    EXPECT_EQ(swap.cap, 0) << "with swap it says nothing";
    settings.with_swap = true;
    Report wanted;
    sample_memory(settings, root, wanted);
    EXPECT_EQ(wanted.cap, 2);
}

TEST_F(Samples, AFileTableWithoutALimitHasOneByMemory) {
    put("/proc/meminfo", kMeminfo);
    put("/proc/sys/fs/file-nr", "5120\t0\t9223372036854775807\n");
    sample_file_table(settings, root, report);
    EXPECT_DOUBLE_EQ(report.value, 50) << report.text;
    put("/proc/sys/fs/file-nr", "5120\t0\t6400\n");
    Report limited;
    sample_file_table(settings, root, limited);
    EXPECT_DOUBLE_EQ(limited.value, 80);
}

TEST_F(Samples, TheProcessThatComesClosest) {
    for (auto [pid, limit, open] :
         {std::tuple{"10", "100", 5}, {"20", "10", 9}, {"30", "unlimited", 50}}) {
        auto folder = std::string("/proc/") + pid;
        put(folder + "/limits", std::string("Max open files ") + limit + " 4096 files\n");
        put(folder + "/comm", "thing\n");
        for (int i = 0; i < open; ++i)
            put(folder + "/fd/" + std::to_string(i), "");
    }
    put("/proc/self/limits", "Max open files 1 1 files\n");
    sample_worst_process(settings, root, report);
    EXPECT_EQ(report.pid, 20);
    EXPECT_DOUBLE_EQ(report.value, 90);
    EXPECT_STREQ(report.text, "process 20 (thing) has 9 of 10 descriptors open");
}

TEST_F(Samples, Pressure) {
    put("/proc/pressure/memory", "some avg10=41.00 avg60=1.00 avg300=0.00 total=5\n");
    sample_pressure(settings, root, report);
    EXPECT_DOUBLE_EQ(report.value, 41);
    settings.kind = "full";
    Report none;
    sample_pressure(settings, root, none);
    EXPECT_EQ(none.measured, 0) << "an error is no level";
}

TEST_F(Samples, AnInterface) {
    settings.interface = "eth0";
    auto look = [&] {
        Report seen;
        sample_interface(settings, root, memo, seen);
        return seen;
    };
    EXPECT_EQ(look().fault, 2) << "there is none";
    put("/sys/class/net/eth0/flags", "0x1002\n");
    EXPECT_EQ(look().fault, 2) << "down";
    put("/sys/class/net/eth0/flags", "0x1003\n");
    put("/sys/class/net/eth0/carrier", "0\n");
    EXPECT_EQ(look().fault, 2) << "no carrier";
    put("/sys/class/net/eth0/carrier", "1\n");
    put("/proc/net/dev", "eth0: 100 1\n");
    EXPECT_EQ(look().fault, 0);
    EXPECT_EQ(look().fault, 1) << "nothing received";
    put("/proc/net/dev", "eth0: 101 1\n");
    EXPECT_EQ(look().fault, 0);
}

TEST_F(Samples, Processes) {
    put("/proc/loadavg", "0 0 0 1/750 5\n");
    put("/proc/sys/kernel/pid_max", "4194304\n");
    put("/proc/sys/kernel/threads-max", "1000\n");
    sample_processes(settings, root, report);
    EXPECT_DOUBLE_EQ(report.value, 75);
}

TEST_F(Samples, AClockThatJumps) {
    sample_clock(1'000'000, memo, report);
    EXPECT_DOUBLE_EQ(report.value, 0) << "the first look compares with nothing";
    sample_clock(1'000'010, memo, report);
    EXPECT_DOUBLE_EQ(report.value, 0.01);
    sample_clock(940'010, memo, report);
    EXPECT_DOUBLE_EQ(report.value, 60);
    sample_clock(940'010, memo, report);
    EXPECT_DOUBLE_EQ(report.value, 0);
}

TEST_F(Samples, TemperaturesByTheirOwnLimits) {
    put("/sys/class/hwmon/hwmon0/temp1_input", "45000\n");
    put("/sys/class/hwmon/hwmon0/temp1_crit", "90000\n");
    put("/sys/class/hwmon/hwmon0/temp2_input", "60000\n");
    put("/sys/class/thermal/thermal_zone0/temp", "72000\n");
    put("/sys/class/thermal/thermal_zone0/trip_point_0_type", "passive\n");
    put("/sys/class/thermal/thermal_zone0/trip_point_0_temp", "50000\n");
    put("/sys/class/thermal/thermal_zone0/trip_point_1_type", "critical\n");
    put("/sys/class/thermal/thermal_zone0/trip_point_1_temp", "80000\n");
    sample_temperature(settings, root, report);
    EXPECT_DOUBLE_EQ(report.value, 90);
    EXPECT_STREQ(report.text, "thermal_zone0 has 72.0 degrees, its limit is 80.0");
    settings.path = "/sys/class/hwmon/hwmon0/temp2_input";
    Report one;
    sample_temperature(settings, root, one);
    EXPECT_DOUBLE_EQ(one.value, 60) << "of the limit in the file";
    put("/sys/class/hwmon/hwmon0/temp2_input", "2147483647\n");
    Report mad;
    sample_temperature(settings, root, mad);
    EXPECT_EQ(mad.measured, 0) << "no board is that hot";
}

TEST_F(Samples, AFileSystem) {
    settings.type = Type::filesystem;
    settings.path = "/disk";
    sample_filesystem(settings, root, memo, report);
    EXPECT_EQ(report.fault, 2) << "it is not there";
    fs::create_directories(root + "/disk");
    Report seen;
    sample_filesystem(settings, root, memo, seen);
    EXPECT_EQ(seen.measured, 1);
    EXPECT_EQ(seen.fault, 0) << seen.text;
    remember(settings, seen, memo);
    EXPECT_TRUE(memo.was_writable);
    put("/proc/self/mountinfo", "23 22 8:2 / /disk rw - ext4 /dev/sda2 ro\n");
    Report read_only;
    sample_filesystem(settings, root, memo, read_only);
    EXPECT_EQ(read_only.fault, 2);
    EXPECT_STREQ(read_only.text, "/disk has become read-only");
    remember(settings, read_only, memo);
    EXPECT_TRUE(memo.was_writable) << "it stays wrong until it is writable again";
    Memo always;
    Report meant;
    sample_filesystem(settings, root, always, meant);
    EXPECT_EQ(meant.fault, 0) << "it has never been writable";
}

TEST_F(Samples, AnAllocationThatFails) {
    Report fine, none;
    try_to_allocate(1 << 20, fine);
    EXPECT_EQ(fine.fault, 0);
    try_to_allocate(std::uint64_t{1} << 62, none);
    EXPECT_EQ(none.fault, 2);
}
