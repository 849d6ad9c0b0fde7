// SPDX-License-Identifier: MIT
// leash-monitor: takes all samples, apart from PID 1. What may take long it leaves to children, at
// most one for each monitor: one that does not end, though it is killed, is given up and counted,
// and there is no second one beside it.
//
//     fd 3   reports go there (report.h); when its other end is gone, so is this process
//     fd 4   the settings as lines (settings.h)
#include "report.h"
#include "samples.h"
#include "settings.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace leash_monitor {

namespace {

constexpr int kReports = 3, kSettings = 4;
constexpr std::int64_t kBeat = 2'000; // the plugin gives it ten times as long
const char* const kFaultOfChild = "the process that looks is not well";

std::int64_t now_ms() {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * 1000 + time.tv_nsec / 1'000'000;
}

struct Watch {
    Settings settings;
    Memo memo;
    std::uint16_t place = 0;
    std::int64_t due = 0;
    // The child, if there is one.
    pid_t child = 0;
    int pipe = -1;
    std::int64_t began = 0, deadline = 0;
    bool given_up = false;
};

void tell(Report& report) {
    // A full socket means that PID 1 has more urgent business: this report is lost, the next will
    // do.
    if (send(kReports, &report, sizeof report, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
        errno != EAGAIN && errno != EINTR)
        _exit(0);
}

Report report_of(const Watch& watch) {
    Report report;
    report.monitor = watch.place;
    return report;
}

void tell_failure(const Watch& watch, const char* what) {
    auto report = report_of(watch);
    report.measured = 1;
    report.fault = 2;
    if (watch.settings.type == Type::script && watch.settings.critical)
        report.value = *watch.settings.critical;
    report.say(what);
    tell(report);
}

void write_text(const char* path, const char* text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (write(fd, text, std::strlen(text)) < 0) { // then it has to do without
    }
    close(fd);
}

[[noreturn]] void be_child(const Watch& watch, const std::string& root, int out) {
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGPIPE, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, nullptr);
    const auto& settings = watch.settings;
    if (settings.type == Type::script) {
        setenv("MONITOR", settings.name.c_str(), 1);
        auto words = split_command(settings.command);
        std::vector<char*> argv;
        for (auto& word : words)
            argv.push_back(word.data());
        argv.push_back(nullptr);
        execvp(argv[0], argv.data());
        _exit(127);
    }
    // Should memory run out while it takes some, it is the one to go.
    if (settings.allocate > 0) write_text("/proc/self/oom_score_adj", "1000");
    auto report = report_of(watch);
    sample_apart(settings, root, watch.memo, report);
    _exit(write(out, &report, sizeof report) == static_cast<ssize_t>(sizeof report) ? 0 : 1);
}

void begin(Watch& watch, const std::string& root, std::int64_t now) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0) return tell_failure(watch, kFaultOfChild);
    pid_t pid = fork();
    if (pid == 0) be_child(watch, root, ends[1]);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        return tell_failure(watch, "no process can be made to look");
    }
    setpgid(pid, pid); // whoever is first
    watch.child = pid;
    watch.pipe = ends[0];
    watch.began = now;
    watch.deadline = now + watch.settings.timeout_ms;
    watch.given_up = false;
}

void tell_end(Watch& watch, int status) {
    char text[sizeof Report::text];
    bool script = watch.settings.type == Type::script;
    if (WIFSIGNALED(status)) {
        std::snprintf(text, sizeof text, "%s was killed by signal %d",
                      script ? watch.settings.command.c_str() : "the process that looks",
                      WTERMSIG(status));
        return tell_failure(watch, text);
    }
    if (script) {
        auto report = report_of(watch);
        report.measured = 1;
        report.value = WEXITSTATUS(status);
        // A script that is not there has never found anything to be well.
        if (WEXITSTATUS(status) == 127 || WEXITSTATUS(status) == 126) report.fault = 2;
        std::snprintf(text, sizeof text, "%.120s ended with status %d",
                      watch.settings.command.c_str(), WEXITSTATUS(status));
        report.say(text);
        return tell(report);
    }
    Report report;
    if (read(watch.pipe, &report, sizeof report) != static_cast<ssize_t>(sizeof report) ||
        report.monitor != watch.place)
        return tell_failure(watch, kFaultOfChild);
    remember(watch.settings, report, watch.memo);
    tell(report);
}

// True: there is none any more.
bool look_after_child(Watch& watch, std::int64_t now) {
    int status = 0;
    if (waitpid(watch.child, &status, WNOHANG) == watch.child) {
        if (!watch.given_up) {
            // What a script has left in its group does not outlive it: it would pile up.
            kill(-watch.child, SIGKILL);
            tell_end(watch, status);
        }
        close(watch.pipe);
        watch.child = 0;
        return true;
    }
    if (now < watch.deadline || watch.given_up) return false;
    kill(-watch.child, SIGKILL);
    kill(watch.child, SIGKILL);
    watch.given_up = true;
    char text[sizeof Report::text];
    std::snprintf(text, sizeof text, "%s has not answered within %lld ms and was killed",
                  watch.settings.type == Type::script       ? watch.settings.command.c_str()
                  : watch.settings.type == Type::filesystem ? watch.settings.path.c_str()
                                                            : "the process that looks",
                  static_cast<long long>(watch.settings.timeout_ms));
    tell_failure(watch, text);
    return false;
}

void step(Watch& watch, const std::string& root, std::int64_t now) {
    if (watch.child != 0) (void)look_after_child(watch, now);
    if (now < watch.due) return;
    watch.due = now + watch.settings.interval_ms;
    if (watch.child != 0) {
        if (!watch.given_up) return; // it has its time still
        char text[sizeof Report::text];
        std::snprintf(text, sizeof text, "still no answer, since %lld s, though it was killed",
                      static_cast<long long>((now - watch.began) / 1000));
        return tell_failure(watch, text);
    }
    if (needs_a_process(watch.settings)) return begin(watch, root, now);
    auto report = report_of(watch);
    sample_here(watch.settings, root, watch.memo, report);
    tell(report);
}

std::vector<Watch> read_watches() {
    std::string text;
    char buffer[4096];
    for (off_t at = 0; text.size() < kMostSettings;) {
        auto got = pread(kSettings, buffer, sizeof buffer, at);
        if (got <= 0) break;
        text.append(buffer, static_cast<std::size_t>(got));
        at += got;
    }
    close(kSettings);
    std::vector<Watch> watches;
    auto first = now_ms() + 200; // not all of them at once
    for (auto& settings : settings_of(text)) {
        Watch watch;
        watch.place = static_cast<std::uint16_t>(watches.size());
        watch.due = first + 100 * watch.place;
        watch.settings = std::move(settings);
        watches.push_back(std::move(watch));
    }
    return watches;
}

} // namespace

int run(const std::string& root) {
    signal(SIGPIPE, SIG_IGN);
    fcntl(kReports, F_SETFD, FD_CLOEXEC);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, nullptr);
    int ends = signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    auto watches = read_watches();
    std::int64_t beat = 0;
    while (true) {
        auto now = now_ms();
        if (now >= beat) {
            Report alive;
            tell(alive);
            beat = now + kBeat;
        }
        auto next = beat;
        for (auto& watch : watches) {
            if (!watch.settings.enabled) continue;
            step(watch, root, now);
            next = std::min(next, watch.due);
            if (watch.child != 0 && !watch.given_up) next = std::min(next, watch.deadline);
        }
        pollfd wait[] = {{kReports, POLLRDHUP, 0}, {ends, POLLIN, 0}};
        auto rest = std::clamp<std::int64_t>(next - now_ms(), 1, kBeat);
        if (poll(wait, 2, static_cast<int>(rest)) > 0) {
            if ((wait[0].revents & (POLLHUP | POLLRDHUP | POLLERR)) != 0) return 0;
            signalfd_siginfo info;
            while (read(ends, &info, sizeof info) > 0) {
            }
        }
    }
}

} // namespace leash_monitor

int main(int argc, char** argv) {
    return leash_monitor::run(argc > 1 ? argv[1] : "");
}
