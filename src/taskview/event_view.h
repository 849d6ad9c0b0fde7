// SPDX-License-Identifier: MIT
// Events as they happen: what is watched, whose names they get, and when it is enough.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "base/clock.h"
#include "taskview/task_source.h"

namespace leash::taskview {

// The kernel module's events, or what a test puts in its place.
class EventSource {
  public:
    virtual ~EventSource() = default;
    struct Watch {
        std::string service; // "": not by service
        pid_t pid = 0;       // 0: not by process; neither: all that belongs to a start
        std::uint32_t events = 0;
        bool everywhere = false; // neither, and what belongs to no start, too
    };
    virtual Result<void> watch(const Watch& watch) = 0;
    static constexpr Ms kEndless{-1};
    // Waits for events, at most that long. None: the time is over, or it is enough (a signal has come).
    virtual Result<std::vector<leash_record>> next(Ms longest) = 0;
    // Waits until who reads the output takes a line. False: it is enough, and nobody takes it now.
    virtual bool takes_output() = 0;
    // Events lost since the last call that no record tells of.
    virtual std::uint32_t untold_loss() = 0;
    virtual Result<std::vector<leash_start_info>> starts() = 0;
    // A start_ns that is not 0: of the process that began then. None: there is none.
    virtual std::optional<leash_whois> whois(pid_t pid, std::uint64_t start_ns) = 0;
};
struct EventOptions {
    bool by_signal = false; // real-time signals instead of read(): without time, start and code
    int output = STDOUT_FILENO; // what is shown goes there
};
using OpenEventSource = std::function<std::expected<std::unique_ptr<EventSource>, Refusal>(
    const EventOptions& options)>;
// SIGINT and SIGTERM end next() and takes_output() from now on.
[[nodiscard]] std::expected<std::unique_ptr<EventSource>, Refusal> open_kernel_events(
    const EventOptions& options);

struct EventView {
    std::vector<std::string> targets; // a pid, or the name of a service; none: all services
    std::uint32_t events = 0;         // that are shown
    bool json = false;
    bool until_gone = false;          // one target: its process has ended, its start is empty
    bool by_signal = false;
};

struct EventOutput {
    std::function<bool(std::string_view)> out; // false: nobody reads any more
    std::function<void(std::string_view)> complain; // a sentence
};

inline constexpr int kNoSuch = 4;
// Gives back the exit status: 0, kFailed, kNoModule, kNotPermitted or kNoSuch.
int view_events(const EventView& view, const OpenEventSource& open, const EventOutput& output);

} // namespace leash::taskview
