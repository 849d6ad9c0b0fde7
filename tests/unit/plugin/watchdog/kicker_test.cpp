// SPDX-License-Identifier: MIT
// The real kicker, with a pipe for the WDT: a byte is a kick. Times are wide, since the machines
// that run this are busy; what may never happen is exact.
#include "base/clock.h"
#include "base/unique_fd.h"
#include "plugin/helper.h"
#include "watchdog/verdict_page.h"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <functional>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

using leash::monotonic_now;
using leash::Ms;
using leash::UniqueFd;
using namespace std::chrono_literals;

struct KickerTest : testing::Test {
    KickerTest() {
        int ends[2];
        EXPECT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
        kicks = UniqueFd(ends[0]);
        wdt = UniqueFd(ends[1]);
        page_fd = UniqueFd(memfd_create("page", MFD_CLOEXEC));
        EXPECT_EQ(ftruncate(page_fd.get(), LEASH_PAGE_SIZE), 0);
        page = static_cast<leash_verdict_page*>(
            mmap(nullptr, LEASH_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, page_fd.get(), 0));
        wake = UniqueFd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        page->magic = LEASH_PAGE_MAGIC;
        page->version = LEASH_PAGE_VERSION;
        page->want_scheduling = LEASH_SCHEDULING_DEADLINE;
        page->fifo_level = 99;
        page->interval_ms = 50;
        page->loop_limit_ms = 60'000;
        page->verdict = LEASH_VERDICT_FEED;
        page->loop_beat_ms = now();
    }
    ~KickerTest() override {
        if (pid > 0) {
            kill(pid, SIGKILL);
            waitpid(pid, nullptr, 0);
        }
        munmap(page, LEASH_PAGE_SIZE);
    }

    static std::int64_t now() { return monotonic_now().count(); }

    pid_t kicker() const {
        const std::int32_t fds[] = {wdt.get(), page_fd.get(), wake.get()};
        const char* const argv[] = {"leash-kicker", nullptr};
        leash_helper helper{};
        helper.size = sizeof helper;
        helper.path = KICKER;
        helper.exec_fd = -1;
        helper.argv = argv;
        helper.fds = fds;
        helper.fd_count = 3;
        return leash::spawn_helper_process(helper);
    }

    void spawn() {
        pid = kicker();
        ASSERT_GT(pid, 0);
        ASSERT_TRUE(wait([&] { return leash_page_get(page, kicker_pid) == pid; }));
    }
    static bool wait(const std::function<bool()>& done, Ms limit = 10s) {
        for (Ms end = monotonic_now() + limit; monotonic_now() < end; usleep(2000))
            if (done()) return true;
        return done();
    }
    std::string drained() {
        char bytes[4096];
        ssize_t got = read(kicks.get(), bytes, sizeof bytes);
        return got > 0 ? std::string(bytes, static_cast<std::size_t>(got)) : "";
    }
    std::uint32_t state() { return leash_page_get(page, kicker_state); }
    void ring() {
        leash_page_add(page, bell, 1u);
        syscall(SYS_futex, &page->bell, FUTEX_WAKE, 1, nullptr, nullptr, 0);
    }
    void expect_silence(Ms span = 400ms) {
        drained();
        usleep(static_cast<useconds_t>(span.count() * 1000));
        EXPECT_EQ(drained(), "");
    }

    UniqueFd kicks;
    UniqueFd wdt;
    UniqueFd page_fd;
    UniqueFd wake;
    leash_verdict_page* page = nullptr;
    pid_t pid = 0;
};

TEST_F(KickerTest, kicks_at_the_interval) {
    spawn();
    usleep(1'000'000);
    std::string bytes = drained();
    EXPECT_GE(bytes.size(), 5u);
    EXPECT_LE(bytes.size(), 25u) << "20 are due, plus the first one";
    EXPECT_TRUE(std::ranges::all_of(bytes, [](char c) { return c == '\0'; }));
    EXPECT_GE(leash_page_get(page, kicks), bytes.size());
    EXPECT_EQ(leash_page_get(page, missed), 0u);
    EXPECT_GT(leash_page_get(page, last_kick_ms), 0);
    std::uint64_t wakes = 0;
    EXPECT_GT(read(wake.get(), &wakes, sizeof wakes), 0) << "it has said that it runs";
}

TEST_F(KickerTest, says_what_it_got) {
    spawn();
    std::ifstream status("/proc/" + std::to_string(pid) + "/status");
    std::string text((std::istreambuf_iterator<char>(status)), {});
    EXPECT_NE(text.find("Name:\tleash-kicker"), std::string::npos);
    if (leash_page_get(page, lock_error) == 0) {
        EXPECT_EQ(text.find("VmLck:\t       0 kB"), std::string::npos);
    }
    if (leash_page_get(page, oom_error) == 0) {
        std::ifstream oom("/proc/" + std::to_string(pid) + "/oom_score_adj");
        int score = 0;
        oom >> score;
        EXPECT_EQ(score, -1000);
    }
    EXPECT_EQ(leash_page_get(page, filter_error), 0);
    EXPECT_NE(text.find("Seccomp:\t"), std::string::npos);
    ASSERT_TRUE(wait([&] { return leash_page_get(page, alive_ms) > 0; }));
    std::ifstream again("/proc/" + std::to_string(pid) + "/status");
    std::string later((std::istreambuf_iterator<char>(again)), {});
    EXPECT_NE(later.find("Seccomp:\t2"), std::string::npos) << "its calls are filtered";
    int policy = sched_getscheduler(pid);
    switch (leash_page_get(page, got_scheduling)) {
    case LEASH_SCHEDULING_DEADLINE:
        EXPECT_EQ(policy, 6);
        break;
    case LEASH_SCHEDULING_FIFO:
        EXPECT_EQ(policy, SCHED_FIFO);
        break;
    default:
        EXPECT_NE(leash_page_get(page, scheduling_error), 0);
    }
}

TEST_F(KickerTest, goes_on_after_a_stop) {
    spawn();
    kill(pid, SIGSTOP);
    usleep(200'000);
    drained();
    kill(pid, SIGCONT);
    EXPECT_TRUE(wait([&] { return !drained().empty(); })) << "its sleep may be restarted";
    EXPECT_EQ(waitpid(pid, nullptr, WNOHANG), 0);
}

TEST_F(KickerTest, counts_how_late_it_is_and_forgets_when_told) {
    spawn();
    auto counted = [&] {
        std::uint64_t sum = 0;
        for (unsigned i = 0; i < LEASH_LATE_BUCKETS; ++i)
            sum += leash_page_get(page, late_counts[i]);
        return sum;
    };
    ASSERT_TRUE(wait([&] { return counted() > 5; }));
    EXPECT_LE(counted(), leash_page_get(page, kicks) + 1);
    leash_page_add(page, late_epoch, 1u);
    EXPECT_TRUE(wait([&] { return leash_page_get(page, late_epoch_seen) == 1u; }));
    EXPECT_LE(counted(), 5u);
}

TEST_F(KickerTest, takes_no_signal_but_kill) {
    spawn();
    for (int number : {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGPIPE, SIGALRM})
        kill(pid, number);
    usleep(200'000);
    EXPECT_EQ(waitpid(pid, nullptr, WNOHANG), 0);
    drained();
    EXPECT_TRUE(wait([&] { return !drained().empty(); }));
}

TEST_F(KickerTest, starves_when_the_loop_is_stale_and_recovers) {
    page->loop_limit_ms = 500;
    spawn();
    ASSERT_TRUE(wait([&] { return state() == LEASH_KICKER_STARVING; }));
    EXPECT_EQ(leash_page_get(page, starved_reason), LEASH_STARVED_LOOP);
    EXPECT_GE(leash_page_get(page, starved_since_ms), leash_page_get(page, loop_beat_ms) + 500);
    expect_silence();
    EXPECT_GE(leash_page_get(page, missed), 1u);
    page->loop_limit_ms = 60'000;
    leash_page_set(page, loop_beat_ms, now());
    ASSERT_TRUE(wait([&] { return state() == LEASH_KICKER_KICKING; }));
    EXPECT_TRUE(wait([&] { return !drained().empty(); }));
    EXPECT_EQ(leash_page_get(page, recoveries), 1u);
    EXPECT_GE(leash_page_get(page, starved_last_ms), 400);
}

TEST_F(KickerTest, goes_by_the_verdict) {
    spawn();
    leash_page_set(page, verdict, LEASH_VERDICT_STARVE);
    ring();
    ASSERT_TRUE(wait([&] { return state() == LEASH_KICKER_STARVING; }));
    EXPECT_EQ(leash_page_get(page, starved_reason), LEASH_STARVED_VERDICT);
    expect_silence();
}

TEST_F(KickerTest, feeds_no_longer_than_it_may) {
    page->feed_until_ms = now() + 400;
    spawn();
    ASSERT_TRUE(wait([&] { return state() == LEASH_KICKER_STARVING; }));
    EXPECT_EQ(leash_page_get(page, starved_reason), LEASH_STARVED_LIMIT);
    EXPECT_LE(leash_page_get(page, last_kick_ms), leash_page_get(page, feed_until_ms));
    expect_silence();
}

TEST_F(KickerTest, delegate_ends_the_kicks_at_once_and_for_good) {
    page->interval_ms = 3'600'000; // an hour: only the bell can wake it
    spawn();
    std::string all = drained();
    leash_page_set(page, command, LEASH_COMMAND_DELEGATE);
    ring();
    ASSERT_TRUE(wait([&] { return state() == LEASH_KICKER_DELEGATED; }));
    EXPECT_EQ(leash_page_get(page, delegated_timeout_s), -ENOTTY) << "a pipe has no timeout";
    leash_page_set(page, interval_ms, 20);
    leash_page_set(page, loop_beat_ms, now());
    leash_page_set(page, command, LEASH_COMMAND_KICK);
    ring();
    usleep(400'000);
    all += drained();
    EXPECT_EQ(all, std::string(1, '\0'))
        << "the first kick and nothing else: no more kicks, no 'V'";
    EXPECT_EQ(waitpid(pid, nullptr, WNOHANG), 0) << "and it stays: an end would close the WDT";
}

TEST_F(KickerTest, release_stops_and_can_be_taken_back) {
    spawn();
    leash_page_set(page, command, LEASH_COMMAND_RELEASE);
    ring();
    ASSERT_TRUE(wait([&] { return state() == LEASH_KICKER_RELEASED; }));
    expect_silence();
    leash_page_set(page, command, LEASH_COMMAND_KICK);
    ring();
    EXPECT_TRUE(wait([&] { return !drained().empty(); }));
}

TEST_F(KickerTest, a_shorter_interval_counts_at_once) {
    page->interval_ms = 3'600'000;
    spawn();
    ASSERT_TRUE(wait([&] { return !drained().empty(); }));
    leash_page_set(page, interval_ms, 50);
    ring();
    EXPECT_TRUE(wait([&] { return !drained().empty(); }));
}

TEST_F(KickerTest, nonsense_in_the_page_does_not_crash_it) {
    spawn();
    for (std::int64_t nonsense : {INT64_MIN, INT64_C(-1), INT64_C(0), INT64_MAX}) {
        leash_page_set(page, interval_ms, nonsense);
        leash_page_set(page, command, 999u);
        ring();
        usleep(50'000);
        EXPECT_EQ(waitpid(pid, nullptr, WNOHANG), 0) << nonsense;
    }
}

TEST_F(KickerTest, refuses_a_page_of_another_version) {
    page->version = 999;
    pid_t child = kicker();
    int status = 0;
    ASSERT_EQ(waitpid(child, &status, 0), child);
    EXPECT_EQ(WEXITSTATUS(status), 3);
    EXPECT_EQ(drained(), "");
}

TEST(VerdictPage, starves_for_the_right_reason) {
    leash_verdict_page page{};
    EXPECT_EQ(leash_page_starved(&page, 0), LEASH_STARVED_VERDICT) << "zeroes feed nothing";
    page.verdict = LEASH_VERDICT_FEED;
    page.loop_limit_ms = 1000;
    page.loop_beat_ms = 5000;
    EXPECT_EQ(leash_page_starved(&page, 6000), LEASH_STARVED_NOT);
    EXPECT_EQ(leash_page_starved(&page, 6001), LEASH_STARVED_LOOP);
    page.feed_until_ms = 5500;
    EXPECT_EQ(leash_page_starved(&page, 5500), LEASH_STARVED_NOT);
    EXPECT_EQ(leash_page_starved(&page, 5501), LEASH_STARVED_LIMIT);
}

} // namespace
