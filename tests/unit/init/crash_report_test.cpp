// SPDX-License-Identifier: MIT
#include "init/crash_report.h"

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <new>
#include <stdexcept>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fixed_text.h"
#include "init/crash.h"
#include "init/earlier_life.h"

using namespace leash;

namespace {

#if defined(__SANITIZE_ADDRESS__)
constexpr bool kOwnHandlers = true; // the sanitizers' allocator and stacks are not those of init
#else
constexpr bool kOwnHandlers = false;
#endif

[[gnu::noinline]] void read_null() {
    volatile int* volatile nothing = nullptr;
    *nothing = 1;
    asm volatile("");
}
[[gnu::noinline]] void call_read_null() {
    read_null();
    asm volatile(""); // no tail call: its frame stays
}
// NOLINTNEXTLINE(misc-no-recursion)
[[gnu::noinline]] int overflow(int depth) {
    volatile char room[4096];
    room[depth % 4096] = 1;
    return depth < 0 ? 0 : overflow(depth + 1) + room[0];
}

[[gnu::noinline]] void throw_one() {
    if (volatile bool really = true; really) throw std::out_of_range("no such place");
}

bool is_within(std::uint64_t address, void (*function)(), std::uint64_t bytes = 128) {
    auto start = reinterpret_cast<std::uint64_t>(function);
    return address >= start && address < start + bytes;
}

// The next life would be this test program, or the machine's own /sbin/init.
bool refuse_exec() {
    sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_execve, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    sock_fprog filter{.len = 4, .filter = steps};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

// A child that has the handler of init installed does it. What the page holds when the handler has come
// to its end, with an exec that is refused:
std::unique_ptr<BlackBox> crash_by(const std::function<void()>& deed, std::string* raw = nullptr) {
    constexpr int kNoExec = 1; // how the handler ends
    auto life = Recovery::fresh();
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, STDOUT_FILENO);
        dup2(null, STDERR_FILENO);
        if (!refuse_exec()) _exit(8);
        start_black_box(life->extra());
        install_crash_handler(life->fd());
        note_event("before the ", "deed");
        deed();
        _exit(7);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == kNoExec) << status;
    if (raw) *raw = std::to_string(pid);
    return read_black_box(life->fd());
}

BlackBox::Crash crash_of(const std::unique_ptr<BlackBox>& box) {
    return box ? box->crash : BlackBox::Crash{};
}

} // namespace

TEST(CrashReport, ARealFaultIsFoundInItsFunction) {
    if (kOwnHandlers) GTEST_SKIP();
    auto box = crash_by(call_read_null);
    auto crash = crash_of(box);
    EXPECT_EQ(crash.state, BlackBox::complete);
    EXPECT_EQ(crash.signal, SIGSEGV);
    EXPECT_EQ(crash.code, SEGV_MAPERR);
    EXPECT_EQ(crash.address, 0u);
    EXPECT_TRUE(is_within(crash.instruction, read_null));
    auto frames = std::span(crash.frames).first(crash.frame_count);
    EXPECT_TRUE(std::ranges::any_of(frames,
                                    [](auto frame) { return is_within(frame, call_read_null); }));
    auto report = crash_report(*box, {});
    EXPECT_NE(report.find("Signal:      11 (SIGSEGV), code 1 (address not mapped)"), std::string::npos)
        << report;
    EXPECT_NE(report.find("Address:     0x0\n"), std::string::npos) << report;
    EXPECT_NE(report.find("before the deed\n"), std::string::npos) << report;
    EXPECT_NE(report.find("Instruction: init+0x"), std::string::npos) << report;
    EXPECT_EQ(report.find("init build id -"), std::string::npos) << report;
    EXPECT_LT(report.size(), kMostCrashBytes);
}

// addr2line wants the distance from where the file lies, not the address.
TEST(CrashReport, PlacesAreOffsetsIntoTheirFile) {
    auto box = std::make_unique<BlackBox>();
    box->image_count = 1;
    auto& image = box->images[0];
    image.base = 0x5000;
    image.start = 0x6000;
    image.end = 0x7000;
    put_text(image.name, "/usr/lib/leash/plugins/a.so");
    box->crash.signal = SIGSEGV;
    box->crash.code = SEGV_MAPERR;
    box->crash.address = 0x10;
    box->crash.instruction = 0x6123;
    EXPECT_EQ(describe_crash(*box), "SIGSEGV (address not mapped: 0x10) in a.so+0x1123");
    box->crash.code = SI_USER;
    box->crash.sender = 312;
    box->crash.instruction = 0x9000;
    EXPECT_EQ(describe_crash(*box), "SIGSEGV, sent by process 312 of user 0, in 0x9000");
}

TEST(CrashReport, ASignalThatWasSentNamesItsSender) {
    if (kOwnHandlers) GTEST_SKIP();
    for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS, SIGTRAP}) {
        std::string child;
        auto crash = crash_of(crash_by([signal] {
            sigqueue(getpid(), signal, {});
            pause();
        }, &child));
        EXPECT_EQ(crash.state, BlackBox::complete) << signal;
        EXPECT_EQ(crash.signal, signal);
        EXPECT_EQ(std::to_string(crash.sender), child) << signal;
    }
}

TEST(CrashReport, AStackThatOverflowsStillHasItsFrames) {
    if (kOwnHandlers) GTEST_SKIP();
    auto crash = crash_of(crash_by([] { _exit(overflow(0)); }));
    EXPECT_EQ(crash.state, BlackBox::complete);
    EXPECT_EQ(crash.signal, SIGSEGV);
    EXPECT_GT(crash.frame_count, 2u);
}

TEST(CrashReport, AnExceptionThatNobodyCatchesIsNamed) {
    if (kOwnHandlers) GTEST_SKIP();
    auto box = crash_by([]() noexcept { throw_one(); });
    ASSERT_TRUE(box);
    EXPECT_EQ(box->crash.signal, SIGABRT);
    auto text = describe_crash(*box);
    EXPECT_TRUE(text.ends_with(": uncaught std::out_of_range: no such place")) << text;
    EXPECT_TRUE(text.starts_with("SIGABRT in ")) << text;
}

TEST(CrashReport, TheCLibrarysReasonIsKept) {
    if (kOwnHandlers) GTEST_SKIP();
    auto box = crash_by([] {
        void* volatile twice = std::malloc(3000);
        std::free(twice);
        std::free(twice); // NOLINT
    });
    ASSERT_TRUE(box);
    EXPECT_EQ(box->crash.signal, SIGABRT);
    auto text = describe_crash(*box);
    EXPECT_NE(text.find(": double free or corruption ("), std::string::npos) << text;
    EXPECT_TRUE(text.ends_with(')')) << text;
}

TEST(CrashReport, TheBacktraceEndsWhereItIsToldTo) {
    if (kOwnHandlers) GTEST_SKIP();
    auto crash = crash_of(crash_by([] {
        volatile int outermost = 0;
        install_crash_handler(-1, const_cast<int*>(&outermost));
        call_read_null();
        outermost = 1; // no tail call
    }));
    EXPECT_EQ(crash.state, BlackBox::complete);
    EXPECT_GE(crash.frame_count, 1u);
    EXPECT_LE(crash.frame_count, 8u); // not those of the test itself
}

// A second fault while the first is written down: what there is has to do, and the exec comes.
TEST(CrashReport, AFaultInTheHandlerEndsTheReportOnly) {
    if (kOwnHandlers) GTEST_SKIP();
    auto box = crash_by([] {
        // Code that can be looked at no more: to look for the call in front of a return address faults.
        black_box()->image_count = 1;
        black_box()->images[0].start = 1 << 16;
        black_box()->images[0].end = 1 << 20;
        volatile std::uint64_t bait[64];
        for (auto& word : bait) word = 1 << 18;
        read_null();
        (void)bait[0];
    });
    auto crash = crash_of(box);
    EXPECT_EQ(crash.state, BlackBox::begun);
    EXPECT_EQ(crash.signal, SIGSEGV);
    EXPECT_TRUE(is_within(crash.instruction, read_null));
    EXPECT_NE(crash_report(*box, {}).find("a second fault has cut this short"), std::string::npos);
}

// The handler lets one more fault through, and no third: frames would fill its stack, and PID 1 end.
TEST(CrashReport, SignalsMayComeFasterThanTheyAreAnswered) {
    if (kOwnHandlers) GTEST_SKIP();
    for (int round = 0; round < 10; ++round) {
        auto crash = crash_of(crash_by([] {
            pid_t target = getpid();
            if (fork() == 0) {
                for (int i = 0; i < 20'000 && kill(target, i % 2 == 0 ? SIGSEGV : SIGBUS) == 0; ++i) {
                }
                _exit(0);
            }
            pause();
        }));
        EXPECT_NE(crash.state, BlackBox::none);
    }
}

// A process that was forked and has executed nothing yet shares the page, but is not init.
TEST(CrashReport, AForkedChildWritesNothing) {
    if (kOwnHandlers) GTEST_SKIP();
    auto box = crash_by([] {
        pid_t pid = fork();
        if (pid == 0) read_null();
        int status = 0;
        waitpid(pid, &status, 0);
        _exit(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV ? 1 : 9);
    });
    ASSERT_TRUE(box);
    EXPECT_EQ(box->crash.state, BlackBox::none);
}

TEST(CrashReport, NothingInTheBoxIsTrusted) {
    auto box = std::make_unique<BlackBox>();
    std::memset(static_cast<void*>(box.get()), 0xFF, sizeof *box);
    EXPECT_LT(crash_report(*box, {}).size(), 2 * kMostCrashBytes);
    EXPECT_FALSE(describe_crash(*box).empty());
    EXPECT_FALSE(crash_report_name(*box, 1).empty());
}

TEST(BlackBox, TheLastEventsStay) {
    auto life = Recovery::fresh();
    start_black_box(life->extra());
    for (int i = 0; i < 40; ++i) note_event("event ", i);
    note_event(std::string(500, 'x'), "more");
    start_black_box({}); // the page goes
    note_event("to nobody");
    auto box = read_black_box(life->fd());
    ASSERT_TRUE(box);
    auto report = crash_report(*box, {});
    EXPECT_EQ(report.find("event 8\n"), std::string::npos);
    EXPECT_NE(report.find("event 9\n"), std::string::npos);
    EXPECT_NE(report.find("event 39\n"), std::string::npos);
    EXPECT_NE(report.find(std::string(95, 'x') + "\n"), std::string::npos);
}

// The header may be what is damaged.
TEST(BlackBox, OutlivesTheHeaderOfItsPage) {
    auto life = Recovery::fresh();
    start_black_box(life->extra());
    note_event("before the damage");
    start_black_box({});
    std::vector<char> zeros(4096);
    ASSERT_EQ(pwrite(life->fd(), zeros.data(), zeros.size(), 0), 4096);
    EXPECT_FALSE(Recovery::adopt(UniqueFd(dup(life->fd()))));
    auto box = read_black_box(life->fd());
    ASSERT_TRUE(box);
    EXPECT_NE(crash_report(*box, {}).find("before the damage"), std::string::npos);
    zeros.resize(8192);
    ASSERT_EQ(pwrite(life->fd(), zeros.data(), zeros.size(), 4096), 8192);
    EXPECT_FALSE(read_black_box(life->fd()));
    EXPECT_FALSE(read_black_box(-1));
}

TEST(EarlierLife, AStateThatIsLostAgainAndAgainIsOneTooMany) {
    EXPECT_FALSE(is_lost_too_often("", Ms{5'000}));
    EXPECT_FALSE(is_lost_too_often("1000\n2000\n", Ms{5'000}));
    EXPECT_TRUE(is_lost_too_often("1000\n2000\n3000\n", Ms{5'000}));
    EXPECT_FALSE(is_lost_too_often("1000\n2000\n3000\n", Ms{700'000})); // long ago
    EXPECT_FALSE(is_lost_too_often("nonsense\n\n2000\n", Ms{5'000}));
}

TEST(EarlierLife, WhetherToGoOnDependsOnHowOftenAndHowEarlyLivesEnd) {
    struct Case {
        int crashes, apart_ms, cut_short, limit;
        bool minimal;
    };
    for (auto [crashes, apart, cut_short, limit, minimal] : {
             Case{1, 10, 1, 0, false}, Case{3, 10, 3, 0, false},
             Case{3, 10, 4, 0, true},         // three lives were cut short, and this is the next one
             Case{3, 100'000, 4, 0, true},    // ... however long they took
             Case{60, 10, 1, 0, false},       // 60/1m, the default
             Case{61, 10, 1, 0, true},
             Case{500, 10, 1, 0, true},
             Case{500, 5'000, 1, 0, false},   // not within a minute
             Case{2, 10, 1, 2, false}, Case{3, 10, 1, 2, true}}) {
        SystemRecord record{};
        record.limit_count = limit;
        record.limit_window = 60'000;
        record.lives_cut_short = cut_short;
        std::int64_t now = 10'000'000;
        for (int i = 0; i < crashes; ++i)
            record.crash_times[record.crashes++ % SystemRecord::kCrashes] =
                now - static_cast<std::int64_t>(crashes - 1 - i) * apart;
        EXPECT_EQ(reason_to_stay_minimal(record, {60, Ms{60'000}}, Ms{now}) != nullptr, minimal)
            << crashes << " crashes, " << apart << " ms apart, " << cut_short << " cut short";
    }
}
