// SPDX-License-Identifier: MIT
// The source of events with a pipe in the device's place.
#include <cerrno>
#include <csignal>
#include <ctime>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "fake_events.h"
#include "taskview/kernel_events_source.h"

namespace leash::taskview {
namespace {

class KernelEventsTest : public testing::Test {
  protected:
    void SetUp() override {
        self_ = this;
        sigprocmask(SIG_BLOCK, nullptr, &mask_);
        set_device_call([](int, unsigned long request, void* argument) {
            switch (request) {
            case LEASH_IOC_VERSION:
                static_cast<leash_version*>(argument)->abi = LEASH_ABI;
                static_cast<leash_version*>(argument)->features = LEASH_FEATURE_EVENTS;
                return 0;
            case LEASH_IOC_UNWATCH:
                static_cast<leash_unwatch*>(argument)->signals_lost = self_->signals_lost_;
                return 0;
            default: errno = ENOTTY; return -1;
            }
        });
    }
    void TearDown() override {
        set_device_call(nullptr);
        sigset_t pending{};
        sigemptyset(&pending);
        for (int signal : {SIGINT, SIGTERM, SIGRTMIN}) sigaddset(&pending, signal);
        timespec none{};
        while (sigtimedwait(&pending, nullptr, &none) > 0) {}
        sigprocmask(SIG_SETMASK, &mask_, nullptr);
    }

    std::unique_ptr<EventSource> source(const EventOptions& options = {}) {
        int ends[2];
        EXPECT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
        writer_.reset(ends[1]);
        UniqueFd null(::open("/dev/null", O_RDWR | O_CLOEXEC));
        return kernel_event_source(*KernelEvents::take_over(UniqueFd(ends[0])),
                                   *KernelLineage::take_over(std::move(null)), options);
    }
    void tell(std::uint32_t type) {
        auto record = made(type, 42);
        EXPECT_EQ(::write(writer_.get(), &record, sizeof(record)), sizeof(record));
    }
    static void signal(std::uint32_t type) {
        sigval value{};
        value.sival_int = static_cast<int>(type);
        EXPECT_EQ(::sigqueue(::getpid(), SIGRTMIN, value), 0);
    }

    static inline KernelEventsTest* self_ = nullptr;
    UniqueFd writer_;
    std::uint64_t signals_lost_ = 0;
    sigset_t mask_{};
};

TEST_F(KernelEventsTest, EventsAreRead) {
    auto events = source();
    EXPECT_TRUE(events->next(Ms{1})->empty());
    tell(LEASH_EVENT_PROCESS_FORK);
    EXPECT_EQ(events->next(EventSource::kEndless)->at(0).type, LEASH_EVENT_PROCESS_FORK);
}

// In a storm there is always one more event to read.
TEST_F(KernelEventsTest, ASignalEndsItThoughEventsAreThere) {
    for (int signal : {SIGINT, SIGTERM}) {
        auto events = source();
        tell(LEASH_EVENT_PROCESS_FORK);
        ::raise(signal);
        EXPECT_TRUE(events->next(EventSource::kEndless)->empty()) << signal;
    }
}

TEST_F(KernelEventsTest, ASignalEndsItThoughNobodyReadsTheOutput) {
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
    UniqueFd reader(ends[0]), output(ends[1]);
    auto events = source({.output = output.get()});
    EXPECT_TRUE(events->takes_output());
    char bytes[4096] = {};
    while (::write(output.get(), bytes, sizeof(bytes)) > 0) {}
    ::raise(SIGTERM);
    EXPECT_FALSE(events->takes_output());
    EXPECT_FALSE(events->takes_output()); // and does not wait
    while (::read(reader.get(), bytes, sizeof(bytes)) > 0) {}
    EXPECT_TRUE(events->takes_output()); // a last word may be said
}

// Signals that come all the time leave no moment in which nothing happens.
TEST_F(KernelEventsTest, LostSignalsAreToldInAStorm) {
    auto events = source({.by_signal = true});
    signals_lost_ = 7;
    for (int i = 0; i < 3; ++i) signal(LEASH_EVENT_PROCESS_FORK);
    auto first = events->next(EventSource::kEndless)->at(0);
    EXPECT_EQ(first.type, LEASH_EVENT_OVERFLOW);
    EXPECT_EQ(first.lost, 7U);
    EXPECT_NE(first.time_ns, 0U);
    for (int i = 0; i < 3; ++i)
        EXPECT_EQ(events->next(EventSource::kEndless)->at(0).type, LEASH_EVENT_PROCESS_FORK);
    signals_lost_ = 9;
    EXPECT_EQ(events->untold_loss(), 2U);
    EXPECT_EQ(events->untold_loss(), 0U);
    EXPECT_TRUE(events->next(Ms{1})->empty());
    ::raise(SIGINT);
    EXPECT_TRUE(events->next(EventSource::kEndless)->empty());
}

} // namespace
} // namespace leash::taskview
