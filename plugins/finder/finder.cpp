// SPDX-License-Identifier: MIT
// The finder plugin: tells its helper, leash-finder, which starts there are and what their services'
// files say about hogs, leaks and hangs; what the helper finds becomes trouble of that start.
//
//   wire     what the two tell each other
//   told     what init has been told already
//
// The helper is started with the first start that has anything to look for. It survives a re-exec of
// PID 1, as does what init knows to be answered: the policies are not taken twice.
#include "plugin/leash_plugin.h"
#include "told.h"
#include "wire.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string_view>

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace leash_finder {

namespace {

constexpr const char* kHelper = "/usr/lib/leash/leash-finder";
constexpr std::uint64_t kCookieReports = 1, kCookieHelper = 2, kTimerStart = 3, kTimerSilence = 4,
                        kTimerSend = 5;
constexpr std::int64_t kFirstPause = 1'000, kLongestPause = 60'000, kLeastSilence = 20'000;
constexpr std::int64_t kSettled = 5'000; // after a re-exec: all starts and findings are known again
constexpr std::size_t kMostStarts = 2048;
constexpr const char* kKinds[] = {"cpu-hog", "memory-hog", "memory-leak", "fd-hog", "fd-leak",
                                  "shm-hog", "task-hog", "stuck", "stopped", "livelock", "deadlock",
                                  "no-task", "stray", "unusual"};
const leash_host* g_host = nullptr;

__attribute__((format(printf, 2, 3))) void say(leash_level level, const char* format, ...) {
    char text[400];
    va_list args;
    va_start(args, format);
    std::vsnprintf(text, sizeof text, format, args);
    va_end(args);
    g_host->log(level, text);
}

// What survives a re-exec of PID 1, beside the helper and its socket.
struct Saved {
    std::uint32_t magic = 0x66696e33;
    std::int32_t helper = 0;
};

// "500ms", "2s", "1m" of a value that has been checked.
std::int64_t milliseconds(const char* text, std::int64_t otherwise) {
    if (text == nullptr) return otherwise;
    char* rest = nullptr;
    long number = std::strtol(text, &rest, 10);
    std::string_view unit(rest);
    while (unit.starts_with(' ')) unit.remove_prefix(1);
    if (rest == text || number < 0 || number > 1'000'000) return otherwise;
    if (unit == "ms") return number;
    if (unit == "s") return number * 1'000;
    if (unit == "m") return number * 60'000;
    return otherwise;
}

std::uint64_t bytes(const char* text, std::uint64_t otherwise) {
    if (text == nullptr) return otherwise;
    char* rest = nullptr;
    unsigned long long number = std::strtoull(text, &rest, 10);
    if (rest == text) return otherwise;
    while (*rest == ' ') ++rest;
    switch (*rest) {
    case 0: return number;
    case 'k': case 'K': return number << 10;
    case 'm': case 'M': return number << 20;
    case 'g': case 'G': return number << 30;
    default: return otherwise;
    }
}

class Plugin {
  public:
    Plugin()
        : told_({[](std::uint64_t start, const std::string& kind, int percent, const char* evidence) {
                     return g_host->trouble_at(start, kind.c_str(), percent, evidence);
                 },
                 [](std::uint64_t start, const std::string& kind) {
                     g_host->trouble_over(start, kind.c_str());
                 }}) {}

    int start(const void* saved, std::size_t length);
    void event(const leash_event& event);

  private:
    struct Start {
        std::string service, settings;
        std::int32_t main_pid = 0;
        bool sent = false;
    };
    void read_config();
    bool resume(const void* saved, std::size_t length);
    void start_helper();
    void end_helper();
    void restart_later(const char* why);
    void drop_socket();
    void service_changed(const leash_event& event);
    void send_starts();
    bool send(const Order& order);
    void order(Order::What what);
    void read_reports();
    void looked(const Report& report);
    void show();
    [[nodiscard]] std::int64_t silence() const { return std::max(kLeastSilence, 10 * interval_); }

    Told told_;
    std::map<std::uint64_t, Start> starts_;
    bool enabled_ = true, going_down_ = false, bad_report_told_ = false;
    std::int64_t interval_ = 1'000;
    std::uint64_t memory_ = 64 << 20;
    int socket_ = -1;
    std::int32_t helper_ = 0;
    std::int64_t pause_ = kFirstPause, heard_ = 0, started_ = 0;
    std::int64_t settle_at_ = 0; // 0: no earlier life of PID 1 has to be made up for
    // Of the looks since the status was shown last.
    std::uint64_t cost_ns_ = 0, span_ns_ = 0, looks_ = 0, shown_standing_ = 0;
    Report last_{};
};

std::unique_ptr<Plugin> g_plugin;

void Plugin::read_config() {
    const char* enabled = g_host->config("enabled");
    enabled_ = enabled == nullptr || std::strcmp(enabled, "no") != 0;
    interval_ = milliseconds(g_host->config("interval"), 1'000);
    memory_ = bytes(g_host->config("memory-limit"), 64 << 20);
}

int Plugin::start(const void* saved, std::size_t length) {
    read_config();
    resume(saved, length);
    show();
    return 0;
}

bool Plugin::resume(const void* saved, std::size_t length) {
    int fd = g_host->saved_fd("finder");
    Saved before;
    bool known = saved != nullptr && length == sizeof before;
    if (known) std::memcpy(&before, saved, sizeof before);
    known = known && before.magic == Saved{}.magic;
    if (saved != nullptr || fd >= 0) settle_at_ = g_host->now_ms() + std::max(kSettled, 3 * interval_);
    if (fd < 0) return false;
    if (known && enabled_ && before.helper > 1 && g_host->watch_fd(fd, kCookieReports) == 0) {
        socket_ = fd;
        helper_ = before.helper;
        heard_ = started_ = g_host->now_ms();
        g_host->set_timer(kTimerSilence, heard_ + silence());
        order(Order::anew);
        order(Order::pace);
        return true;
    }
    g_host->save_fd("finder", -1);
    close(fd); // its helper notices, and ends
    return false;
}

void Plugin::start_helper() {
    int ends[2] = {-1, -1};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0)
        return restart_later(std::strerror(errno));
    const char* program = g_host->config("helper"); // no key of init.conf: for tests
    char memory[32];
    std::snprintf(memory, sizeof memory, "%llu", static_cast<unsigned long long>(memory_));
    const char* const argv[] = {"leash-finder", memory, nullptr};
    const std::int32_t fds[] = {ends[1]};
    leash_helper helper{};
    helper.size = sizeof helper;
    helper.path = program == nullptr ? kHelper : program;
    helper.exec_fd = -1;
    helper.argv = argv;
    helper.fds = fds;
    helper.fd_count = 1;
    helper.cookie = kCookieHelper;
    int pid = g_host->spawn_helper(&helper);
    close(ends[1]);
    if (pid <= 0) {
        close(ends[0]);
        return restart_later(std::strerror(-pid));
    }
    socket_ = ends[0];
    helper_ = pid;
    heard_ = started_ = g_host->now_ms();
    g_host->save_fd("finder", socket_);
    g_host->watch_fd(socket_, kCookieReports);
    g_host->set_timer(kTimerSilence, heard_ + silence());
    Saved saved;
    saved.helper = helper_;
    g_host->save_state(&saved, sizeof saved);
    // Its windows are empty: it has to see again what init was told in an earlier life.
    if (settle_at_ != 0) settle_at_ = heard_ + Told::kBlindFor;
    order(Order::pace);
    for (auto& [id, start] : starts_) start.sent = false;
    send_starts();
}

void Plugin::drop_socket() {
    if (socket_ < 0) return;
    g_host->unwatch_fd(socket_);
    g_host->save_fd("finder", -1);
    close(socket_);
    socket_ = -1;
}

void Plugin::restart_later(const char* why) {
    auto now = g_host->now_ms();
    if (started_ > 0 && now - started_ > kLongestPause) pause_ = kFirstPause;
    say(LEASH_ERROR, "leash-finder: %s; nothing is looked for until it is started again, in %lld s", why,
        static_cast<long long>(pause_ / 1000));
    told_.helper_lost(now);
    g_host->set_timer(kTimerStart, now + pause_);
    g_host->set_timer(kTimerSilence, -1);
    pause_ = std::min(pause_ * 2, kLongestPause);
}

bool Plugin::send(const Order& order) {
    return socket_ >= 0 &&
           ::send(socket_, &order, sizeof order, MSG_DONTWAIT | MSG_NOSIGNAL) == sizeof order;
}

void Plugin::order(Order::What what) {
    Order order;
    order.what = what;
    order.interval_ms = static_cast<std::uint32_t>(interval_);
    send(order);
}

// What does not fit into the socket now has its turn a moment later.
void Plugin::send_starts() {
    if (socket_ < 0) return;
    for (auto& [id, start] : starts_) {
        if (start.sent) continue;
        Order order;
        order.what = Order::watch;
        order.start = id;
        order.main_pid = start.main_pid;
        std::strncpy(order.service, start.service.c_str(), sizeof order.service - 1);
        std::strncpy(order.settings, start.settings.c_str(), sizeof order.settings - 1);
        start.sent = send(order);
        if (start.sent) continue;
        g_host->set_timer(kTimerSend, g_host->now_ms() + 100);
        return;
    }
}

void Plugin::service_changed(const leash_event& event) {
    if (event.start == 0) return;
    bool lives = event.state == LEASH_STARTING || event.state == LEASH_RUNNING ||
                 event.state == LEASH_RELOADING;
    if (!lives || event.finder[0] == 0) {
        if (starts_.erase(event.start) == 0) return;
        told_.forget(event.start);
        Order order;
        order.what = Order::drop;
        order.start = event.start;
        send(order); // if it is lost: what has no task any more is only ever told to nobody
        return;
    }
    if (!starts_.contains(event.start) && starts_.size() == kMostStarts) return;
    auto& start = starts_[event.start];
    start = {event.name, event.finder, event.main_pid, false};
    if (start.settings.size() >= sizeof Order{}.settings) start.settings.clear();
    if (!enabled_ || going_down_) return;
    if (helper_ == 0 && started_ == 0) return start_helper();
    send_starts();
}

void Plugin::read_reports() {
    for (int i = 0; i < 256; ++i) { // a flood has to wait for the next round
        char bytes[sizeof(Report) + 1];
        auto got = recv(socket_, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got < 0) return;
        if (got == 0) return drop_socket(); // its exit is told in a moment
        Report report;
        if (!read_report(bytes, static_cast<std::size_t>(got), report)) {
            if (!bad_report_told_) say(LEASH_ERROR, "leash-finder has told nonsense: it is ignored");
            bad_report_told_ = true;
            continue;
        }
        heard_ = g_host->now_ms();
        if (report.what == Report::looked) looked(report);
        else if (report.what == Report::found && starts_.contains(report.start))
            told_.found(report, heard_, 3 * interval_);
    }
}

void Plugin::looked(const Report& report) {
    told_.looked(heard_);
    // What an earlier life of PID 1 was told, and is no more.
    if (settle_at_ != 0 && heard_ >= settle_at_) {
        settle_at_ = 0;
        for (const auto& [id, start] : starts_)
            for (const char* kind : kKinds)
                if (!told_.knows(id, kind)) g_host->trouble_over(id, kind);
    }
    if (pause_ != kFirstPause && heard_ - started_ > kLongestPause) pause_ = kFirstPause;
    last_ = report;
    cost_ns_ += report.cost_ns;
    span_ns_ += report.span_ns;
    ++looks_;
    if (looks_ >= 10 || told_.standing() != shown_standing_) show();
}

void Plugin::show() {
    if (!enabled_) return g_host->set_status("finder", "off ([finder] enabled = no)");
    if (helper_ == 0) return g_host->set_status("finder", started_ == 0 ? "" : "its helper is down");
    char text[300];
    shown_standing_ = told_.standing();
    double looks = looks_ == 0 ? 1 : static_cast<double>(looks_);
    std::snprintf(text, sizeof text,
                  "%s, %u processes of %u starts, %.2f ms a look, %.2f %% of a CPU; troubles: %llu",
                  last_.subjects == 0 ? "nothing seen yet"
                  : last_.by_module != 0 ? "by the kernel module"
                                         : "by /proc and cgroups",
                  last_.tasks, last_.subjects, static_cast<double>(cost_ns_) / looks / 1e6,
                  span_ns_ == 0 ? 0.0
                                : 100.0 * static_cast<double>(cost_ns_) / static_cast<double>(span_ns_),
                  static_cast<unsigned long long>(shown_standing_));
    g_host->set_status("finder", text);
    if (looks_ >= 10) cost_ns_ = span_ns_ = looks_ = 0;
}

void Plugin::end_helper() {
    g_host->set_timer(kTimerSilence, -1);
    g_host->set_timer(kTimerStart, -1);
    drop_socket();
    if (helper_ > 1) kill(helper_, SIGKILL); // it may stand still; its exit is nobody's business then
    helper_ = 0;
    started_ = 0;
}

void Plugin::event(const leash_event& event) {
    switch (event.type) {
    case LEASH_EVENT_SERVICE_STATE: service_changed(event); break;
    case LEASH_EVENT_READABLE:
        if (socket_ >= 0) read_reports();
        break;
    case LEASH_EVENT_HELPER_EXIT: {
        if (event.main_pid != helper_) break;
        helper_ = 0;
        drop_socket();
        if (going_down_ || !enabled_) break;
        char why[64];
        if (WIFSIGNALED(event.status))
            std::snprintf(why, sizeof why, "was killed by signal %d", WTERMSIG(event.status));
        else
            std::snprintf(why, sizeof why, "ended with status %d", WEXITSTATUS(event.status));
        restart_later(why);
        show();
        break;
    }
    case LEASH_EVENT_TIMER:
        if (going_down_ || !enabled_) break;
        if (event.cookie == kTimerSend) {
            send_starts();
        } else if (event.cookie == kTimerStart && helper_ == 0) {
            start_helper();
            show();
        } else if (event.cookie == kTimerSilence && helper_ != 0) {
            if (socket_ >= 0) read_reports(); // after a stall of PID 1 they lie there
            if (event.now_ms - heard_ >= silence()) {
                say(LEASH_ERROR, "leash-finder has said nothing for %lld s: it is killed",
                    static_cast<long long>(silence() / 1000));
                kill(helper_, SIGKILL);
            }
            auto since = event.now_ms - heard_ >= silence() ? event.now_ms : heard_;
            g_host->set_timer(kTimerSilence, since + silence());
        }
        break;
    case LEASH_EVENT_CONFIG: {
        bool before = enabled_;
        read_config();
        if (enabled_ && helper_ != 0) order(Order::pace);
        if (before && !enabled_) {
            for (const auto& [id, start] : starts_) {
                for (const char* kind : kKinds)
                    if (told_.knows(id, kind)) g_host->trouble_over(id, kind);
                told_.forget(id);
            }
            end_helper();
        }
        if (!before && enabled_ && helper_ == 0 && !starts_.empty()) start_helper();
        show();
        break;
    }
    case LEASH_EVENT_SHUTDOWN:
        going_down_ = true;
        end_helper();
        break;
    case LEASH_EVENT_BROUGHT_UP: // after a soft reboot
        going_down_ = false;
        if (enabled_ && helper_ == 0 && !starts_.empty()) start_helper();
        break;
    default: break;
    }
}

int start(const leash_host* host, const void* saved, std::size_t length) {
    if (host->size < sizeof(leash_host)) return -EPROTO;
    g_host = host;
    g_plugin = std::make_unique<Plugin>();
    return g_plugin->start(saved, length);
}

void event(const leash_event* event) {
    if (g_plugin && event->size >= sizeof *event) g_plugin->event(*event);
}

} // namespace

} // namespace leash_finder

extern "C" const struct leash_plugin* leash_plugin_entry(void) {
    static const leash_plugin plugin = [] {
        leash_plugin filled{};
        filled.size = sizeof filled;
        filled.abi = LEASH_PLUGIN_ABI;
        filled.name = "finder";
        filled.description = "Finds hogs, leaks and hangs among the tasks of services";
        filled.start = leash_finder::start;
        filled.event = leash_finder::event;
        return filled;
    }();
    return &plugin;
}
