// SPDX-License-Identifier: MIT
// monitor --tasks: what the kernel module tells, as it happens.
#include "control/protocol.h"
#include "initctl/commands.h"
#include "taskview/event_view.h"
#include "taskview/event_words.h"

namespace leash::initctl {

namespace status = control::status;

int run_monitor(const Command&, const Options& options, const Session& session) {
    if (options.events == "help") {
        session.out(taskview::event_list());
        return status::done;
    }
    if (!options.tasks) {
        session.complain("monitor: needs --tasks; states of services: initctl list, initctl log -f");
        return status::usage;
    }
    taskview::EventView view;
    auto events = taskview::parse_events(options.events.empty() ? "all" : options.events);
    if (!events) {
        session.complain("monitor: {}", events.error().text);
        return status::usage;
    }
    view.targets = options.words;
    view.events = *events;
    view.json = options.json;
    return taskview::view_events(
        view, session.open_events,
        {.out = session.out, .complain = [&](auto text) { session.complain("{}", text); }});
}

} // namespace leash::initctl
