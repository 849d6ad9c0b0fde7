// SPDX-License-Identifier: MIT
// The monitor plugin: the sections [monitor NAME] go to a helper, which takes all samples; what it
// reports is judged here, and what is bad for long enough becomes trouble of the machine with the
// policies on-warning and on-critical.
//
//   settings      a section as values          samples      what the helper looks at
//   levels        from samples to a level      proc_text    what the kernel tells, as values
//   helper        the process                  report       what it tells
//
// A level that was reached stands until it is left: PID 1 knows a trouble by "monitor NAME" and the
// type (critical) or the type and "-warning". New settings count at once: the helper is started anew,
// and by its first samples what stands is judged anew. What has no section any more is over.
#include "levels.h"
#include "plugin/leash_plugin.h"
#include "report.h"
#include "settings.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace leash_monitor {

namespace {

constexpr const char* kHelper = "/usr/lib/leash/leash-monitor";
constexpr std::uint64_t kCookieReports = 1, kCookieHelper = 2, kTimerStart = 3, kTimerSilence = 4;
constexpr std::int64_t kFirstPause = 1'000, kLongestPause = 60'000, kSilence = 20'000;
const leash_host* g_host = nullptr;

__attribute__((format(printf, 2, 3))) void say(leash_level level, const char* format, ...) {
    char text[400];
    va_list args;
    va_start(args, format);
    std::vsnprintf(text, sizeof text, format, args);
    va_end(args);
    g_host->log(level, text);
}

std::string json_text(std::string_view text) {
    std::string json = "\"";
    for (char c : text) {
        if (c == '"' || c == '\\') json += '\\';
        json += static_cast<unsigned char>(c) < ' ' ? '?' : c;
    }
    return json + '"';
}

std::string json_number(std::optional<double> number) {
    if (!number) return "null";
    char text[32];
    std::snprintf(text, sizeof text, "%.15g", std::clamp(*number, -1e15, 1e15));
    return text;
}

struct Monitor {
    explicit Monitor(Settings given) : settings(std::move(given)), judge(settings) {}
    Settings settings;
    Judge judge;
    std::string source() const { return "monitor " + settings.name; }
    bool warned = false, called_critical = false; // these troubles stand
    double value = 0;
    bool measured = false, tried = false;
    std::int64_t since_ms = 0;
    std::string text, error; // of the last sample; why there was none
};

// What survives a re-exec of PID 1, beside the helper and its socket.
struct Saved {
    std::uint32_t magic = 0x6d6f6e32; // "mon2"
    std::uint32_t settings = 0;       // their hash: the helper has these
    std::int32_t helper = 0;
    std::uint32_t count = 0;
    std::uint32_t brought_up = 0; // modules and mounts are there
    std::uint8_t level[kMostMonitors] = {};
    std::uint8_t told[kMostMonitors] = {}; // 1: warning, 2: critical
};
static_assert(sizeof(Saved) <= LEASH_PLUGIN_STATE);

class Plugin {
  public:
    int start(const void* saved, std::size_t length);
    void event(const leash_event& event);
    int command(const leash_command& command) const;

  private:
    void read_sections();
    void reconfigure();
    void end_troubles(Monitor& monitor);
    void end_helper();
    bool resume(const void* saved, std::size_t length);
    void start_helper();
    void restart_later(const char* why);
    void drop_socket();
    void read_reports();
    void take(const Report& report);
    void act(Monitor& monitor, Level before);
    void call(Monitor& monitor, bool& stands, bool wanted, const std::string& kind,
              const std::string& policy);
    void show();
    void save();

    std::vector<Monitor> monitors_;
    std::string lines_;
    int socket_ = -1;
    std::int32_t helper_ = 0;
    std::int64_t pause_ = kFirstPause, heard_ = 0, started_ = 0;
    bool brought_up_ = false; // before, a disk that is not mounted yet would be judged
    bool going_down_ = false, bad_report_told_ = false;
};

std::unique_ptr<Plugin> g_plugin;

std::uint32_t hash_of(std::string_view text) { // FNV-1a
    std::uint32_t hash = 2'166'136'261u;
    for (char c : text)
        hash = (hash ^ static_cast<unsigned char>(c)) * 16'777'619u;
    return hash;
}

void Plugin::read_sections() {
    for (std::uint32_t i = 0; const char* label = g_host->section(i); ++i) {
        std::string name(label);
        Lookup lookup = [&](const char* key) { return g_host->config_in(name.c_str(), key); };
        Settings settings;
        if (auto fault = read_settings(name, lookup, settings); !fault.empty()) {
            say(LEASH_ERROR, "[monitor %s]: %s: it is left out", label, fault.c_str());
            continue;
        }
        auto lines = lines_of(name, lookup);
        if (!settings.enabled) continue;
        if (monitors_.size() == kMostMonitors || lines_.size() + lines.size() > kMostSettings) {
            say(LEASH_ERROR, "[monitor %s]: no more than %zu monitors: it is left out", label,
                kMostMonitors);
            continue;
        }
        lines_ += lines;
        monitors_.emplace_back(std::move(settings));
    }
}

void Plugin::end_troubles(Monitor& monitor) {
    std::string kind = to_string(monitor.settings.type);
    call(monitor, monitor.called_critical, false, kind, "");
    call(monitor, monitor.warned, false, kind + "-warning", "");
}

// It ends by itself once its socket is closed, if it does not stand still.
void Plugin::end_helper() {
    drop_socket();
    if (helper_ > 1) kill(helper_, SIGKILL);
    helper_ = 0;
    g_host->set_timer(kTimerStart, -1);
    g_host->set_timer(kTimerSilence, -1);
}

void Plugin::reconfigure() {
    auto before = std::exchange(monitors_, {});
    auto lines = std::exchange(lines_, {});
    read_sections();
    for (auto& old : before) {
        auto same = std::ranges::find_if(monitors_, [&](const Monitor& monitor) {
            return monitor.settings.name == old.settings.name &&
                   monitor.settings.type == old.settings.type;
        });
        if (same == monitors_.end()) {
            end_troubles(old);
            continue;
        }
        // Where it is now is where it was; with other thresholds the next sample says where it belongs.
        bool same_thresholds = same->settings.warning == old.settings.warning &&
                               same->settings.critical == old.settings.critical;
        if (same_thresholds) same->judge.resume(old.judge.level());
        else same->judge.resume_to_judge_anew(old.judge.level());
        same->warned = old.warned;
        same->called_critical = old.called_critical;
        same->value = old.value;
        same->measured = old.measured;
        same->since_ms = old.since_ms;
        same->text = old.text;
    }
    if (lines == lines_) return;
    say(LEASH_NOTICE, "the sections of init.conf have changed: %zu monitors", monitors_.size());
    end_helper();
    pause_ = kFirstPause;
    if (!monitors_.empty() && brought_up_ && !going_down_) start_helper();
    save();
    show();
}

int Plugin::start(const void* saved, std::size_t length) {
    read_sections();
    if (!resume(saved, length) && !monitors_.empty() && brought_up_) start_helper();
    show();
    return 0;
}

// True: the helper of the earlier life goes on.
bool Plugin::resume(const void* saved, std::size_t length) {
    int fd = g_host->saved_fd("reports");
    Saved before;
    bool known = saved != nullptr && length == sizeof before;
    if (known) {
        std::memcpy(&before, saved, sizeof before);
        known = before.magic == Saved{}.magic;
    }
    brought_up_ = known && before.brought_up != 0;
    bool same = known && before.settings == hash_of(lines_) && before.count == monitors_.size();
    for (std::size_t i = 0; same && i < monitors_.size(); ++i) {
        monitors_[i].judge.resume(static_cast<Level>(std::min<int>(before.level[i], 2)));
        monitors_[i].warned = (before.told[i] & 1) != 0;
        monitors_[i].called_critical = (before.told[i] & 2) != 0;
        monitors_[i].since_ms = g_host->now_ms();
    }
    // What was told under other settings is not known to stand any more. What does is told anew.
    for (std::size_t i = 0; known && !same && i < monitors_.size(); ++i) {
        auto source = monitors_[i].source();
        std::string kind = to_string(monitors_[i].settings.type);
        g_host->machine_trouble_over(source.c_str(), kind.c_str());
        g_host->machine_trouble_over(source.c_str(), (kind + "-warning").c_str());
    }
    if (same && fd >= 0 && before.helper > 1 && g_host->watch_fd(fd, kCookieReports) == 0) {
        socket_ = fd;
        helper_ = before.helper;
        heard_ = started_ = g_host->now_ms();
        g_host->set_timer(kTimerSilence, heard_ + kSilence);
        return true;
    }
    if (fd >= 0) {
        g_host->save_fd("reports", -1);
        close(fd); // its helper notices, and ends
    }
    return false;
}

void Plugin::start_helper() {
    int ends[2] = {-1, -1};
    int text = memfd_create("monitors", MFD_CLOEXEC);
    const auto size = static_cast<ssize_t>(lines_.size());
    bool good = text >= 0 && write(text, lines_.data(), lines_.size()) == size &&
                socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0;
    int pid = -errno;
    if (good) {
        const char* program = g_host->config("helper"); // no key of init.conf: for tests
        const char* root = g_host->config("root");
        if (program == nullptr) program = kHelper;
        const char* const argv[] = {"leash-monitor", root, nullptr};
        const std::int32_t fds[] = {ends[1], text};
        leash_helper helper{};
        helper.size = sizeof helper;
        helper.path = program;
        helper.exec_fd = -1;
        helper.argv = argv;
        helper.fds = fds;
        helper.fd_count = 2;
        helper.cookie = kCookieHelper;
        pid = g_host->spawn_helper(&helper);
    }
    if (text >= 0) close(text);
    if (ends[1] >= 0) close(ends[1]);
    if (pid <= 0) {
        if (ends[0] >= 0) close(ends[0]);
        return restart_later(std::strerror(-pid));
    }
    socket_ = ends[0];
    helper_ = pid;
    heard_ = started_ = g_host->now_ms();
    g_host->save_fd("reports", socket_);
    g_host->watch_fd(socket_, kCookieReports);
    g_host->set_timer(kTimerSilence, heard_ + kSilence);
    save();
}

void Plugin::drop_socket() {
    if (socket_ < 0) return;
    g_host->unwatch_fd(socket_);
    g_host->save_fd("reports", -1);
    close(socket_);
    socket_ = -1;
}

// What stands, stands: nobody can say that it is over.
void Plugin::restart_later(const char* why) {
    auto now = g_host->now_ms();
    if (started_ > 0 && now - started_ > kLongestPause) pause_ = kFirstPause;
    say(LEASH_ERROR, "leash-monitor: %s; nothing is looked at until it is started again, in %lld s",
        why, static_cast<long long>(pause_ / 1000));
    g_host->set_timer(kTimerStart, now + pause_);
    g_host->set_timer(kTimerSilence, -1);
    pause_ = std::min(pause_ * 2, kLongestPause);
}

void Plugin::read_reports() {
    for (int i = 0; i < 64; ++i) { // a flood has to wait for the next round
        char bytes[sizeof(Report) + 1];
        auto got = recv(socket_, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got < 0) return;
        if (got == 0) return drop_socket(); // its exit is told in a moment
        Report report;
        if (!read_report(bytes, static_cast<std::size_t>(got), monitors_.size(), report)) {
            if (!std::exchange(bad_report_told_, true))
                say(LEASH_ERROR, "leash-monitor has sent something that is no report");
            continue;
        }
        heard_ = g_host->now_ms();
        if (report.monitor != Report::kBeat) take(report);
    }
}

void Plugin::take(const Report& report) {
    auto& monitor = monitors_[report.monitor];
    monitor.tried = true;
    if (report.measured == 0) {
        if (monitor.error != report.text)
            say(LEASH_WARNING, "%s: nothing could be measured: %s", monitor.source().c_str(),
                report.text);
        monitor.error = report.text;
        return;
    }
    monitor.measured = true;
    monitor.error.clear();
    monitor.value = report.value;
    monitor.text = report.text;
    char service[LEASH_NAME_SIZE];
    if (report.pid > 0 && g_host->whose(report.pid, service, sizeof service, nullptr) == 0)
        monitor.text += std::string(", of service ") + service;
    auto before = monitor.judge.level();
    monitor.judge.update(report.value, static_cast<Level>(report.fault),
                         static_cast<Level>(report.cap), heard_);
    if (monitor.judge.level() != before) monitor.since_ms = heard_;
    act(monitor, before);
}

void Plugin::call(Monitor& monitor, bool& stands, bool wanted, const std::string& kind,
                  const std::string& policy) {
    if (stands == wanted) return;
    auto source = monitor.source();
    if (!wanted) {
        g_host->machine_trouble_over(source.c_str(), kind.c_str());
        stands = false;
    } else {
        stands = g_host->machine_trouble(source.c_str(), kind.c_str(), policy.c_str(),
                                         monitor.text.c_str()) == 0;
    }
}

// Who goes straight to critical is not told of as a warning, too.
void Plugin::act(Monitor& monitor, Level before) {
    auto level = monitor.judge.level();
    std::string kind = to_string(monitor.settings.type);
    bool warns = level == Level::warning || (level == Level::critical && monitor.warned);
    call(monitor, monitor.called_critical, level == Level::critical, kind,
         monitor.settings.on_critical);
    call(monitor, monitor.warned, warns, kind + "-warning", monitor.settings.on_warning);
    if (level == before) return;
    save();
    show();
}

void Plugin::show() {
    std::string bad;
    for (const auto& monitor : monitors_) {
        if (monitor.judge.level() == Level::ok) continue;
        bad += bad.empty() ? "" : "; ";
        bad += monitor.settings.name + " " + to_string(monitor.judge.level()) + ": " + monitor.text;
    }
    auto text = std::to_string(monitors_.size()) + " monitors, " + (bad.empty() ? "all well" : bad);
    if (helper_ == 0 && !monitors_.empty()) text += " (leash-monitor does not run)";
    g_host->set_status("monitor", text.substr(0, 400).c_str());
}

void Plugin::save() {
    Saved saved;
    saved.settings = hash_of(lines_);
    saved.helper = helper_;
    saved.brought_up = brought_up_ ? 1 : 0;
    saved.count = static_cast<std::uint32_t>(monitors_.size());
    for (std::size_t i = 0; i < monitors_.size(); ++i) {
        saved.level[i] = static_cast<std::uint8_t>(monitors_[i].judge.level());
        saved.told[i] = static_cast<std::uint8_t>((monitors_[i].warned ? 1 : 0) |
                                                  (monitors_[i].called_critical ? 2 : 0));
    }
    g_host->save_state(&saved, sizeof saved);
}

void Plugin::event(const leash_event& event) {
    switch (event.type) {
    case LEASH_EVENT_BROUGHT_UP: // after a soft reboot, too
        brought_up_ = true;
        going_down_ = false;
        if (helper_ == 0 && !monitors_.empty()) start_helper();
        save();
        show();
        break;
    case LEASH_EVENT_CONFIG:
        reconfigure();
        break;
    case LEASH_EVENT_READABLE:
        if (socket_ >= 0 && !going_down_) read_reports();
        break;
    case LEASH_EVENT_HELPER_EXIT: {
        if (event.main_pid != helper_) break;
        helper_ = 0;
        drop_socket();
        if (going_down_) break;
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
        if (going_down_) break;
        if (event.cookie == kTimerStart && helper_ == 0) {
            start_helper();
            show();
        } else if (event.cookie == kTimerSilence && helper_ != 0) {
            if (socket_ >= 0) read_reports(); // after a stall of PID 1 they lie there
            if (event.now_ms - heard_ >= kSilence) {
                say(LEASH_ERROR, "leash-monitor has said nothing for %lld s: it is killed",
                    static_cast<long long>(kSilence / 1000));
                kill(helper_, SIGKILL);
            } else {
                g_host->set_timer(kTimerSilence, heard_ + kSilence);
            }
        }
        break;
    case LEASH_EVENT_SHUTDOWN: // what looks at file systems would keep them busy
        going_down_ = true;
        brought_up_ = false; // should user space alone begin anew
        drop_socket();
        if (helper_ > 1) kill(helper_, SIGKILL);
        break;
    default:
        break;
    }
}

int Plugin::command(const leash_command& command) const {
    bool status =
        command.argc == 0 || (command.argc == 1 && std::strcmp(command.argv[0], "status") == 0);
    if (!status) {
        command.message(&command, "usage: initctl plugin monitor status");
        return 2;
    }
    auto now = g_host->now_ms();
    std::string people;
    for (const auto& monitor : monitors_) {
        const auto& settings = monitor.settings;
        auto value = monitor.measured ? std::optional(monitor.value) : std::nullopt;
        std::string line =
            "{\"name\":" + json_text(settings.name) +
            ",\"type\":" + json_text(to_string(settings.type)) +
            ",\"value\":" + json_number(value) + ",\"warning\":" + json_number(settings.warning) +
            ",\"critical\":" + json_number(settings.critical) +
            ",\"level\":" + json_text(to_string(monitor.judge.level())) +
            ",\"since_ms\":" + std::to_string(monitor.since_ms > 0 ? now - monitor.since_ms : 0) +
            ",\"text\":" + json_text(monitor.text) + ",\"error\":" +
            (monitor.error.empty() ? std::string("null") : json_text(monitor.error)) + "}";
        command.line(&command, line.c_str());
        people += settings.name + ": " + to_string(monitor.judge.level()) + ": ";
        people += !monitor.error.empty() ? monitor.error
                  : monitor.tried        ? monitor.text
                                         : std::string("nothing is known yet");
        people += "\n";
    }
    if (!people.empty()) people.pop_back();
    command.message(&command, people.empty() ? "there are no monitors" : people.c_str());
    return 0;
}

int start(const leash_host* host, const void* saved, std::size_t length) {
    if (host->size < sizeof(leash_host)) return -EPROTO;
    g_host = host;
    g_plugin = std::make_unique<Plugin>();
    return g_plugin->start(saved, length);
}

void event(const leash_event* event) {
    if (g_plugin) g_plugin->event(*event);
}

int command(const leash_command* command) {
    return g_plugin ? g_plugin->command(*command) : 1;
}

} // namespace

} // namespace leash_monitor

extern "C" const struct leash_plugin* leash_plugin_entry(void) {
    static const leash_plugin plugin = [] {
        leash_plugin filled{};
        filled.size = sizeof filled;
        filled.abi = LEASH_PLUGIN_ABI;
        filled.name = "monitor";
        filled.description = "Looks at the machine: load, memory, disks, heat, scripts";
        filled.start = leash_monitor::start;
        filled.event = leash_monitor::event;
        filled.command = leash_monitor::command;
        return filled;
    }();
    return &plugin;
}
