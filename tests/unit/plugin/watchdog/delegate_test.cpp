// SPDX-License-Identifier: MIT
// A WDT that is another daemon's: watchdog.so leaves it alone, and asks that daemon for the reset.
#include "support.h"

#include <csignal>
#include <cstdlib>
#include <string>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

namespace leash {
namespace {

using test::SmallInit;

// Writes the number of each signal to a pipe; SIGTERM ends it, or any of them where `frail`.
class Daemon {
  public:
    explicit Daemon(bool frail) {
        int ends[2];
        EXPECT_EQ(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
        heard_ = ends[0];
        sigset_t all;
        sigset_t before;
        sigfillset(&all);
        sigprocmask(SIG_SETMASK, &all, &before); // not one may come too early
        pid_ = fork();
        if (pid_ == 0) {
            for (;;) {
                int number = 0;
                sigwait(&all, &number);
                auto byte = static_cast<char>(number);
                if (write(ends[1], &byte, 1) != 1 || frail || number == SIGTERM) _exit(0);
            }
        }
        sigprocmask(SIG_SETMASK, &before, nullptr);
        close(ends[1]);
    }
    ~Daemon() {
        if (pid_ > 0) kill(pid_, SIGKILL);
        reap();
        close(heard_);
    }
    Daemon(const Daemon&) = delete;
    Daemon& operator=(const Daemon&) = delete;
    [[nodiscard]] pid_t pid() const { return pid_; }
    void reap() { // as init does
        if (pid_ > 0) waitpid(pid_, nullptr, 0);
        pid_ = 0;
    }
    std::string heard() {
        char bytes[16];
        ssize_t got = read(heard_, bytes, sizeof bytes);
        for (ssize_t i = 0; i < got; ++i)
            all_ += bytes[i] == SIGPWR ? "PWR " : bytes[i] == SIGTERM ? "TERM " : "? ";
        return all_;
    }

  private:
    pid_t pid_ = 0;
    int heard_ = -1;
    std::string all_;
};

struct DelegateTest : testing::Test {
    DelegateTest() : init(std::make_unique<SmallInit>(PLUGINS)) {
        char folder[] = "/tmp/leash-delegate-XXXXXX";
        folder_ = mkdtemp(folder);
        path = folder_ + "/wdt";
        EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
        reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        init->services.keys = {{"device", path}, {"timeout", "4s"}, {"delegate-to", "wdtd"},
                               {"delegate-pause", "300ms"}};
    }
    ~DelegateTest() override {
        init.reset();
        close(reader);
        unlink(path.c_str());
        rmdir(folder_.c_str());
    }
    void runs(pid_t pid, State state = State::running) {
        init->host.service_state("wdtd", 7, state, Ms{0}, WatchdogSource::heartbeat, pid);
    }
    bool logged(const std::string& text) {
        return init->services.logged.find(text) != std::string::npos;
    }
    std::string folder_;
    std::string path;
    int reader = -1;
    std::unique_ptr<SmallInit> init;
};

TEST_F(DelegateTest, the_device_is_left_alone) {
    ASSERT_TRUE(init->host.load("watchdog"));
    init->run(1500ms);
    char byte = 0;
    EXPECT_EQ(read(reader, &byte, 1), 0) << "somebody has it open";
    EXPECT_EQ(init->status("watchdog"), path + ": NOBODY FEEDS IT: the service wdtd does not run");
    runs(4711);
    EXPECT_EQ(init->status("watchdog"), path + " is fed by the service wdtd (pid 4711)");
    init->run(1500ms); // no later look says otherwise
    EXPECT_EQ(init->status("watchdog"), path + " is fed by the service wdtd (pid 4711)");
}

TEST_F(DelegateTest, a_section_of_its_own_cannot_have_it) {
    init->services.labels = {path};
    ASSERT_TRUE(init->host.load("watchdog"));
    EXPECT_TRUE(logged("delegate-to gives that device to wdtd; the section is left out"));
    init->run(300ms);
    char byte = 0;
    EXPECT_EQ(read(reader, &byte, 1), 0);
}

TEST_F(DelegateTest, SIGPWR_and_after_a_pause_SIGTERM) {
    Daemon daemon(false);
    ASSERT_TRUE(init->host.load("watchdog"));
    runs(daemon.pid());
    auto wait = init->host.delegate(LEASH_END_WDT_RESET);
    ASSERT_TRUE(wait);
    EXPECT_EQ(*wait, 12'300ms) << "the pause, and three times the timeout";
    EXPECT_TRUE(init->run(5s, [&] { return daemon.heard() == "PWR "; }));
    Ms begun = monotonic_now();
    EXPECT_TRUE(init->run(5s, [&] { return daemon.heard() == "PWR TERM "; }));
    EXPECT_GE(monotonic_now() - begun, 200ms);
}

TEST_F(DelegateTest, one_that_SIGPWR_ends_is_told_nothing_more) {
    Daemon daemon(true);
    init->services.keys["delegate-limit"] = "9s";
    ASSERT_TRUE(init->host.load("watchdog"));
    runs(daemon.pid());
    auto wait = init->host.delegate(LEASH_END_WDT_RESET);
    ASSERT_TRUE(wait);
    EXPECT_EQ(*wait, 9'300ms);
    daemon.reap();
    EXPECT_TRUE(init->run(5s, [&] { return logged("wdtd has ended: nobody kicks the WDT any more"); }));
    EXPECT_EQ(daemon.heard(), "PWR ");
}

TEST_F(DelegateTest, where_it_does_not_run_there_is_nobody_to_ask) {
    ASSERT_TRUE(init->host.load("watchdog"));
    EXPECT_FALSE(init->host.delegate(LEASH_END_WDT_RESET));
    EXPECT_TRUE(logged("wdtd, which is to reset the machine (delegate-to), does not run"));
    runs(getpid(), State::backoff);
    EXPECT_FALSE(init->host.delegate(LEASH_END_WDT_RESET));
}

TEST_F(DelegateTest, a_reload_does_not_take_the_device) {
    ASSERT_TRUE(init->host.load("watchdog"));
    init->services.keys.erase("delegate-to");
    init->services.labels = {path};
    init->host.configured();
    EXPECT_TRUE(logged("delegate-to counts from the next boot on; until then the WDT is wdtd"));
    EXPECT_TRUE(logged("delegate-to gives that device to wdtd; the section is left out"));
    init->run(1500ms);
    char byte = 0;
    EXPECT_EQ(read(reader, &byte, 1), 0);
    EXPECT_EQ(init->status("watchdog"), path + ": NOBODY FEEDS IT: the service wdtd does not run");
}

} // namespace
} // namespace leash
