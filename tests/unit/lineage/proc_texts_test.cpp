// SPDX-License-Identifier: MIT
// The texts of /proc and of cgroup v2.
#include <unistd.h>

#include <gtest/gtest.h>

#include "base/process.h"
#include "lineage/cgroup_folder.h"
#include "lineage/tag_reader.h"

using namespace leash;
using namespace std::string_literals;

namespace {

std::string stat_line(std::string_view name, std::string_view flags = "4194560") {
    return fmt::format("4711 ({}) S 12 4711 4700 34816 4711 {} 90 0 0 0 7 5 0 0 20 0 3 0 123456 "
                       "2400256 300 18446744073709551615 1 2 3 0 0 0 0 0 0 0 0 0 17 1 0 0 0 0 0 4 "
                       "5 6 140720 140730 140740 140750 0\n",
                       name, flags);
}

} // namespace

TEST(ParseStat, NamesOfAllKinds) {
    for (auto name : {"sleep", "a) b (c", "(", ")", "", ") Z 1 1 1 0", "a b c d e f", "x\ny"}) {
        auto stat = parse_stat(stat_line(name));
        ASSERT_TRUE(stat) << name;
        EXPECT_EQ(stat->comm, name);
        EXPECT_EQ(stat->pid, 4711);
        EXPECT_EQ(stat->state, 'S');
        EXPECT_EQ(stat->parent, 12);
        EXPECT_EQ(stat->group, 4711);
        EXPECT_EQ(stat->session, 4700);
        EXPECT_EQ(stat->tty, 34816);
        EXPECT_EQ(stat->threads, 3);
        EXPECT_EQ(stat->cpu_ticks, 12U);
        EXPECT_EQ(stat->start_ticks, 123456U);
        EXPECT_FALSE(stat->kernel);
        EXPECT_FALSE(stat->environment_is_empty);
    }
}

TEST(ParseStat, KernelThreads) {
    auto stat = parse_stat(stat_line("kworker/0:1", "69238880"));
    ASSERT_TRUE(stat);
    EXPECT_TRUE(stat->kernel);
}

TEST(ParseStat, EmptyEnvironment) {
    auto line = stat_line("x");
    line.replace(line.find("140740"), 6, "140750");
    EXPECT_TRUE(parse_stat(line)->environment_is_empty);
}

TEST(ParseStat, RefusesWhatIsNone) {
    auto whole = stat_line("x");
    for (auto text : {""s, "1"s, "1 (x"s, "1 x) S"s, ") ("s, "a (x) S 1"s, "1 (x) S"s, "1 (x) SS"s,
                      whole.substr(0, 40)})
        EXPECT_FALSE(parse_stat(text)) << text;
}

TEST(ParseStat, Ourselves) {
    auto stat = read_stat(::getpid());
    ASSERT_TRUE(stat);
    EXPECT_EQ(stat->pid, ::getpid());
    EXPECT_EQ(stat->parent, ::getppid());
    EXPECT_EQ(stat->session, ::getsid(0));
    EXPECT_FALSE(stat->dead());
}

TEST(ProcessWalk, AscendingAndComplete) {
    ProcessWalk walk;
    pid_t last = 0;
    bool seen = false;
    for (auto pids = walk.next(); !pids.empty(); pids = walk.next())
        for (pid_t pid : pids) {
            EXPECT_GT(pid, last);
            last = pid;
            seen = seen || pid == ::getpid();
        }
    EXPECT_TRUE(seen);
    walk.restart(::getpid() - 1);
    auto pids = walk.next();
    ASSERT_FALSE(pids.empty());
    EXPECT_EQ(pids.front(), ::getpid());
    walk.restart(last + 100'000);
    EXPECT_TRUE(walk.next().empty());
}

TEST(Cgroup2Path, HybridAndUnified) {
    EXPECT_EQ(cgroup2_path("4:memory:/x\n1:cpu:/\n0::/leash/httpd\n"), "/leash/httpd");
    EXPECT_EQ(cgroup2_path("0::/\n"), "/");
    EXPECT_EQ(cgroup2_path("0::/leash/a (deleted)\n"), "/leash/a");
    EXPECT_FALSE(cgroup2_path("4:memory:/x\n"));
    EXPECT_FALSE(cgroup2_path(""));
}

TEST(ParsePlace, BelowLeashRoot) {
    auto place = parse_place("/leash/httpd", "/leash");
    ASSERT_TRUE(place);
    EXPECT_EQ(place->service, "httpd");
    EXPECT_EQ(place->remains_of, 0U);
    place = parse_place("/box/leash/tty@ttyS0/main/deep", "/box/leash");
    ASSERT_TRUE(place);
    EXPECT_EQ(place->service, "tty@ttyS0");
    place = parse_place("/leash/sshd/remains.00000012deadbeef/x", "/leash");
    ASSERT_TRUE(place);
    EXPECT_EQ(place->remains_of, 0x12deadbeefU);
    for (auto path : {"/", "/leash", "/leash/", "/leashes/httpd", "/other/httpd", "/leash/init",
                      "/leash/a b", "/leash/../x"})
        EXPECT_FALSE(parse_place(path, "/leash")) << path;
}

TEST(RemainsName, ThereAndBack) {
    EXPECT_EQ(remains_name(0x12deadbeef), "remains.00000012deadbeef");
    EXPECT_EQ(parse_remains_name("remains.00000012deadbeef"), 0x12deadbeefU);
    for (auto name : {"remains.", "remains", "remains.x", "main", "remains.0"})
        EXPECT_EQ(parse_remains_name(name), 0U) << name;
}

TEST(CgroupMounts, OnlyVersion2) {
    auto mounts = parse_cgroup_mounts(
        "25 1 0:23 / /sys/fs/cgroup rw - tmpfs tmpfs rw\n"
        "30 25 0:28 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n"
        "31 25 0:29 /../.. /sys/fs/cgroup/unified rw shared:9 master:1 - cgroup2 cgroup2 rw\n"
        "32 25 0:29 /a /mnt/with\\040blank rw - cgroup2 none rw\n");
    ASSERT_EQ(mounts.size(), 2U);
    EXPECT_EQ(mounts[0].point, "/sys/fs/cgroup/unified");
    EXPECT_EQ(mounts[0].root, "/../..");
    EXPECT_EQ(mounts[1].point, "/mnt/with blank");
    EXPECT_EQ(mounts[1].root, "/a");
}

TEST(FindTag, AmongVariables) {
    auto tag = find_tag("PATH=/bin\0LEASH_TAG=httpd@00000012deadbeef\0X=1\0"s);
    ASSERT_TRUE(tag);
    EXPECT_EQ(tag->service, "httpd");
    EXPECT_EQ(tag->start, 0x12deadbeefU);
    EXPECT_TRUE(find_tag("LEASH_TAG=a@1"s)); // the last NUL may be missing
    // As getenv: the first one counts, even if it is broken.
    EXPECT_FALSE(find_tag("LEASH_TAG=\0LEASH_TAG=a@1\0"s));
    for (const auto& text : {""s, "\0\0"s, "XLEASH_TAG=a@1\0"s, "LEASH_TAGS=a@1\0"s,
                             "LEASH_TAG\0"s, "A=LEASH_TAG=a@1\0"s, "LEASH_TAG=a@1\nX=2\0"s})
        EXPECT_FALSE(find_tag(text)) << text;
}
