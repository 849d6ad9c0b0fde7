// SPDX-License-Identifier: MIT
#include "support/machine.h"

#include <csignal>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/process.h"
#include "lineage/cgroup_folder.h"

namespace leash::test {

std::string no_machine;

void Machine::SetUp() {
    if (!no_machine.empty()) GTEST_SKIP() << no_machine;
    auto opened = CgroupTree::open();
    ASSERT_TRUE(opened) << opened.error().text;
    tree = std::move(*opened);
}

void Machine::TearDown() {
    if (!tree) return;
    ::kill(-1, SIGKILL); // all of our namespace but us
    for (auto folder : {tree->root(), outside()}) {
        bool gone = eventually([&] {
            reap();
            for (const auto& name : subgroups(folder)) (void)remove_group(folder + "/" + name);
            return subgroups(folder).empty();
        });
        EXPECT_TRUE(gone) << folder;
    }
}

std::string Machine::outside() {
    auto folder = tree->root() + "-outside";
    ::mkdir(folder.c_str(), 0755);
    return folder;
}

Machine::Running Machine::run(const std::string& name, std::vector<std::string> command,
                              const std::function<void(ServiceSettings&, SpawnRequest&)>& adjust) {
    Running running;
    running.start = next_++;
    running.service = name;
    ServiceSettings settings;
    settings.name = name;
    settings.command = std::move(command);
    auto group = tree->enter(name);
    EXPECT_TRUE(group) << (group ? "" : group.error().text);
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    running.output = UniqueFd(ends[0]);
    UniqueFd write_end(ends[1]);
    SpawnRequest request;
    request.settings = &settings;
    request.start = running.start;
    request.cgroup_fd = group ? group->get() : -1;
    request.output_fd = write_end.get();
    if (adjust) adjust(settings, request);
    auto spawned = spawn(request);
    EXPECT_TRUE(spawned) << (spawned ? "" : spawned.error().text);
    if (spawned) running.process = std::move(*spawned);
    return running;
}

std::string read_all(int fd, Ms limit) {
    std::string text;
    auto end = monotonic_now() + limit;
    while (monotonic_now() < end) {
        pollfd poll{fd, POLLIN, 0};
        if (::poll(&poll, 1, static_cast<int>((end - monotonic_now()).count())) <= 0) break;
        char buffer[4096];
        auto got = ::read(fd, buffer, sizeof buffer);
        if (got <= 0) break;
        text.append(buffer, static_cast<std::size_t>(got));
    }
    return text;
}

std::string read_line(int fd, Ms limit) {
    std::string line;
    auto end = monotonic_now() + limit;
    while (monotonic_now() < end) {
        pollfd poll{fd, POLLIN, 0};
        if (::poll(&poll, 1, static_cast<int>((end - monotonic_now()).count())) <= 0) break;
        char byte = 0;
        if (::read(fd, &byte, 1) != 1 || byte == '\n') break;
        line += byte;
    }
    return line;
}

pid_t wait_ready(int fd) {
    auto line = read_line(fd);
    return line.starts_with("ready ") ? std::stoi(line.substr(6)) : 0;
}

bool eventually(const std::function<bool()>& condition, Ms limit) {
    auto end = monotonic_now() + limit;
    while (!condition()) {
        if (monotonic_now() > end) return false;
        std::this_thread::sleep_for(Ms{2});
    }
    return true;
}

void reap() {
    while (::waitpid(-1, nullptr, WNOHANG) > 0) {}
}

bool lives(pid_t pid) {
    auto folder = ProcFolder::open(pid);
    auto stat = folder ? folder->stat() : std::nullopt;
    return stat && living_thread(*folder, *stat) != 0;
}

} // namespace leash::test
