// SPDX-License-Identifier: MIT
#include "feeding.h"

#include "cookies.h"
#include "programs.h"
#include "say.h"
#include "sealed_program.h"
#include "settings.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <linux/futex.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace leash_watchdog {

namespace {

const char* words(std::uint32_t starved) {
    switch (starved) {
    case LEASH_STARVED_LOOP:
        return "PID 1's loop stands still";
    case LEASH_STARVED_VERDICT:
        return "the verdict is to starve it";
    case LEASH_STARVED_LIMIT:
        return "the time for which it is fed is over";
    default:
        return "unknown";
    }
}

const char* words(leash_scheduling scheduling) {
    switch (scheduling) {
    case LEASH_SCHEDULING_DEADLINE:
        return "SCHED_DEADLINE";
    case LEASH_SCHEDULING_FIFO:
        return "SCHED_FIFO";
    default:
        return "no real-time priority";
    }
}

// Nobody can shrink it under a mapping (SIGBUS).
int seal(int fd) { return fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL); }

int make_page() {
    int fd = memfd_create("leash-verdict", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) return -errno;
    if (ftruncate(fd, LEASH_PAGE_SIZE) != 0 || seal(fd) != 0) {
        int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

void describe_exit(int status, char* text, std::size_t size) {
    if (WIFSIGNALED(status))
        std::snprintf(text, size, "killed by signal %d", WTERMSIG(status));
    else if (WEXITSTATUS(status) == 127)
        std::snprintf(text, size, "it could not be executed");
    else
        std::snprintf(text, size, "exit status %d", WEXITSTATUS(status));
}

} // namespace

bool Feeding::map(int fd) {
    void* place = mmap(nullptr, LEASH_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (place == MAP_FAILED) return false;
    page_ = static_cast<leash_verdict_page*>(place);
    page_fd_ = fd;
    return true;
}

// Of one WDT nobody needs to be told which one it is.
void Feeding::name(unsigned slot, const char* path) {
    slot_ = slot;
    char number[2] = {slot > 0 ? static_cast<char>('0' + slot % 10) : '\0', '\0'};
    std::snprintf(wdt_name_, sizeof wdt_name_, "wdt%s", number);
    std::snprintf(page_name_, sizeof page_name_, "verdict%s", number);
    std::snprintf(wake_name_, sizeof wake_name_, "wake%s", number);
    if (slot == 0 || path == nullptr) return;
    std::snprintf(the_kicker_, sizeof the_kicker_, "the kicker of %.100s", path);
    std::snprintf(the_wdt_, sizeof the_wdt_, "%.100s", path);
}

void Feeding::apply(const Settings& settings) {
    leash_page_set(page_, want_scheduling, static_cast<std::uint32_t>(settings.priority));
    leash_page_set(page_, fifo_level, settings.fifo_level);
    leash_page_set(page_, loop_limit_ms, settings.loop_limit_ms);
}

int Feeding::prepare(const leash_host* host, const Settings& settings, unsigned slot,
                     const char* path, std::int64_t now) {
    host_ = host;
    name(slot, path);
    int fd = make_page();
    if (fd < 0) return fd;
    if (!map(fd)) {
        int error = -errno;
        close(fd);
        return error;
    }
    wake_fd_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd_ < 0) return -errno;
    page_->magic = LEASH_PAGE_MAGIC;
    page_->version = LEASH_PAGE_VERSION;
    std::snprintf(page_->device, sizeof page_->device, "%s", path);
    apply(settings);
    leash_page_set(page_, interval_ms, 1000);
    beat(now);
    set_verdict(LEASH_VERDICT_FEED, 0);
    host_->save_fd(page_name_, page_fd_);
    host_->save_fd(wake_name_, wake_fd_);
    return host_->watch_fd(wake_fd_, cookie(kFdWake));
}

bool Feeding::restore(const leash_host* host, const Settings& settings, unsigned slot,
                      std::int64_t now) {
    host_ = host;
    name(slot, nullptr);
    int fd = host->saved_fd(page_name_);
    int wake = host->saved_fd(wake_name_);
    if (fd < 0 || wake < 0 || !map(fd)) return false;
    if (page_->magic != LEASH_PAGE_MAGIC || page_->version != LEASH_PAGE_VERSION) {
        munmap(page_, LEASH_PAGE_SIZE);
        page_ = nullptr;
        page_fd_ = -1;
        return false;
    }
    page_->device[sizeof page_->device - 1] = '\0';
    name(slot, page_->device);
    wake_fd_ = wake;
    beat(now); // first of all: the kicker has been waiting
    apply(settings);
    std::int32_t pid = leash_page_get(page_, kicker_pid);
    if (pid > 1 && kill(pid, 0) == 0) kicker_ = pid; // our child: not reaped, so the pid is its own
    known_state_ = leash_page_get(page_, kicker_state);
    known_errors_ = leash_page_get(page_, kick_errors);
    ended_ = leash_page_get(page_, command) != LEASH_COMMAND_KICK;
    host_->watch_fd(wake_fd_, cookie(kFdWake));
    return true;
}

void Feeding::abandon() {
    host_->unwatch_fd(wake_fd_);
    host_->save_fd(page_name_, -1);
    host_->save_fd(wake_name_, -1);
    munmap(page_, LEASH_PAGE_SIZE);
    page_ = nullptr;
    close(page_fd_);
    close(wake_fd_);
    page_fd_ = wake_fd_ = -1;
}

void Feeding::reconfigure(const Settings& settings, std::int64_t now) {
    auto wanted = static_cast<std::uint32_t>(settings.priority);
    bool other = leash_page_get(page_, want_scheduling) != wanted ||
                 leash_page_get(page_, fifo_level) != settings.fifo_level;
    apply(settings);
    if (!other || kicker_ == 0 || ended_) return;
    spawned_ms_ = now;
    replacing_ = true;
    kill(kicker_, SIGKILL);
}

void Feeding::pause() {
    device_ = nullptr;
    host_->set_timer(cookie(kTimerStandIn), -1);
    host_->set_timer(cookie(kTimerRespawn), -1);
    standing_in_ = false;
    // It will run no instruction of its own any more, however long the kernel takes to end it: the next
    // one need not wait for that.
    if (kicker_ > 0) kill(kicker_, SIGKILL);
    kicker_ = 0;
    replacing_ = false;
    leash_page_set(page_, kicker_pid, 0); // nobody has lost it
}

bool Feeding::device_lost() const {
    if (device_ == nullptr) return false;
    if (stand_in_error_ == -ENODEV) return true;
    return leash_page_get(page_, kick_errors) != errors_before_ &&
           leash_page_get(page_, kick_errno) == ENODEV;
}

void Feeding::start(const Device& device, std::int64_t interval_ms, std::int64_t now) {
    if (device_ == nullptr) {
        errors_before_ = known_errors_ = leash_page_get(page_, kick_errors);
        errors_said_ = false;
        stand_in_error_ = 0;
    }
    device_ = &device;
    leash_page_set(page_, interval_ms, interval_ms);
    if (program_fd_ < 0)
        program_fd_ = make_sealed_program("leash-kicker", leash_kicker_begin, leash_kicker_end);
    if (program_fd_ < 0) {
        say(host_, LEASH_ERROR, "the kicker cannot be unpacked: %s; PID 1 kicks by itself",
            strerror(-program_fd_));
    }
    if (ended_) return;
    if (kicker_ > 0 && replacing_) { // the next one comes when it has ended
        begin_stand_in(now);
        return;
    }
    if (kicker_ > 0) {
        spawned_ms_ = now;
        ring(); // the interval may be new
        return;
    }
    spawn(now);
}

void Feeding::ring() {
    leash_page_add(page_, bell, 1U);
    syscall(SYS_futex, &page_->bell, FUTEX_WAKE, INT32_MAX, nullptr, nullptr, 0);
}

void Feeding::set_verdict(leash_verdict verdict, std::int64_t feed_until_ms) {
    if (page_ == nullptr) return;
    leash_page_set(page_, feed_until_ms, feed_until_ms);
    leash_page_set(page_, verdict, static_cast<std::uint32_t>(verdict));
    ring();
}

void Feeding::spawn(std::int64_t now) {
    leash_page_set(page_, kicker_state, static_cast<std::uint32_t>(LEASH_KICKER_ABSENT));
    leash_page_set(page_, kicker_pid, 0);
    known_state_ = LEASH_KICKER_ABSENT;
    begin_stand_in(now); // until it kicks
    if (program_fd_ < 0) return;

    static const char* const argv[] = {"leash-kicker", nullptr};
    const std::int32_t fds[] = {device_->fd(), page_fd_, wake_fd_}; // LEASH_KICKER_WDT, ...
    leash_helper helper{};
    helper.size = sizeof helper;
    helper.exec_fd = program_fd_;
    helper.argv = argv;
    helper.fds = fds;
    helper.fd_count = 3;
    helper.cookie = cookie(kHelperKicker);
    int pid = host_->spawn_helper(&helper);
    if (pid < 0) {
        say(host_, LEASH_ERROR, "%s cannot be started: %s; PID 1 kicks, and tries again",
            the_kicker_, strerror(-pid));
        host_->set_timer(cookie(kTimerRespawn), now + kPause);
        return;
    }
    kicker_ = pid;
    spawned_ms_ = now;
}

void Feeding::begin_stand_in(std::int64_t now) {
    standing_in_ = true;
    stand_in(now);
}

void Feeding::stand_in(std::int64_t now) {
    if (!standing_in_ || ended_ || device_ == nullptr) return;
    if (leash_page_starved(page_, now) == LEASH_STARVED_NOT) stand_in_error_ = device_->kick();
    std::int64_t pause = std::min<std::int64_t>(leash_page_get(page_, interval_ms), 1000);
    host_->set_timer(cookie(kTimerStandIn), now + pause);
}

void Feeding::respawn(std::int64_t now) {
    if (!ended_ && kicker_ == 0 && device_ != nullptr) spawn(now);
}

void Feeding::kicker_exited(std::int32_t pid, int status, std::int64_t now) {
    if (pid != kicker_) return; // one that has been replaced
    kicker_ = 0;
    leash_page_set(page_, kicker_pid, 0); // the number is anybody's from now on
    bool wanted = std::exchange(replacing_, false);
    if (ended_ || device_ == nullptr) return;
    begin_stand_in(now); // kicks at once; everything else has time

    if (wanted) {
        spawn(now);
        return;
    }
    char how[64];
    describe_exit(status, how, sizeof how);
    std::int64_t& oldest = deaths_[death_count_++ % kManyDeaths];
    bool too_often = death_count_ > kManyDeaths && now - oldest < kDeathWindow;
    oldest = now;
    if (!too_often) {
        say(host_, LEASH_ERROR, "%s has died (%s); PID 1 kicks until the next one does",
            the_kicker_, how);
        spawn(now);
        return;
    }
    say(host_, LEASH_ERROR,
        "%s has died %u times, again and again (%s); PID 1 kicks, next try in 1 s", the_kicker_,
        death_count_, how);
    host_->set_timer(cookie(kTimerRespawn), now + kPause);
}

void Feeding::woken(std::int64_t now) {
    std::uint64_t count = 0;
    if (read(wake_fd_, &count, sizeof count) < 0) return; // EAGAIN
    report_state(now);
}

void Feeding::report_state(std::int64_t now) {
    if (page_ == nullptr) return;
    if (standing_in_ && kicker_ > 0 && leash_page_get(page_, kicker_pid) == kicker_ &&
        leash_page_get(page_, alive_ms) >= spawned_ms_) {
        standing_in_ = false;
        host_->set_timer(cookie(kTimerStandIn), -1);
        auto got = static_cast<leash_scheduling>(leash_page_get(page_, got_scheduling));
        int error = leash_page_get(page_, scheduling_error);
        say(host_, error == 0 ? LEASH_INFO : LEASH_WARNING, "%s runs (pid %d, %s%s%s)",
            the_kicker_, kicker_, words(got),
            error == 0 ? "" : "; better was refused: ", error == 0 ? "" : strerror(error));
        int lock_error = leash_page_get(page_, lock_error);
        if (lock_error != 0)
            say(host_, LEASH_WARNING, "the memory of %s is not locked: %s", the_kicker_,
                strerror(lock_error));
        int filter_error = leash_page_get(page_, filter_error);
        if (filter_error != 0)
            say(host_, LEASH_WARNING, "%s runs without a filter of its system calls: %s",
                the_kicker_, strerror(filter_error));
        int oom_error = leash_page_get(page_, oom_error);
        if (oom_error != 0) {
            say(host_, LEASH_WARNING, "%s is not exempt from the OOM killer: %s", the_kicker_,
                strerror(oom_error));
        }
    }
    report_errors();
    std::uint32_t state = leash_page_get(page_, kicker_state);
    if (state == known_state_) return;
    char span[32];
    if (state == LEASH_KICKER_STARVING) {
        say(host_, LEASH_ERROR, "%s is not kicked any more: %s", the_wdt_,
            words(leash_page_get(page_, starved_reason)));
    } else if (state == LEASH_KICKER_KICKING && leash_page_get(page_, recoveries) > 0 &&
               known_state_ != LEASH_KICKER_ABSENT && known_state_ != LEASH_KICKER_RELEASED) {
        say(host_, LEASH_WARNING, "%s is kicked again, after %s without: %s", the_wdt_,
            show_ms(leash_page_get(page_, starved_last_ms), span, sizeof span),
            words(leash_page_get(page_, starved_reason)));
    } else if (state == LEASH_KICKER_DELEGATED) {
        int seconds = leash_page_get(page_, delegated_timeout_s);
        if (seconds > 0)
            say(host_, LEASH_NOTICE, "%s fires in %d s", the_wdt_, seconds);
        else
            say(host_, LEASH_NOTICE, "%s is kicked no more; its timeout cannot be lowered",
                the_wdt_);
    }
    known_state_ = state;
    (void)now;
}

void Feeding::report_errors() {
    std::uint64_t errors = leash_page_get(page_, kick_errors);
    if (errors == known_errors_) return;
    if (!std::exchange(errors_said_, true))
        say(host_, LEASH_ERROR, "%s refuses a kick: %s", the_wdt_,
            strerror(leash_page_get(page_, kick_errno)));
    known_errors_ = errors;
}

void Feeding::check(std::int64_t now) {
    if (page_ != nullptr && device_ != nullptr) report_errors();
    if (page_ == nullptr || device_ == nullptr || ended_ || kicker_ == 0) return;
    // Between the kick that was due and the hardware's end: time enough for the next kicker.
    std::int64_t interval = leash_page_get(page_, interval_ms);
    std::int64_t patience = (interval + device_->timeout_s() * 1000LL) / 2;
    std::int64_t seen = std::max(leash_page_get(page_, alive_ms), spawned_ms_);
    if (now - seen <= patience) return;
    char span[32];
    say(host_, LEASH_ERROR, "%s (pid %d) has stood still for %s: it is replaced", the_kicker_,
        kicker_, show_ms(now - seen, span, sizeof span));
    // PID 1 stands in once it is gone: should it hang within the driver, PID 1 would hang behind it.
    spawned_ms_ = now; // patience anew, should even SIGKILL have to wait
    replacing_ = true;
    kill(kicker_, SIGKILL);
}

void Feeding::command(leash_kick_command command) {
    ended_ = command != LEASH_COMMAND_KICK;
    if (ended_) {
        host_->set_timer(cookie(kTimerStandIn), -1);
        host_->set_timer(cookie(kTimerRespawn), -1);
        standing_in_ = false;
    }
    if (page_ == nullptr) return;
    leash_page_set(page_, command, static_cast<std::uint32_t>(command));
    ring();
    if (!ended_ && kicker_ == 0 && device_ != nullptr) spawn(host_->now_ms());
}

void Feeding::end_kicker() {
    ended_ = true;
    if (kicker_ > 0) kill(kicker_, SIGKILL);
}

void Feeding::describe(char* text, std::size_t size, std::int64_t now) const {
    char every[32];
    char span[32];
    show_ms(leash_page_get(page_, interval_ms), every, sizeof every);
    std::uint32_t state = leash_page_get(page_, kicker_state);
    if (ended_ && leash_page_get(page_, command) == LEASH_COMMAND_RELEASE) {
        std::snprintf(text, size, "NOT KICKED: it is switched off");
        return;
    }
    if (state == LEASH_KICKER_DELEGATED) {
        std::snprintf(text, size, "kicked no more: it is to reset the machine");
        return;
    }
    std::uint32_t starved = leash_page_starved(page_, now);
    if (state == LEASH_KICKER_STARVING || starved != LEASH_STARVED_NOT) {
        std::int64_t last = leash_page_get(page_, last_kick_ms);
        std::snprintf(
            text, size, "NOT KICKED: %s, last kick %s ago",
            words(starved != LEASH_STARVED_NOT ? starved : leash_page_get(page_, starved_reason)),
            show_ms(now - last, span, sizeof span));
        return;
    }
    if (standing_in_) {
        std::snprintf(text, size, "kick every %s, by PID 1: the kicker is down", every);
        return;
    }
    auto got = static_cast<leash_scheduling>(leash_page_get(page_, got_scheduling));
    std::int64_t ago = std::max<std::int64_t>(now - leash_page_get(page_, last_kick_ms), 0) / 1000;
    std::snprintf(text, size, "kick every %s, %s%s, last kick %lld s ago", every, words(got),
                  leash_page_get(page_, lock_error) != 0 ? ", memory not locked" : "",
                  static_cast<long long>(ago));
}

} // namespace leash_watchdog
