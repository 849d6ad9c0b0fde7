// SPDX-License-Identifier: MIT
// What a service gets from init, and what it must not get.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <map>

#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/process.h"
#include "base/text.h"
#include "lineage/cgroup_folder.h"
#include "support/machine.h"

using namespace leash;
using namespace leash::test;

namespace {

// What the probe says: key to values, in order.
class Told {
  public:
    explicit Told(const std::string& text) {
        for (auto line : split(text, '\n', true)) {
            auto blank = line.find(' ');
            auto key = std::string(line.substr(0, blank));
            lines_.emplace(key, blank == std::string_view::npos ? "" : line.substr(blank + 1));
        }
    }
    [[nodiscard]] std::string one(const std::string& key) const {
        auto found = lines_.find(key);
        return found == lines_.end() ? "(nothing)" : found->second;
    }
    // The value of NAME in env and status lines.
    [[nodiscard]] std::string named(const std::string& key, const std::string& name) const {
        auto [first, last] = lines_.equal_range(key);
        for (auto line = first; line != last; ++line)
            if (line->second.starts_with(name))
                return std::string(trim(std::string_view(line->second).substr(name.size())));
        return "(nothing)";
    }
    [[nodiscard]] std::vector<std::string> all(const std::string& key) const {
        std::vector<std::string> values;
        auto [first, last] = lines_.equal_range(key);
        for (auto line = first; line != last; ++line) values.push_back(line->second);
        return values;
    }

  private:
    std::multimap<std::string, std::string> lines_;
};

// Each way in which a child can come to its program.
enum class Way { copied, shared };

class Spawn : public Machine, public testing::WithParamInterface<Way> {
  protected:
    void SetUp() override {
        Machine::SetUp();
        share_memory_with_children(GetParam() == Way::shared ? EXPLAINER : nullptr);
    }
    void TearDown() override {
        share_memory_with_children(nullptr);
        last = {};
        Machine::TearDown();
    }
    Told ask(const std::function<void(ServiceSettings&, SpawnRequest&)>& adjust = {}) {
        last = run("probe", {PROBE}, adjust);
        auto text = read_all(last.output.get());
        auto failure = read_outcome(last.process.outcome.get());
        EXPECT_EQ(failure.value_or(""), "");
        EXPECT_TRUE(text.ends_with("end\n")) << text;
        return Told(text);
    }
    // The reason why a command cannot be executed.
    std::string refusal(std::vector<std::string> command,
                        const std::function<void(ServiceSettings&, SpawnRequest&)>& adjust = {}) {
        last = run("probe", std::move(command), adjust);
        pollfd poll{last.process.outcome.get(), POLLIN, 0};
        EXPECT_EQ(::poll(&poll, 1, 5000), 1);
        auto reason = read_outcome(last.process.outcome.get());
        int status = 0;
        EXPECT_EQ(::waitpid(last.process.pid, &status, 0), last.process.pid);
        EXPECT_EQ(WEXITSTATUS(status) == kNotExecuted, reason.has_value());
        return reason.value_or("(it was executed)");
    }
    Running last;
};

INSTANTIATE_TEST_SUITE_P(Memory, Spawn, testing::Values(Way::copied, Way::shared),
                         [](const auto& test) {
                             return test.param == Way::shared ? "Shared" : "Copied";
                         });

// Gives this process back what the test takes.
struct Restore {
    std::function<void()> action;
    ~Restore() { action(); }
};

} // namespace

TEST_P(Spawn, BornInItsGroupWithItsTag) {
    auto told = ask();
    EXPECT_TRUE(last.process.in_cgroup);
    EXPECT_EQ(told.one("cgroup"), "/leash/probe");
    EXPECT_EQ(told.named("env", "LEASH_TAG="), format_tag({"probe", last.start}));
    EXPECT_EQ(told.one("pid"), std::to_string(last.process.pid));
}

TEST_P(Spawn, NothingLeaks) {
    // Make ourselves as special as init is.
    int extra = ::open("/", O_RDONLY); // not CLOEXEC
    int high = ::fcntl(extra, F_DUPFD, 700);
    ::signal(SIGPIPE, SIG_IGN);
    ::signal(SIGUSR1, [](int) {});
    sigset_t some, before;
    ::sigemptyset(&some);
    ::sigaddset(&some, SIGCHLD);
    ::sigaddset(&some, SIGRTMIN + 3);
    ::sigprocmask(SIG_BLOCK, &some, &before);
    ::mlockall(MCL_CURRENT | MCL_FUTURE);
    sched_param fifo{};
    fifo.sched_priority = 5;
    ::sched_setscheduler(0, SCHED_FIFO, &fifo);
    std::ofstream("/proc/self/oom_score_adj") << -500;
    auto mask = ::umask(077);
    ASSERT_EQ(::chdir("/tmp"), 0);
    ::setenv("INIT_SECRET", "1", 1);
    gid_t group = 4711;
    ::setgroups(1, &group);
    Restore restore{[&] {
        ::close(extra);
        ::close(high);
        ::signal(SIGPIPE, SIG_DFL);
        ::signal(SIGUSR1, SIG_DFL);
        ::sigprocmask(SIG_SETMASK, &before, nullptr);
        ::munlockall();
        sched_param plain{};
        ::sched_setscheduler(0, SCHED_OTHER, &plain);
        ::setpriority(PRIO_PROCESS, 0, 0);
        std::ofstream("/proc/self/oom_score_adj") << 0;
        ::umask(mask);
        (void)!::chdir("/");
        ::unsetenv("INIT_SECRET");
        ::setgroups(0, nullptr);
    }};

    auto told = ask();
    for (const auto& fd : told.all("fd"))
        EXPECT_TRUE(fd.starts_with("0 ") || fd.starts_with("1 ") || fd.starts_with("2 ")) << fd;
    EXPECT_EQ(told.named("fd", "0 "), "/dev/null");
    EXPECT_EQ(told.named("fd", "1 "), told.named("fd", "2 "));
    for (auto field : {"SigBlk:", "SigIgn:", "SigCgt:", "SigPnd:", "ShdPnd:"})
        EXPECT_EQ(told.named("status", field), "0000000000000000") << field;
    EXPECT_EQ(told.one("sid"), told.one("pid"));
    EXPECT_EQ(told.one("pgid"), told.one("pid"));
    EXPECT_EQ(told.one("nice"), "0");
    EXPECT_EQ(told.one("policy"), "0");
    EXPECT_EQ(told.one("oom"), "0");
    EXPECT_EQ(told.named("status", "VmLck:"), "0 kB");
    EXPECT_EQ(told.one("umask"), "022");
    EXPECT_EQ(told.one("cwd"), "/");
    EXPECT_EQ(told.one("groups"), "");
    EXPECT_EQ(told.named("env", "INIT_SECRET="), "(nothing)");
    EXPECT_EQ(told.all("env").size(), 6U);
    EXPECT_EQ(told.named("env", "HOME="), "/root");
    EXPECT_EQ(told.named("env", "PATH="),
              "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
}

TEST_P(Spawn, WhatIsIgnoredIsSetBackOnceItIsKnown) {
    for (int number : {SIGPIPE, SIGHUP, 33, 64}) { // 33 is the C library's own
        struct {
            void (*handler)(int) = SIG_IGN;
            unsigned long flags = 0;
            void* restorer = nullptr;
            std::uint64_t mask = 0;
        } ignore;
        ::syscall(SYS_rt_sigaction, number, &ignore, nullptr, sizeof(std::uint64_t));
    }
    ::signal(SIGUSR1, [](int) {});
    Restore restore{[] {
        for (int number : {SIGPIPE, SIGHUP, SIGUSR1, 64}) ::signal(number, SIG_DFL);
    }};
    remember_own_changes();
    auto told = ask();
    for (auto field : {"SigBlk:", "SigIgn:", "SigCgt:"})
        EXPECT_EQ(told.named("status", field), "0000000000000000") << field;
}

TEST_P(Spawn, InheritedNiceAndNiceOfRealtime) {
    ::setpriority(PRIO_PROCESS, 0, -10);
    Restore restore{[] { ::setpriority(PRIO_PROCESS, 0, 0); }};
    EXPECT_EQ(ask().one("nice"), "0");
}

TEST_P(Spawn, LimitsAsRemembered) {
    rlimit files{}, core{};
    ::getrlimit(RLIMIT_NOFILE, &files);
    ::getrlimit(RLIMIT_CORE, &core);
    remember_initial_limits();
    rlimit other{files.rlim_cur / 2, files.rlim_max};
    ::setrlimit(RLIMIT_NOFILE, &other);
    rlimit none{0, core.rlim_max};
    ::setrlimit(RLIMIT_CORE, &none);
    Restore restore{[&] {
        ::setrlimit(RLIMIT_NOFILE, &files);
        ::setrlimit(RLIMIT_CORE, &core);
    }};
    for (bool known : {false, true}) { // which of them are others now
        if (known) remember_own_changes();
        auto told = ask();
        EXPECT_EQ(told.one("nofile"), fmt::format("{} {}", files.rlim_cur, files.rlim_max));
        EXPECT_EQ(told.one("core"), fmt::format("{} {}", core.rlim_cur, core.rlim_max));
    }
}

TEST_P(Spawn, AnotherUserHasNoCapabilities) {
    auto told = ask([](ServiceSettings& settings, SpawnRequest&) { settings.user = "daemon"; });
    EXPECT_EQ(told.one("uid"), "1 1");
    EXPECT_EQ(told.one("gid"), "1 1");
    EXPECT_EQ(told.one("groups"), "1");
    for (auto kind : {"effective", "permitted", "inheritable", "ambient"})
        EXPECT_EQ(told.one(kind), "0") << kind;
    EXPECT_EQ(told.named("env", "USER="), "daemon");
    EXPECT_EQ(told.named("env", "LOGNAME="), "daemon");
    EXPECT_EQ(told.named("env", "HOME="), "/usr/sbin");
    EXPECT_EQ(told.named("status", "Uid:"), "1\t1\t1\t1");
}

// Bit 10: CAP_NET_BIND_SERVICE, bit 25: CAP_SYS_TIME.
TEST_P(Spawn, CapabilitiesAreGivenToAnotherUserAndLeftToRoot) {
    for (std::string user : {"", "daemon"}) {
        auto told = ask([&](ServiceSettings& settings, SpawnRequest&) {
            settings.user = user;
            settings.rights.edit().capabilities = 1ULL << 10 | 1ULL << 25;
        });
        EXPECT_EQ(told.one("uid"), user.empty() ? "0 0" : "1 1");
        for (auto set : {"CapPrm:", "CapEff:", "CapBnd:"})
            EXPECT_EQ(told.named("status", set), "0000000002000400") << user << set;
        EXPECT_EQ(told.named("status", "CapAmb:"),
                  user.empty() ? "0000000000000000" : "0000000002000400");
        EXPECT_EQ(told.named("status", "NoNewPrivs:"), "0");
        told = ask([&](ServiceSettings& settings, SpawnRequest&) {
            settings.user = user;
            settings.rights.edit().capabilities = 0;
            settings.rights.edit().no_new_privileges = true;
        });
        for (auto set : {"CapPrm:", "CapEff:", "CapBnd:", "CapAmb:", "CapInh:"})
            EXPECT_EQ(told.named("status", set), "0000000000000000") << user << set;
        EXPECT_EQ(told.named("status", "NoNewPrivs:"), "1");
    }
}

TEST_P(Spawn, LimitsMaskNiceAndOomScoreAsTheFileSays) {
    for (std::string user : {"", "daemon"}) {
        auto told = ask([&](ServiceSettings& settings, SpawnRequest&) {
            settings.user = user;
            auto& rights = settings.rights.edit();
            rights.limits = {{"core", RLIMIT_CORE, 0, kUnlimited}, {"nofile", RLIMIT_NOFILE, 64, 512}};
            rights.umask = 077;
            rights.nice = -5;
            rights.oom_score_adjust = 700;
        });
        EXPECT_EQ(told.one("nofile"), "64 512");
        EXPECT_EQ(told.one("core"), fmt::format("0 {}", kUnlimited));
        EXPECT_EQ(told.one("umask"), "077");
        EXPECT_EQ(told.one("nice"), "-5");
        EXPECT_EQ(told.one("oom"), "700");
    }
}

TEST_P(Spawn, ALimitThatTheKernelRefusesIsNamed) {
    EXPECT_EQ(refusal({PROBE}, [](auto& settings, auto&) {
                  settings.rights.edit().limits = {{"nofile", RLIMIT_NOFILE, 1, 1ULL << 40}};
              }),
              "cannot set rlimit-nofile: Operation not permitted");
    EXPECT_EQ(refusal({PROBE}, [](auto& settings, auto&) {
                  settings.user = "daemon";
                  settings.rights.edit().capabilities = 1ULL << 62;
              }),
              "cannot give capability 62: Invalid argument");
}

TEST_P(Spawn, NumbersAndGroupAlone) {
    auto told = ask([](ServiceSettings& settings, SpawnRequest&) {
        settings.user = "12345";
        settings.group = "54321";
    });
    EXPECT_EQ(told.one("uid"), "12345 12345");
    EXPECT_EQ(told.one("gid"), "54321 54321");
    told = ask([](ServiceSettings& settings, SpawnRequest&) { settings.group = "daemon"; });
    EXPECT_EQ(told.one("uid"), "0 0");
    EXPECT_EQ(told.one("gid"), "1 1");
}

TEST_P(Spawn, UnknownUserIsNotRoot) {
    EXPECT_EQ(refusal({PROBE}, [](auto& settings, auto&) { settings.user = "wwwdata"; }),
              "user 'wwwdata' is not in /etc/passwd");
    EXPECT_EQ(refusal({PROBE}, [](auto& settings, auto&) { settings.group = "tapes"; }),
              "group 'tapes' is not in /etc/group");
    EXPECT_EQ(read_all(last.output.get()), "");
}

TEST_P(Spawn, DirectoryAndEnvironment) {
    auto told = ask([](ServiceSettings& settings, SpawnRequest& request) {
        settings.directory = "/usr";
        settings.environment = {{"LANG", "C"}, {"LEASH_TAG", "other@1"}};
        request.extra_environment = {{"WATCHDOG_USEC", "1000"}};
    });
    EXPECT_EQ(told.one("cwd"), "/usr");
    EXPECT_EQ(told.named("env", "LANG="), "C");
    EXPECT_EQ(told.named("env", "LEASH_TAG="), format_tag({"probe", last.start}));
    EXPECT_EQ(told.named("env", "WATCHDOG_PID="), told.one("pid"));
    EXPECT_EQ(refusal({PROBE}, [](auto& settings, auto&) { settings.directory = "/none"; }),
              "cannot enter the directory '/none': No such file or directory");
}

TEST_P(Spawn, WhyItCouldNotExecute) {
    EXPECT_EQ(refusal({"/usr/sbin/httpd9"}), "'/usr/sbin/httpd9' does not exist");
    EXPECT_EQ(refusal({"httpd9"}), "'httpd9' is in none of the folders of PATH "
              "(/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)");
    EXPECT_EQ(refusal({"/usr"}), "'/usr' is a folder");
    EXPECT_EQ(refusal({"/etc/passwd"}), "'/etc/passwd' is not executable (chmod +x)");
    ASSERT_EQ(::mount("tmpfs", "/mnt", "tmpfs", 0, nullptr), 0);
    Restore restore{[] { ::umount2("/mnt", MNT_DETACH); }};
    auto write = [](const char* name, const char* text) {
        std::ofstream(name) << text;
        ::chmod(name, 0755);
    };
    write("/mnt/script9", "#!/opt/sh9\n");
    EXPECT_EQ(refusal({"/mnt/script9"}),
              "the script '/mnt/script9' needs the interpreter '/opt/sh9', which does not exist");
    EXPECT_EQ(refusal({"script9"}, [](auto& settings, auto&) {
                  settings.environment = {{"PATH", "/usr/bin:/mnt"}};
              }),
              "the script '/mnt/script9' needs the interpreter '/opt/sh9', which does not exist");
    write("/mnt/text", "hello\n");
    EXPECT_EQ(refusal({"/mnt/text"}), "'/mnt/text' is neither a program for this machine nor a "
                                      "script that begins with #!");
    ASSERT_EQ(::mount("", "/mnt", nullptr, MS_REMOUNT | MS_NOEXEC, nullptr), 0);
    EXPECT_EQ(refusal({"/mnt/script9"}),
              "'/mnt/script9' is on a file system that is mounted noexec");
}

TEST_P(Spawn, FoundAlongItsOwnPath) {
    EXPECT_EQ(refusal({"true"}), "(it was executed)");
    EXPECT_NE(refusal({"true"}, [](auto& settings, auto&) {
                  settings.environment = {{"PATH", "/none"}};
              }),
              "(it was executed)");
}

TEST_P(Spawn, S6Descriptor) {
    for (int number : {3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 300}) {
        int ends[2];
        ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
        UniqueFd reader(ends[0]), writer(ends[1]);
        auto running = run("s6", {"/bin/sh", "-c", "ls /proc/$$/fd; readlink /proc/$$/fd/" +
                                                       std::to_string(number)},
                           [&](ServiceSettings& settings, SpawnRequest& request) {
                               settings.notify = {NotifyKind::s6, number, ""};
                               request.notify_fd = writer.get();
                           });
        auto text = read_all(running.output.get());
        struct stat facts{};
        ASSERT_EQ(::fstat(writer.get(), &facts), 0);
        EXPECT_NE(text.find(fmt::format("pipe:[{}]", facts.st_ino)), std::string::npos) << text;
        std::size_t lines = split(text, '\n', true).size();
        EXPECT_LE(lines, 6U) << text; // 0 1 2, the one, what sh opens itself, readlink
        EXPECT_EQ(read_outcome(running.process.outcome.get()).value_or(""), "") << number;
    }
}

// From 3 on and in order, whatever numbers they have in init; LISTEN_PID is the process itself.
TEST_P(Spawn, PassedDescriptors) {
    std::vector<UniqueFd> files;
    std::vector<std::string> targets{"/dev/zero", "/dev/full", "/etc/passwd"};
    for (const auto& target : targets) files.emplace_back(::open(target.c_str(), O_RDONLY | O_CLOEXEC));
    // In an order that is not that of their numbers: each would be in the way of another one.
    std::vector<std::size_t> order{2, 0, 1};
    auto told = ask([&](ServiceSettings& settings, SpawnRequest& request) {
        for (auto i : order) request.passed.push_back({files[i].get(), "n" + std::to_string(i)});
        settings.notify = {NotifyKind::s6, 6, ""};
        request.notify_fd = files[0].get();
    });
    EXPECT_EQ(told.named("env", "LISTEN_FDS="), "3");
    EXPECT_EQ(told.named("env", "LISTEN_FDNAMES="), "n2:n0:n1");
    EXPECT_EQ(told.named("env", "LISTEN_PID="), told.one("pid"));
    for (std::size_t i = 0; i < order.size(); ++i)
        EXPECT_EQ(told.named("fd", std::to_string(3 + i)), targets[order[i]]);
    EXPECT_EQ(told.named("fd", "6"), "/dev/zero");
    EXPECT_EQ(told.all("fd").size(), 7U) << "0 to 6 and nothing else";

    auto none = ask();
    EXPECT_EQ(none.named("env", "LISTEN_"), "(nothing)");
}

TEST_P(Spawn, PassedDescriptorsAreNotInTheWayOfS6) {
    UniqueFd file(::open("/dev/zero", O_RDONLY | O_CLOEXEC));
    auto reason = refusal({"/bin/true"}, [&](ServiceSettings& settings, SpawnRequest& request) {
        request.passed = {{file.get(), "a"}, {file.get(), "b"}};
        settings.notify = {NotifyKind::s6, 4, ""};
        request.notify_fd = file.get();
    });
    EXPECT_NE(reason.find("s6:4"), std::string::npos) << reason;
}

TEST_P(Spawn, WithoutOwnStandardDescriptors) {
    // In the early boot descriptors 0 to 2 are free, and pipes land there.
    int saved[] = {::fcntl(0, F_DUPFD_CLOEXEC, 50), ::fcntl(1, F_DUPFD_CLOEXEC, 50),
                   ::fcntl(2, F_DUPFD_CLOEXEC, 50)};
    for (int fd : {0, 1, 2}) ::close(fd);
    auto running = run("early", {PROBE});
    auto text = read_all(running.output.get());
    auto failure = read_outcome(running.process.outcome.get());
    running = {};
    for (int fd : {0, 1, 2})
        if (saved[fd] >= 0) ::dup2(saved[fd], fd);
    for (int fd : saved)
        if (fd >= 0) ::close(fd);
    EXPECT_EQ(failure.value_or(""), "");
    EXPECT_TRUE(text.ends_with("end\n"));
    EXPECT_EQ(Told(text).named("fd", "0 "), "/dev/null");
    EXPECT_EQ(Told(text).all("fd").size(), 3U);
}

TEST_P(Spawn, WithoutDevNull) {
    ASSERT_EQ(::mount("tmpfs", "/dev", "tmpfs", 0, nullptr), 0);
    auto told = ask();
    ::umount2("/dev", MNT_DETACH);
    EXPECT_TRUE(told.named("fd", "0 ").starts_with("pipe:"));
}

TEST_P(Spawn, PidfdTellsTheExit) {
    auto running = run("brief", {"/bin/sh", "-c", "exit 7"});
    pollfd poll{running.process.pidfd.get(), POLLIN, 0};
    ASSERT_EQ(::poll(&poll, 1, 5000), 1);
    siginfo_t info{};
    ASSERT_EQ(::waitid(P_PIDFD, static_cast<id_t>(running.process.pidfd.get()), &info, WEXITED), 0);
    EXPECT_EQ(info.si_pid, running.process.pid);
    EXPECT_EQ(info.si_status, 7);
    EXPECT_NE(running.process.start_ticks, 0U);
    EXPECT_NE(::fcntl(running.process.pidfd.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST_P(Spawn, APidfdOnlyWhereItIsWanted) {
    auto running = run("brief", {"/bin/sh", "-c", "exit 7"},
                       [](ServiceSettings&, SpawnRequest& request) { request.pidfd = false; });
    EXPECT_FALSE(running.process.pidfd);
    int status = 0;
    ASSERT_EQ(::waitpid(running.process.pid, &status, 0), running.process.pid);
    EXPECT_EQ(WEXITSTATUS(status), 7);
}

TEST_P(Spawn, ConsoleHasItsTerminal) {
    ASSERT_TRUE(::mount("devpts", "/dev/pts", "devpts", 0, "newinstance,ptmxmode=0666") == 0);
    UniqueFd master(::open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC));
    ASSERT_TRUE(master);
    ASSERT_EQ(::unlockpt(master.get()), 0);
    std::string name = ::ptsname(master.get());
    auto adjust = [&](ServiceSettings& settings, SpawnRequest&) {
        settings.type = ServiceType::console;
        settings.tty = name;
    };
    auto running = run("console", {"/bin/sh", "-c", "tty; ps -o tty= -p $$; echo $TERM; sleep 9"},
                       adjust);
    EXPECT_EQ(read_line(master.get()), name + "\r");
    EXPECT_EQ(read_line(master.get()), name.substr(5) + "\r");
    EXPECT_EQ(read_line(master.get()), "vt220\r");
    auto stat = read_stat(running.process.pid);
    ASSERT_TRUE(stat);
    struct stat facts{};
    ASSERT_EQ(::stat(name.c_str(), &facts), 0);
    EXPECT_EQ(stat->tty, static_cast<int>(facts.st_rdev)); // as EndJob::own_tty expects
    // The next one takes the terminal by force.
    auto second = run("console2", {"/bin/sh", "-c", "ps -o tty= -p $$; sleep 9"}, adjust);
    EXPECT_EQ(read_line(master.get()), name.substr(5) + "\r");
    ::umount2("/dev/pts", MNT_DETACH);
    EXPECT_EQ(refusal({"/bin/sh"}, [](ServiceSettings& settings, SpawnRequest&) {
                  settings.type = ServiceType::console;
                  settings.tty = "ttyNONE";
              }),
              "cannot open the terminal /dev/ttyNONE: No such file or directory");
}

TEST_P(Spawn, WithoutCgroup) {
    auto running = run("bare", {PROBE}, [](auto&, SpawnRequest& request) {
        request.cgroup_fd = -1;
    });
    EXPECT_FALSE(running.process.in_cgroup);
    EXPECT_EQ(Told(read_all(running.output.get())).one("cgroup"), "/");
}

TEST_P(Spawn, RefusedByTheGroupItStartsOutside) {
    // Beside a threaded group, a plain one takes no processes: EOPNOTSUPP.
    ASSERT_TRUE(tree->enter("threads"));
    ASSERT_TRUE(write_group_file(tree->path_of("threads"), "cgroup.type", "threaded"));
    auto running = run("refused", {"/bin/sleep", "9"});
    EXPECT_FALSE(running.process.in_cgroup);
    EXPECT_FALSE(tree->place_of(running.process.pid));
    auto moved = tree->move(running.process.pid, "refused");
    ASSERT_FALSE(moved);
    EXPECT_EQ(moved.error().code, EOPNOTSUPP);
    EXPECT_TRUE(tree->remove("threads"));
    EXPECT_TRUE(tree->move(running.process.pid, "refused"));
    EXPECT_EQ(tree->place_of(running.process.pid)->service, "refused");
}

// A plan may not go before its child has: it runs on the plan's stack.
TEST_P(Spawn, ThoseThatNobodyWaitsForComeToTheirProgramsAllTheSame) {
    std::vector<Running> left;
    for (int i = 0; i < 50; ++i) {
        auto running = run("probe", {PROBE});
        running.process.outcome.reset();
        left.push_back(std::move(running));
    }
    for (auto& running : left) {
        auto text = read_all(running.output.get());
        EXPECT_TRUE(text.ends_with("end\n")) << text;
        int status = -1;
        EXPECT_EQ(::waitpid(running.process.pid, &status, 0), running.process.pid);
        EXPECT_EQ(status, 0);
    }
    ExecOutcome().reset();
    EXPECT_EQ(ExecOutcome::orphans(), 0U);
}

// What is made in a shared memory must not show in it.
TEST_P(Spawn, LeavesOurErrnoAlone) {
    for (int i = 0; i < 50; ++i) {
        auto running = run("probe", {"/does/not/exist"});
        errno = 4242;
        int status = 0;
        while (::waitpid(running.process.pid, &status, WNOHANG) == 0) {
            ASSERT_EQ(errno, 4242);
        }
        auto reason = read_outcome(running.process.outcome.get());
        EXPECT_EQ(reason.value_or(""), "'/does/not/exist' does not exist");
    }
}
