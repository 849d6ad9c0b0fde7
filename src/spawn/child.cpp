// SPDX-License-Identifier: MIT
#include "spawn/child.h"

#include <algorithm>
#include <csignal>

#include <fcntl.h>
#include <grp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/text.h"
#include "spawn/account.h"
#include "spawn/program.h"
#include "spawn/tty.h"

namespace leash {
namespace {

constexpr std::size_t kLongestReason = 4000; // fits into a pipe at once (PIPE_BUF)

// In the child; every step either succeeds or does not return.
class Child {
  public:
    Child(const SpawnRequest& request, const InitialLimits& limits, int outcome)
        : request_(request), settings_(*request.settings), limits_(limits), outcome_(outcome) {}

    [[noreturn]] void run() {
        default_dispositions();
        lift_descriptors();
        if (::setsid() < 0) give_up_errno(errno, "cannot start a session");
        if (settings_.type == ServiceType::console && !request_.control) take_terminal();
        else set_standard_descriptors();
        plain_scheduling();
        restore_limits();
        auto account = find_account(settings_.user, settings_.group);
        if (!account) give_up(account.error().text);
        become(*account);
        ::umask(022);
        const auto& folder = settings_.directory.empty() ? "/" : settings_.directory;
        if (::chdir(folder.c_str()) != 0)
            give_up_errno(errno, "cannot enter the directory '{}'", folder);
        place_passed_descriptors();
        place_notify_descriptor();
        close_others();
        auto environment = build_environment(request_, *account, tty_type_, ::getpid());
        unblock_signals();
        const auto& command = request_.control ? *request_.control : settings_.command;
        give_up(execute(command, environment, path_in(environment)));
    }

  private:
    [[noreturn]] void give_up(std::string reason) {
        if (reason.size() > kLongestReason) reason.resize(kLongestReason);
        (void)!::write(outcome_, reason.data(), reason.size());
        ::_exit(kNotExecuted);
    }
    template <class... Args>
    [[noreturn]] void give_up_errno(int code, fmt::format_string<Args...> format, Args&&... args) {
        give_up(fail_errno(code, format, std::forward<Args>(args)...).error().text);
    }

    // By hand: the C library would leave out the two signals that it keeps for itself.
    static void default_dispositions() {
        struct {
            void* handler = nullptr;
            unsigned long flags = 0;
            void* restorer = nullptr;
            std::uint64_t mask = 0;
        } plain;
        for (int number = 1; number <= 64; ++number)
            ::syscall(SYS_rt_sigaction, number, &plain, nullptr, sizeof(std::uint64_t));
    }

    static void unblock_signals() {
        std::uint64_t none = 0;
        ::syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, nullptr, sizeof none);
    }

    // Out of the way of 0, 1, 2, of what is passed and of the descriptor that the service is to find
    // its pipe at.
    int lift(int fd) {
        if (fd < 0) return -1;
        int lifted = ::fcntl(fd, F_DUPFD_CLOEXEC, after_passed());
        if (lifted >= 0 && lifted == target())
            lifted = ::fcntl(fd, F_DUPFD_CLOEXEC, lifted + 1);
        if (lifted < 0) give_up_errno(errno, "cannot duplicate descriptor {}", fd);
        return lifted;
    }

    [[nodiscard]] int after_passed() const {
        return kFirstPassed + static_cast<int>(request_.passed.size());
    }

    [[nodiscard]] int target() const {
        return request_.notify_fd >= 0 && settings_.notify.kind == NotifyKind::s6
                   ? settings_.notify.fd
                   : -1;
    }

    void lift_descriptors() {
        outcome_ = lift(outcome_);
        output_ = lift(request_.output_fd);
        notify_ = target() >= 0 ? lift(request_.notify_fd) : -1;
        for (const auto& each : request_.passed) passed_.push_back(lift(each.fd));
    }

    void place(int fd, int number) {
        if (fd < 0 || ::dup2(fd, number) != number)
            give_up_errno(errno, "cannot set descriptor {}", number);
    }

    void take_terminal() {
        auto path = tty_path(settings_.tty.empty() ? "console" : settings_.tty);
        auto tty = open_tty(path);
        if (!tty) give_up(tty.error().text);
        if (::ioctl(tty->get(), TIOCSCTTY, 1) != 0)
            give_up_errno(errno, "cannot make {} the controlling terminal", path);
        tty_type_ = terminal_type(tty->get());
        int fd = lift(tty->get());
        tty->reset(); // it may be one of these three
        for (int number : {0, 1, 2}) place(fd, number);
    }

    void set_standard_descriptors() {
        int null = lift(UniqueFd(::open("/dev/null", O_RDWR | O_CLOEXEC)).get());
        int input = null, output = output_ >= 0 ? output_ : null;
        if (null < 0) { // an empty /dev: a pipe that nobody holds the other end of
            int ends[2];
            if (::pipe2(ends, O_CLOEXEC) != 0) give_up_errno(errno, "cannot make a pipe");
            input = lift(ends[0]);
            if (output < 0) output = lift(ends[1]);
            ::close(ends[0]);
            ::close(ends[1]);
        }
        place(input, 0);
        place(output, 1);
        place(output, 2);
    }

    // What cannot be changed here was not changed by init either, or the kernel lacks it.
    static void plain_scheduling() {
        sched_param priority{};
        (void)::sched_setscheduler(0, SCHED_OTHER, &priority);
        (void)::setpriority(PRIO_PROCESS, 0, 0);
        ::syscall(SYS_ioprio_set, 1 /* a process */, 0, 0 /* by the nice value */);
        ::prctl(PR_SET_TIMERSLACK, 0);
        ::munlockall();
        int fd = ::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
        if (fd >= 0) {
            (void)!::write(fd, "0", 1);
            ::close(fd);
        }
    }

    void restore_limits() {
        if (limits_.affinity)
            (void)::sched_setaffinity(0, sizeof(cpu_set_t), &*limits_.affinity);
        if (!limits_.known) return;
        for (int i = 0; i < RLIM_NLIMITS; ++i)
            ::syscall(SYS_prlimit64, 0, i, &limits_.limits[i], nullptr);
    }

    // Never go on as root when somebody else was asked for.
    void become(const Account& account) {
        bool asked = !settings_.user.empty() || !settings_.group.empty();
        if (::setgroups(account.groups.size(), account.groups.data()) != 0 && asked)
            give_up_errno(errno, "cannot set the groups of user '{}'", account.name);
        if (!asked) return;
        if (::setresgid(account.gid, account.gid, account.gid) != 0)
            give_up_errno(errno, "cannot become group {}", account.gid);
        if (::setresuid(account.uid, account.uid, account.uid) != 0)
            give_up_errno(errno, "cannot become user '{}'", account.name);
        if (::getuid() != account.uid || ::geteuid() != account.uid)
            give_up(fmt::format("could not become user '{}'", account.name));
    }

    void place_passed_descriptors() {
        for (int number = kFirstPassed; int fd : passed_) {
            if (fd < 0) give_up("a descriptor to be passed to it is closed");
            place(fd, number++);
        }
    }

    void place_notify_descriptor() {
        if (notify_ < 0) return;
        if (target() < after_passed())
            give_up(fmt::format("notify = s6:{}: that descriptor is passed to it for another purpose",
                                target()));
        if (::dup2(notify_, target()) != target())
            give_up_errno(errno, "notify = s6:{}: cannot set that descriptor", target());
    }

    void close_others() {
        int keep[] = {outcome_, target() >= 3 ? target() : outcome_};
        std::ranges::sort(keep);
        auto from = static_cast<unsigned>(after_passed());
        for (int fd : keep) {
            auto number = static_cast<unsigned>(fd);
            if (number > from) close_range(from, number - 1);
            from = std::max(from, number + 1);
        }
        close_range(from, ~0U);
    }

    static void close_range(unsigned first, unsigned last) {
        if (::syscall(SYS_close_range, first, last, 0) == 0) return;
        rlimit limit{}; // Linux before 5.9
        unsigned most = 1024;
        if (::getrlimit(RLIMIT_NOFILE, &limit) == 0)
            most = static_cast<unsigned>(std::min<rlim_t>(limit.rlim_max, 1 << 20));
        for (unsigned fd = first; fd <= last && fd < most; ++fd) ::close(static_cast<int>(fd));
    }

    static std::string_view path_in(const std::vector<std::string>& environment) {
        for (const auto& variable : environment)
            if (variable.starts_with("PATH=")) return std::string_view(variable).substr(5);
        return kDefaultPath;
    }

    const SpawnRequest& request_;
    const ServiceSettings& settings_;
    const InitialLimits& limits_;
    int outcome_;
    int output_ = -1;
    int notify_ = -1;
    std::vector<int> passed_;
    std::string_view tty_type_;
};

} // namespace

std::vector<std::string> build_environment(const SpawnRequest& request, const Account& account,
                                           std::string_view tty_type, pid_t pid) {
    const auto& settings = *request.settings;
    std::vector<std::pair<std::string, std::string>> variables;
    auto set = [&](std::string_view name, std::string_view value) {
        auto same = [&](const auto& variable) { return variable.first == name; };
        auto found = std::ranges::find_if(variables, same);
        if (found == variables.end()) variables.emplace_back(name, value);
        else if (name != kTagVariable) found->second = value;
    };
    set(kTagVariable, format_tag({settings.name, request.start}));
    set("PATH", kDefaultPath);
    set("HOME", account.home);
    set("USER", account.name);
    set("LOGNAME", account.name);
    set("SHELL", account.shell);
    if (!tty_type.empty()) set("TERM", tty_type);
    for (const auto& [name, value] : settings.environment) set(name, value);
    for (const auto& [name, value] : request.extra_environment) {
        set(name, value);
        if (name == "WATCHDOG_USEC") set("WATCHDOG_PID", std::to_string(pid));
    }
    if (!request.passed.empty()) {
        std::string names;
        for (const auto& each : request.passed) names += ":" + each.name;
        set("LISTEN_FDS", std::to_string(request.passed.size()));
        set("LISTEN_PID", std::to_string(pid));
        set("LISTEN_FDNAMES", std::string_view(names).substr(1));
    }
    std::vector<std::string> environment;
    environment.reserve(variables.size());
    for (const auto& [name, value] : variables) environment.push_back(fmt::format("{}={}", name, value));
    return environment;
}

void run_child(const SpawnRequest& request, const InitialLimits& limits, int outcome) {
    Child(request, limits, outcome).run();
}

} // namespace leash
