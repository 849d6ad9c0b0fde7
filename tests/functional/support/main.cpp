// SPDX-License-Identifier: MIT
// Puts the tests into namespaces of their own: pids, mounts, cgroups. The development machines'
// v2 tree is shared, so the tests live in one group of their own there, which is removed behind
// them whatever becomes of them.
#include <csignal>
#include <cstring>
#include <string_view>

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lineage/cgroup_folder.h"
#include "support/machine.h"

using namespace leash;

namespace {

// The folder of a mounted v2 tree that lasts beyond the tests; empty if there is none.
std::string cgroup_mount() {
    auto text = read_small_file("/proc/self/mountinfo");
    for (const auto& mount : parse_cgroup_mounts(text.value_or("")))
        if (::access((mount.point + "/cgroup.procs").c_str(), F_OK) == 0) return mount.point;
    return "";
}

std::string enter_machine(const std::string& group) {
    auto step = [](bool done, const char* what) {
        return done ? std::string() : std::string(what) + ": " + std::strerror(errno);
    };
    if (auto moved = write_group_file(group, "cgroup.procs", "0"); !moved)
        return moved.error().text;
    std::string why;
    if (!(why = step(::unshare(CLONE_NEWCGROUP | CLONE_NEWNS) == 0, "unshare")).empty()) return why;
    if (!(why = step(::mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0, "private /"))
             .empty())
        return why;
    if (!(why = step(::mount("proc", "/proc", "proc", 0, nullptr) == 0, "/proc")).empty())
        return why;
    return step(::mount("cgroup2", "/sys/fs/cgroup", "cgroup2", 0, nullptr) == 0,
                "/sys/fs/cgroup");
}

} // namespace

int main(int argc, char** argv) {
    bool list = false;
    for (int i = 1; i < argc; ++i)
        list = list || std::string_view(argv[i]).starts_with("--gtest_list_tests");
    ::testing::InitGoogleTest(&argc, argv);
    if (list) return RUN_ALL_TESTS();
    auto skip = [](const std::string& why) {
        test::no_machine = why;
        return RUN_ALL_TESTS();
    };
    if (::geteuid() != 0) return skip("needs root");
    auto mount = cgroup_mount();
    if (mount.empty()) return skip("needs a mounted cgroup v2");
    auto group = mount + "/leash-test-" + std::to_string(::getpid());
    if (::mkdir(group.c_str(), 0755) != 0) return skip("needs to make cgroups");

    if (::unshare(CLONE_NEWPID) != 0) return skip("needs namespaces");
    pid_t child = ::fork();
    if (child == 0) {
        auto why = enter_machine(group);
        if (!why.empty()) {
            std::fprintf(stderr, "cannot enter the test's machine: %s\n", why.c_str());
            std::_Exit(1);
        }
        int status = RUN_ALL_TESTS();
        std::fflush(nullptr);
        std::_Exit(status);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    (void)write_group_file(group, "cgroup.kill", "1");
    test::eventually([&] { return remove_group(group).has_value(); });
    // The leak checker could not start its thread: our namespace's init has gone.
    std::_Exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}
