// SPDX-License-Identifier: MIT
#include "causes.h"

#include "../say.h"
#include "../sealed_program.h"
#include "../settings.h"
#include "cookies.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace leash_watchdog {

namespace {

constexpr std::int64_t kAgain = 1000; // between two recorders, or two attempts to send
constexpr const char* kSavedSocket = "recorder";

} // namespace

void Causes::read_settings() {
    auto text = [&](const char* key) {
        const char* value = host_->config(key);
        return std::string(value == nullptr ? "" : value);
    };
    file_ = text("reset-cause-file");
    if (file_ == "none" || file_.size() >= kPathSize) file_.clear();
    rules_ = BudgetRules{};
    if (auto limit = text("reboot-limit"); !limit.empty() && !parse_budget(limit.c_str(), rules_))
        say(host_, LEASH_WARNING, "reboot-limit = %s: expected N/TIME or 0; using 5/1h", limit.c_str());
    if (auto time = text("minimum-uptime"); !time.empty())
        (void)parse_duration(time.c_str(), rules_.minimum_uptime_ms);
    unsigned failed = 0;
    if (std::sscanf(text("boot-fail-limit").c_str(), "%4u", &failed) == 1) rules_.failed_limit = failed;
    cause_hook_ = text("cause-hook");
    boot_fail_hook_ = text("boot-fail-hook");
    safe_on_.clear();
    std::string word;
    for (char c : text("safe-on") + ",") {
        if (c != ',' && c != ' ' && c != '\t') {
            word += c;
        } else if (!word.empty()) {
            safe_on_.push_back(word);
            word.clear();
        }
    }
}

void Causes::start(const leash_host* host, const std::vector<int>& pages, bool fresh, bool resumed) {
    host_ = host;
    pages_ = pages;
    pages_.resize(std::min<std::size_t>(pages_.size(), kMostPages));
    read_settings();
    if (file_.empty()) return;
    socket_ = host->saved_fd(kSavedSocket);
    if (socket_ >= 0 && fresh) drop_recorder();
    brought_up_ = resumed;
    if (socket_ < 0) {
        spawn();
    } else {
        host_->watch_fd(socket_, kFdRecorder);
        ask_boot(false); // it knows already, and tells
    }
}

void Causes::reconfigure(const std::vector<int>& pages) {
    std::string file = file_;
    read_settings();
    if (file != file_)
        say(host_, LEASH_WARNING,
            "init.conf: [watchdog] reset-cause-file = %s counts from the next boot on",
            file_.empty() ? "none" : file_.c_str());
    file_ = file;
    if (file_.empty()) return;
    auto known = pages;
    known.resize(std::min<std::size_t>(known.size(), kMostPages));
    if (known != pages_) { // a device more, which it has to look at, too
        pages_ = std::move(known);
        drop_recorder();
        spawn();
    }
    Request request;
    request.what = Ask::rules;
    request.rules = rules_;
    send(request);
}

void Causes::go_on(const SavedReset& reset) {
    if (reset.due_ms == 0) return;
    waiting_ = reset;
    put(reset_cause_.cause, reset.cause);
    put(reset_cause_.service, reset.service);
    put(reset_cause_.evidence, reset.evidence);
    reset_cause_.task = reset.task;
    host_->set_timer(kTimerReset, reset.due_ms);
}

// Its end of the socket is closed: it ends by itself, and its HELPER_EXIT is not ours any more.
void Causes::drop_recorder() {
    if (socket_ < 0) return;
    host_->unwatch_fd(socket_);
    host_->save_fd(kSavedSocket, -1);
    close(socket_);
    socket_ = -1;
}

void Causes::unpack() {
    if (program_ >= 0) return;
    program_ = helpers_program();
}

void Causes::spawn() {
    unpack();
    int ends[2];
    constexpr int kType = SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK;
    if (program_ < 0 || socketpair(AF_UNIX, kType, 0, ends) != 0) {
        say(host_, LEASH_ERROR,
            "the recorder cannot be unpacked: %s; causes of resets are not recorded",
            std::strerror(program_ < 0 ? -program_ : errno));
        return;
    }
    char pages[16];
    std::snprintf(pages, sizeof pages, "%zu", pages_.size());
    const char* const argv[] = {"leash-recorder", pages, nullptr};
    std::vector<std::int32_t> fds{ends[1]};
    fds.insert(fds.end(), pages_.begin(), pages_.end());
    leash_helper helper{};
    helper.size = sizeof helper;
    helper.exec_fd = program_;
    helper.argv = argv;
    helper.fds = fds.data();
    helper.fd_count = static_cast<std::uint32_t>(fds.size());
    helper.cookie = kHelperRecorder;
    spawned_ms_ = host_->now_ms();
    int pid = host_->spawn_helper(&helper);
    close(ends[1]);
    if (pid < 0) {
        close(ends[0]);
        say(host_, LEASH_ERROR, "the recorder cannot be started: %s; tried again", std::strerror(-pid));
        host_->set_timer(kTimerRecorder, spawned_ms_ + kAgain);
        return;
    }
    socket_ = ends[0];
    host_->save_fd(kSavedSocket, socket_);
    host_->watch_fd(socket_, kFdRecorder);
    // All that it has not answered is asked again; what the last life has left comes first.
    if (brought_up_ && (unanswered_.empty() || unanswered_.front().what != Ask::boot)) ask_boot(false);
    unsent_ = unanswered_.size();
    flush();
}

void Causes::send(Request& request) {
    if (file_.empty()) return;
    request.serial = ++serial_;
    auto old = std::ranges::find(unanswered_, request.what, &Request::what);
    if (old != unanswered_.end()) {
        auto behind = static_cast<std::size_t>(unanswered_.end() - old);
        if (behind <= unsent_) --unsent_;
        unanswered_.erase(old);
    }
    bool first = request.what == Ask::boot; // nothing else makes sense before it
    if (first) {
        unanswered_.insert(unanswered_.begin(), request);
        unsent_ = unanswered_.size();
    } else {
        unanswered_.push_back(request);
        ++unsent_;
    }
    flush();
}

void Causes::flush() {
    while (socket_ >= 0 && unsent_ > 0) {
        const Request& next = unanswered_[unanswered_.size() - unsent_];
        if (::send(socket_, &next, sizeof next, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
            host_->set_timer(kTimerRecorder, host_->now_ms() + kAgain);
            return; // its disk is slow, or it has died, which is told
        }
        --unsent_;
    }
}

void Causes::ask_boot(bool anew) {
    Request request;
    request.what = Ask::boot;
    request.anew = anew ? 1 : 0;
    request.wdt_flags = wdt_flags_;
    request.rules = rules_;
    std::snprintf(request.file, sizeof request.file, "%s", file_.c_str());
    send(request);
    boot_serial_ = anew ? serial_ : boot_serial_;
}

void Causes::brought_up(std::uint32_t wdt_flags) {
    if (file_.empty()) return;
    brought_up_ = true;
    wdt_flags_ = wdt_flags;
    host_->hold(LEASH_HOLD_BOOT);
    ask_boot(true);
}

void Causes::record(const Record& cause) {
    Request request;
    request.what = Ask::arm;
    request.record = cause;
    send(request);
}

void Causes::clear() {
    Request request;
    request.what = Ask::clear;
    send(request);
}

// From /proc, which asks no disk.
void Causes::name_task(Record& record) {
    if (record.task <= 0) return;
    char path[40], name[32];
    std::snprintf(path, sizeof path, "/proc/%d/comm", record.task);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return;
    ssize_t got = read(fd, name, sizeof name);
    close(fd);
    if (got > 1) put(record.task_name, {name, static_cast<std::size_t>(got) - 1});
}

void Causes::going_down(const leash_event& event) {
    static constexpr const char* kEnds[] = {"reboot", "poweroff", "halt", "wdt-reset"};
    if (file_.empty()) return;
    Request request;
    request.what = Ask::end;
    Record& record = request.record;
    put(record.cause, event.kind[0] != '\0' ? event.kind : "requested");
    put(record.service, event.name);
    put(record.evidence, event.text);
    put(record.end, kEnds[event.status >= 0 && event.status < 4 ? event.status : 0]);
    if (auto pid = main_pids_.find(event.name); pid != main_pids_.end()) record.task = pid->second;
    if (std::strcmp(reset_cause_.cause, record.cause) == 0) { // our own reset(), which knows more
        put(record.client, reset_cause_.client);
        put(record.service, reset_cause_.service);
        record.task = reset_cause_.task;
    }
    if (std::strcmp(record.cause, "client-deadline") == 0) {
        if (suspect_.cause[0] != '\0') put(record.cause, suspect_.cause);
        put(record.client, suspect_.client);
        record.task = suspect_.task;
    }
    name_task(record); // now: it is about to be stopped
    host_->hold(LEASH_HOLD_END);
    send(request);
    end_serial_ = serial_;
}

// The disk is read-only by then, if all went well, and the recorder opens it once more.
void Causes::reset_overdue(const leash_event& event) {
    if (file_.empty()) return;
    Request request;
    request.what = Ask::overdue;
    put(request.record.cause, "hardware-failure");
    put(request.record.evidence, event.text);
    host_->hold(LEASH_HOLD_END);
    send(request);
    end_serial_ = serial_;
}

bool Causes::event(const leash_event& event) {
    switch (event.type) {
    case LEASH_EVENT_RESET_OVERDUE: reset_overdue(event); return false;
    case LEASH_EVENT_SERVICE_STATE:
        if (event.main_pid > 0) main_pids_[event.name] = event.main_pid;
        else if (event.state == LEASH_STOPPED || event.state == LEASH_DONE) main_pids_.erase(event.name);
        return false;
    case LEASH_EVENT_SHUTDOWN: going_down(event); return false;
    case LEASH_EVENT_READABLE:
        if (event.cookie != kFdRecorder) return false;
        receive();
        return true;
    case LEASH_EVENT_HELPER_EXIT:
        if (event.cookie == kHelperHook) {
            if (event.status != 0)
                say(host_, LEASH_WARNING, "a hook of the watchdog has failed (wait status 0x%x)",
                    static_cast<unsigned>(event.status));
            return true;
        }
        if (event.cookie != kHelperRecorder) return false;
        // It may be that of an earlier one. Nothing is sent: an empty packet would be read as the end.
        if (pollfd peer{socket_, 0, 0};
            socket_ >= 0 && poll(&peer, 1, 0) > 0 && (peer.revents & (POLLHUP | POLLERR)) != 0) {
            drop_recorder();
            say(host_, LEASH_ERROR, "the recorder has died (wait status 0x%x): started again",
                static_cast<unsigned>(event.status));
            bool at_once = event.now_ms - spawned_ms_ > kAgain;
            if (at_once) spawn();
            else host_->set_timer(kTimerRecorder, event.now_ms + kAgain);
        }
        return true;
    case LEASH_EVENT_TIMER:
        if (event.cookie == kTimerRecorder) {
            if (socket_ < 0) spawn();
            else flush();
            return true;
        }
        if (event.cookie != kTimerReset) return false;
        waiting_ = SavedReset{};
        host_->end_machine(LEASH_END_WDT_RESET, reset_cause_.cause, reset_cause_.evidence);
        return true;
    default: return false;
    }
}

void Causes::receive() {
    static Answer answer; // some kilobytes, and PID 1's stack is not for that
    for (;;) {
        ssize_t got = recv(socket_, &answer, sizeof answer, MSG_DONTWAIT | MSG_TRUNC);
        if (got == 0) host_->unwatch_fd(socket_); // its end is told by the host
        if (got <= 0) return;
        if (got != sizeof answer || answer.magic != kWireMagic || answer.version != kWireVersion)
            continue;
        if (answer.what == Tell::ring) {
            if (answer.index == 0) incoming_.clear();
            if (incoming_.size() < kRing) incoming_.push_back(answer.record);
            if (answer.index + 1 == answer.count) ring_ = incoming_;
        } else if (answer.what == Tell::state) {
            take_state(answer);
        }
    }
}

void Causes::take_state(const Answer& answer) {
    if (answer.text[0] != '\0') say(host_, LEASH_WARNING, "%s", answer.text);
    last_ = answer.record;
    armed_ = answer.armed;
    spent_ = answer.spent;
    known_ = answer.booted != 0;
    if (answer.count == 0) ring_.clear();
    std::erase_if(unanswered_, [&](const Request& each) { return each.serial == answer.serial; });
    unsent_ = std::min(unsent_, unanswered_.size());
    show();
    if (answer.serial == 0) return;
    if (answer.serial == boot_serial_) {
        boot_serial_ = 0;
        decide();
        host_->let_go(LEASH_HOLD_BOOT);
    }
    if (answer.serial == end_serial_) {
        end_serial_ = 0;
        if (answer.error != 0)
            say(host_, LEASH_WARNING, "the cause of this end is not recorded durably: %s",
                std::strerror(answer.error));
        host_->let_go(LEASH_HOLD_END);
    }
}

void Causes::decide() {
    if (std::strcmp(last_.cause, "none") != 0) {
        say(host_, is_planned(last_.cause) ? LEASH_NOTICE : LEASH_WARNING,
            "the machine was reset: %s%s%s%s%s%s", last_.cause, last_.service[0] != '\0' ? " of " : "",
            last_.service, last_.evidence[0] != '\0' ? ": " : "", last_.evidence,
            last_.inferred ? " (inferred)" : "");
    }
    char why[160] = "";
    if (spent_.used_up)
        std::snprintf(why, sizeof why,
                      "%u reboots that nobody asked for: reboot-limit is used up; see initctl watchdog",
                      spent_.reboots);
    else if (std::ranges::find(safe_on_, last_.cause) != safe_on_.end())
        std::snprintf(why, sizeof why, "the last reset was %s, which safe-on names", last_.cause);
    if (why[0] != '\0') {
        int error = host_->boot_target("safe", why);
        if (error == 0)
            say(host_, LEASH_ERROR, "held in the target safe: %s", why);
        else
            say(host_, LEASH_ERROR, "NOT held in the target safe (%s), although it should be: %s",
                error == -EPERM ? "it has begun to boot already" : std::strerror(-error), why);
    }
    if (spent_.boot_failing) run_hook("boot-fail-hook", boot_fail_hook_);
    run_hook("cause-hook", cause_hook_);
}

void Causes::run_hook(const char* key, const std::string& command) {
    if (command.empty()) return;
    unpack();
    auto set = [](const char* name, std::string value) { return std::string(name) + "=" + value; };
    std::vector<std::string> words{
        "leash-recorder", "hook", "30000", command,
        set("LEASH_RESET_CAUSE", last_.cause),
        set("LEASH_RESET_SERVICE", last_.service),
        set("LEASH_RESET_EVIDENCE", last_.evidence),
        set("LEASH_RESET_COUNT", std::to_string(last_.resets)),
        set("LEASH_RESET_INFERRED", last_.inferred ? "yes" : "no"),
        set("LEASH_FAILED_BOOTS", std::to_string(last_.failed)),
        set("LEASH_BOOTS", std::to_string(last_.boots))};
    std::vector<const char*> argv;
    for (const auto& word : words) argv.push_back(word.c_str());
    argv.push_back(nullptr);
    leash_helper helper{};
    helper.size = sizeof helper;
    helper.exec_fd = program_;
    helper.argv = argv.data();
    helper.cookie = kHelperHook;
    int pid = program_ < 0 ? program_ : host_->spawn_helper(&helper);
    if (pid < 0) say(host_, LEASH_ERROR, "%s cannot be run: %s", key, std::strerror(-pid));
    else say(host_, LEASH_NOTICE, "%s = %s: started", key, command.c_str());
}

int Causes::reset(const Record& cause, std::int64_t delay_ms) {
    reset_cause_ = cause;
    record(cause);
    if (delay_ms > 0) {
        waiting_.due_ms = host_->now_ms() + delay_ms;
        waiting_.task = cause.task;
        put(waiting_.cause, cause.cause);
        put(waiting_.service, cause.service);
        put(waiting_.evidence, cause.evidence);
        return host_->set_timer(kTimerReset, waiting_.due_ms);
    }
    int error = host_->end_machine(LEASH_END_WDT_RESET, cause.cause, cause.evidence);
    if (error != 0) { // what does not come has no name
        reset_cause_ = Record{};
        Record unknown;
        put(unknown.evidence, "the machine ended without a word");
        record(unknown);
    }
    return error;
}

int Causes::may_reboot(const char* kind, char* why, std::size_t size) const {
    bool proved = host_->now_ms() >= rules_.minimum_uptime_ms;
    if (is_planned(kind) || !spent_.used_up || proved) return 0;
    std::snprintf(why, size,
                  "reboot-limit is used up (%u reboots that nobody asked for); it is given again after "
                  "minimum-uptime, or by initctl watchdog clear",
                  spent_.reboots);
    return -EBUSY;
}

void Causes::show() const {
    char text[200] = "";
    if (known_ && std::strcmp(last_.cause, "none") != 0)
        std::snprintf(text, sizeof text, "%s%s%s%s, %u resets in %u boots", last_.cause,
                      last_.inferred ? " (inferred)" : "", last_.service[0] != '\0' ? " of " : "",
                      last_.service, last_.resets, last_.boots);
    host_->set_status("last reset", text);
}

} // namespace leash_watchdog
