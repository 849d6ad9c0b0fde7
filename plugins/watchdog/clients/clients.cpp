// SPDX-License-Identifier: MIT
#include "watchdog/clients/clients.h"

#include "watchdog/clients/table.h"
#include "watchdog/sealed_program.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

namespace leash_clients {

namespace {

constexpr const char* kTrouble = "client-deadline";
constexpr const char* kDefaultPolicy = "reboot";
constexpr std::int64_t kLongPause = 30'000;
constexpr std::int64_t kLived = 60'000; // after so long a death is a single one
constexpr int kBacklog = 1024;
constexpr const char* kPaths[] = {"/run/watchdogd/sock", "/run/watchdogd.sock"}; // 4.x; before
constexpr const char* kNames[] = {"wdog-sock", "wdog-sock-old"};                // saved
constexpr const char* kLink = "wdog-link";

void describe(const LinkMessage& message, char* text, std::size_t size) {
    const char* label = message.label;
    switch (static_cast<Verdict>(message.what)) {
    case Verdict::deadline:
        std::snprintf(text, size, "client %s (pid %d, id %d) has not kicked within %d.%03d s", label,
                      message.pid, message.id, message.timeout / 1000, message.timeout % 1000);
        break;
    case Verdict::died:
        std::snprintf(text, size, "client %s (pid %d, id %d) has ended without unsubscribing", label,
                      message.pid, message.id);
        break;
    case Verdict::wrong_kick:
        std::snprintf(text, size, "client %s (pid %d, id %d) kicked with a wrong id or ack", label,
                      message.pid, message.id);
        break;
    case Verdict::wrong_unsubscribe:
        std::snprintf(text, size, "client %s (pid %d, id %d) unsubscribed with a wrong id or ack",
                      label, message.pid, message.id);
        break;
    default:
        std::snprintf(text, size, "client %s (pid %d, id %d) asked for a reset", label, message.pid,
                      message.id);
        break;
    }
}

} // namespace

void Clients::say(leash_level level, const char* format, ...) {
    int most = rest_->loglevel() == kNoLevel ? 0 : rest_->loglevel();
    if (static_cast<int>(level) > std::max(most, static_cast<int>(LEASH_ERROR))) return;
    char text[400];
    va_list args;
    va_start(args, format);
    std::vsnprintf(text, sizeof text, format, args);
    va_end(args);
    host_->log(level, text);
}

void Clients::read_settings() {
    const char* wanted = host_->config("clients");
    on_ = wanted != nullptr && std::strcmp(wanted, "yes") == 0;
    const char* policy = host_->config("client-policy");
    policy_ = policy != nullptr && *policy != '\0' ? policy : kDefaultPolicy;
    const char* root = host_->config("clients-root"); // not in init's schema
    root_ = root != nullptr ? root : "";
}

void Clients::start(const leash_host* host, ClientHost* rest, std::int32_t helper) {
    host_ = host;
    rest_ = rest;
    helper_ = helper;
    read_settings();
    if (on_) adopt_or_open();
}

// What stands in trouble keeps the answer that it got.
void Clients::reconfigure() {
    bool was = on_;
    read_settings();
    if (on_ == was) return;
    say(LEASH_NOTICE, on_ ? "clients of watchdogd are served from now on"
                          : "clients of watchdogd are served no more: clients = no");
    if (on_) adopt_or_open();
    else close_all();
}

// Nobody is watched by them any more, and so nobody is in trouble.
void Clients::close_all() {
    // Those of an earlier life of PID 1 are not known here, but to init.
    standing_.clear();
    for (const auto& [name, main] : mains_)
        if (main.start != 0) host_->trouble_over(main.start, kTrouble);
    host_->machine_trouble_over(nullptr, kTrouble);
    if (link_ >= 0) {
        host_->unwatch_fd(link_);
        host_->save_fd(kLink, -1);
        close(link_); // its helper notices, and ends
        link_ = -1;
    }
    if (helper_ > 1) kill(helper_, SIGKILL); // one that stands still
    helper_ = 0;
    bool waited = std::exchange(waits_, false);
    for (int i = 0; i < 2; ++i) {
        if (sockets_[i] < 0) continue;
        if (waited) host_->unwatch_fd(sockets_[i]);
        host_->save_fd(kNames[i], -1);
        close(sockets_[i]);
        unlink((root_ + kPaths[i]).c_str());
        sockets_[i] = -1;
    }
    host_->set_timer(kTimerHelper, -1);
    host_->set_timer(kTimerSilence, -1);
    host_->set_status("clients", "");
}

// Its signs of life lie in the link, should PID 1 itself have been away.
void Clients::look_for_silence(std::int64_t now) {
    if (link_ < 0) return;
    read_link(now); // any word of it counts
    if (link_ < 0) return;
    if (now - heard_ < kSilenceMs) {
        host_->set_timer(kTimerSilence, heard_ + kSilenceMs);
        return;
    }
    say(LEASH_ERROR, "the helper for clients of watchdogd has said nothing for %d s: it is replaced",
        static_cast<int>(kSilenceMs / 1000));
    if (helper_ > 1) kill(helper_, SIGKILL); // a child of PID 1 that has not been told to have ended
    lost(now, "it stood still");
}

void Clients::adopt_or_open() {
    for (int i = 0; i < 2; ++i) {
        sockets_[i] = host_->saved_fd(kNames[i]);
        if (sockets_[i] < 0) sockets_[i] = open_socket(root_ + kPaths[i], kNames[i]);
    }
    int saved = host_->saved_fd(kLink);
    if (saved >= 0 && host_->watch_fd(saved, kFdLink) == 0) {
        link_ = saved;
        heard_ = host_->now_ms();
        host_->set_timer(kTimerSilence, heard_ + kSilenceMs);
        note_enabled();
        show();
        return;
    }
    if (sockets_[0] < 0 && sockets_[1] < 0) {
        on_ = false;
        return;
    }
    await_first();
}

// A machine without clients needs no helper, and a boot does not wait for it: who comes first is heard
// here, and waits in the socket for the helper that is made then.
void Clients::await_first() {
    bool watched = false;
    for (std::size_t i = 0; i < 2; ++i)
        if (sockets_[i] >= 0) watched |= host_->watch_fd(sockets_[i], kFdFirst + i) == 0;
    if (!watched) {
        spawn(host_->now_ms());
        return;
    }
    waits_ = true;
    show();
}

void Clients::first_came(std::int64_t now) {
    if (!std::exchange(waits_, false)) return; // on the other socket, in the same round
    for (int socket : sockets_)
        if (socket >= 0) host_->unwatch_fd(socket);
    spawn(now);
}

int Clients::open_socket(const std::string& path, const char* name) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return -1;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    auto folder = path.substr(0, path.rfind('/'));
    mkdir(folder.c_str(), 0755);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return -1;
    unlink(path.c_str()); // of an earlier life of the machine's user space
    // Everyone may ask: who it is, is what the kernel says of the connection.
    if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        chmod(path.c_str(), 0666) != 0 || listen(fd, kBacklog) != 0) {
        say(LEASH_ERROR, "%s: %s; clients of watchdogd do not find it there", path.c_str(),
            std::strerror(errno));
        close(fd);
        return -1;
    }
    host_->save_fd(name, fd);
    return fd;
}

void Clients::spawn(std::int64_t now) {
    int program = leash_watchdog::helpers_program();
    int pair[2] = {-1, -1};
    int pid = program;
    if (program >= 0 && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair) != 0)
        pid = -errno;
    if (pair[0] >= 0) {
        const char* argv[] = {"leash-clients", again_ ? "again" : nullptr, nullptr};
        // A socket that could not be made: the other one twice does no harm.
        const std::int32_t fds[] = {pair[1], sockets_[0] >= 0 ? sockets_[0] : sockets_[1],
                                    sockets_[1] >= 0 ? sockets_[1] : sockets_[0]};
        leash_helper helper{};
        helper.size = sizeof helper;
        helper.exec_fd = program;
        helper.argv = argv;
        helper.fds = fds;
        helper.fd_count = 3;
        helper.cookie = kHelper;
        pid = host_->spawn_helper(&helper);
        close(pair[1]);
    }
    if (pid <= 0) {
        if (pair[0] >= 0) close(pair[0]);
        pair[0] = -1;
        lost(now, std::strerror(-pid));
        return;
    }
    helper_ = pid;
    spawned_ = heard_ = now;
    host_->set_timer(kTimerSilence, now + kSilenceMs);
    link_ = pair[0];
    host_->save_fd(kLink, link_);
    host_->watch_fd(link_, kFdLink);
    say(LEASH_INFO, "clients of watchdogd are served by pid %d", pid);
    show();
}

void Clients::lost(std::int64_t now, const char* how) {
    if (link_ >= 0) {
        host_->unwatch_fd(link_);
        host_->save_fd(kLink, -1);
        close(link_);
        link_ = -1;
    }
    helper_ = 0;
    again_ = true;
    pause_ = now - spawned_ > kLived ? 0 : std::clamp<std::int64_t>(pause_ * 2, 100, kLongPause);
    host_->set_timer(kTimerHelper, now + pause_);
    say(LEASH_ERROR,
        "the helper for clients of watchdogd is lost (%s): they are not watched until they "
        "subscribe again", how);
    show();
}

void Clients::show() {
    if (waits_) host_->set_status("clients", "watchdogd's clients are served, none has come yet");
    else if (link_ >= 0) host_->set_status("clients", "watchdogd's clients are served");
    else host_->set_status("clients", "THE HELPER FOR WATCHDOGD'S CLIENTS IS LOST; tried again");
}

bool Clients::event(const leash_event& event) {
    if (!on_) return false;
    switch (event.type) {
    case LEASH_EVENT_TIMER:
        if (event.cookie == kTimerSilence) {
            look_for_silence(event.now_ms);
            return true;
        }
        if (event.cookie != kTimerHelper) return false;
        if (link_ < 0) spawn(event.now_ms);
        return true;
    case LEASH_EVENT_READABLE:
        if (event.cookie == kFdFirst || event.cookie == kFdFirstOld) {
            first_came(event.now_ms);
            return true;
        }
        if (event.cookie != kFdLink) return false;
        read_link(event.now_ms);
        return true;
    case LEASH_EVENT_HELPER_EXIT:
        if (event.cookie != kHelper) return false;
        if (event.main_pid != helper_) return true; // one that was replaced
        // What it said last lies in the link; its end is read there, too.
        while (link_ >= 0 && read_link(event.now_ms)) {} // a dead one's words are not without end
        return true;
    case LEASH_EVENT_SERVICE_STATE:
        if (event.state == LEASH_STOPPED || event.state == LEASH_DONE) mains_.erase(event.name);
        else mains_[event.name] = {event.start, event.main_pid};
        return false;
    case LEASH_EVENT_SHUTDOWN: ending_ = true; return false;
    case LEASH_EVENT_LOOP:
        if (told_enabled_ == rest_->off()) note_enabled();
        return false;
    default: return false;
    }
}

void Clients::note_enabled() {
    LinkMessage message;
    message.kind = Kind::enabled;
    told_enabled_ = !rest_->off();
    message.value = told_enabled_ ? 1 : 0;
    tell(message);
}

void Clients::tell(const LinkMessage& message) {
    // A helper that stands still does not hold up PID 1; it asks again.
    if (link_ < 0) return;
    [[maybe_unused]] auto sent = send(link_, &message, sizeof message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

// True: there may be more.
bool Clients::read_link(std::int64_t now) {
    for (int i = 0; i < 32 && link_ >= 0; ++i) { // the rest in the next round
        LinkMessage message;
        char bytes[sizeof message + 1];
        ssize_t got = recv(link_, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
        if (got <= 0) {
            lost(now, got == 0 ? "it has ended" : std::strerror(errno));
            return false;
        }
        heard_ = now;
        if (take_link(bytes, static_cast<std::size_t>(got), message)) hear(message);
        else say(LEASH_ERROR, "the helper for clients says what cannot be understood");
    }
    return link_ >= 0;
}

void Clients::hear(const LinkMessage& message) {
    LinkMessage reply;
    reply.id = message.id;
    reply.serial = message.serial;
    switch (message.kind) {
    case Kind::hello:
        note_enabled();
        return;
    case Kind::whose:
        reply.kind = Kind::owner;
        if (host_->whose(message.pid, reply.service, sizeof reply.service, &reply.start) != 0) {
            reply.start = 0;
            reply.service[0] = '\0';
            succeeded(message);
        }
        say(LEASH_INFO, "client %s (pid %d, id %d) has subscribed for %d ms: of %s", message.label,
            message.pid, message.id, message.timeout,
            reply.start != 0 ? reply.service : "no service");
        break;
    case Kind::verdict:
        verdict(message);
        reply.kind = Kind::taken;
        break;
    case Kind::over:
        over(message);
        if (message.uid == 0 || may_tell())
            say(LEASH_NOTICE, "client %s (pid %d, id %d) kicks again", message.label, message.pid,
                message.id);
        return;
    case Kind::ask: reply = answer_to(message); break;
    case Kind::reset: {
        say(LEASH_ERROR, "client %s (pid %d) asks for a reset of the machine", message.label,
            message.pid);
        int error = ending_ ? 0 : rest_->reset(message.code, message.pid, message.label);
        if (error != 0 && error != -EALREADY)
            say(LEASH_ERROR, "the machine cannot be reset: %s", std::strerror(-error));
        reply.kind = Kind::taken;
        reply.id = 0;
        break;
    }
    default: return; // of the other direction
    }
    tell(reply);
}

// Who stands in trouble: clients of a start, or root's of no service under one label. Only when the last
// of them kicks again is it over.
std::string Clients::source_of(const LinkMessage& message) const {
    if (message.start != 0) return "start " + std::to_string(message.start);
    return message.uid == 0 ? std::string("client ") + message.label : std::string();
}

void Clients::over(const LinkMessage& message) {
    auto source = source_of(message);
    if (source.empty()) return; // was only reported
    // Those of an earlier life of PID 1 are not known: then any of them says it for all.
    if (auto standing = standing_.find(source); standing != standing_.end()) {
        if (standing->second.erase(message.serial) == 0 || !standing->second.empty()) return;
        standing_.erase(standing);
    }
    if (message.start != 0) host_->trouble_over(message.start, kTrouble);
    else host_->machine_trouble_over(source.c_str(), kTrouble);
}

// A new client of that label stands in for one that has died, which will never kick again.
void Clients::succeeded(const LinkMessage& message) {
    if (message.uid != 0) return;
    auto source = std::string("client ") + message.label;
    standing_.erase(source);
    host_->machine_trouble_over(source.c_str(), kTrouble);
}

// Anybody who may log in is a task of the service that let him in: who is neither root nor the user that
// the service runs as cannot make its policy act.
bool Clients::may_judge(const LinkMessage& message) const {
    auto found = mains_.find(message.service);
    if (message.uid == 0) return true;
    char path[32];
    struct stat facts {};
    if (found == mains_.end() || found->second.pid <= 0) return false;
    std::snprintf(path, sizeof path, "/proc/%d", found->second.pid);
    return stat(path, &facts) == 0 && facts.st_uid == message.uid;
}

// False: such things have been told too often in this minute.
bool Clients::may_tell() {
    std::int64_t minute = host_->now_ms() / 60'000;
    if (minute != told_minute_) told_minute_ = minute, told_ = 0;
    return told_++ < 20;
}

void Clients::verdict(const LinkMessage& message) {
    char evidence[200];
    describe(message, evidence, sizeof evidence);
    if (ending_) return; // everything ends now
    if (message.start == 0) {
        of_machine(message, message.label, evidence);
        return;
    }
    auto found = mains_.find(message.service);
    bool died = message.what == static_cast<std::uint16_t>(Verdict::died);
    if (died && found != mains_.end() && found->second.start == message.start &&
        found->second.pid == message.pid) {
        say(LEASH_INFO, "%s: the main process of %s, whose exits are answered by `restart`", evidence,
            message.service);
        return;
    }
    if (!may_judge(message)) {
        if (may_tell())
            say(LEASH_WARNING, "%s; it is not of the user that %s runs as: only reported", evidence,
                message.service);
        return;
    }
    remember(message);
    rest_->judged(message.code, message.pid, message.id, message.label);
    int error = host_->trouble(message.start, kTrouble, evidence);
    // Its start is over: whatever was to be done about it has been done.
    if (error == -ESRCH) say(LEASH_INFO, "%s; that start of %s is over", evidence, message.service);
    else if (error != 0)
        say(LEASH_ERROR, "%s: %s: %s", message.service, evidence, std::strerror(-error));
}

void Clients::of_machine(const LinkMessage& message, const char* label, const char* evidence) {
    if (message.uid != 0) {
        if (may_tell())
            say(LEASH_WARNING, "%s; it is of no service and not root's: only reported", evidence);
        return;
    }
    remember(message);
    rest_->judged(message.code, message.pid, message.id, label);
    auto source = std::string("client ") + label;
    int error = host_->machine_trouble(source.c_str(), kTrouble, policy_.c_str(), evidence);
    if (error == 0) return;
    // A host that does not know troubles of the machine can end it all the same.
    say(LEASH_ERROR, "%s; `client-policy = %s` cannot be followed (%s)", evidence, policy_.c_str(),
        std::strerror(-error));
    if (error == -ENOSYS && policy_.rfind("report", 0) != 0)
        host_->end_machine(LEASH_END_REBOOT, kTrouble, evidence);
}

LinkMessage Clients::answer_to(const LinkMessage& question) {
    LinkMessage answer;
    answer.kind = Kind::answer;
    answer.serial = question.serial;
    int error = 0;
    switch (question.command) {
    case kEnable: {
        char why[160] = "";
        if (question.id != 0 && question.id != 1) {
            error = -EINVAL;
            break;
        }
        error = rest_->set_enabled(question.id == 1, why, sizeof why);
        say(LEASH_NOTICE, "pid %d %s the WDT%s%s", question.pid,
            question.id == 1 ? "enables" : "disables", error == 0 ? "" : ": ",
            error == 0 ? "" : why[0] != '\0' ? why : std::strerror(-error));
        if (error == 0) note_enabled();
        break;
    }
    case kStatus: answer.value = rest_->enabled() ? 1 : 0; break;
    case kSetDebug: error = rest_->set_loglevel(question.id != 0 ? LEASH_DEBUG : LEASH_NOTICE); break;
    case kGetDebug: answer.value = rest_->loglevel() == LEASH_DEBUG ? 1 : 0; break;
    case kSetLoglevel: error = rest_->set_loglevel(question.id); break;
    case kGetLoglevel: answer.value = static_cast<std::uint32_t>(rest_->loglevel()); break;
    case kReason:
    case kReasonRaw: {
        Reason reason;
        error = rest_->reason(question.command == kReasonRaw, reason);
        answer.value = reason.counter;
        answer.wid = reason.wid;
        answer.code = reason.code;
        answer.time = reason.time;
        std::memcpy(answer.label, reason.label, sizeof answer.label - 1);
        break;
    }
    case kCounter: error = rest_->counter(answer.value); break;
    case kClear: error = rest_->clear(); break;
    case kReload: error = rest_->reload(); break;
    default:
        if (question.command > kFailed && question.command <= kFailedLast)
            error = rest_->fail(static_cast<std::uint32_t>(question.command - kFailed), question.pid,
                                question.label);
        else error = -EBADMSG;
        break;
    }
    answer.error = -error;
    return answer;
}

} // namespace leash_clients
