// SPDX-License-Identifier: MIT
#include "init/requests.h"

#include <map>

#include <unistd.h>

#include "base/text.h"
#include "base/units.h"
#include "lineage/attribution.h"
#include "service/lifecycle.h"

namespace leash {

using control::Reply;
using control::Request;
namespace status_of_reply = control::status;

struct Requests::Waiting {
    std::string verb;
    std::shared_ptr<Reply> reply;
    struct Item {
        std::string name;
        StartId start_before = 0;
        bool told = false;
    };
    std::vector<Item> items;
    bool failed = false;
};

namespace {

control::TaskView view_of(const TaskFacts& task) {
    control::TaskView view;
    view.pid = task.pid;
    view.tid = task.tid;
    view.state = task.state;
    view.command = task.command;
    if (task.attribution) {
        view.service = task.attribution->service;
        view.source = to_string(task.attribution->source);
        view.start = task.attribution->start;
        view.stray = task.attribution->stray;
    }
    return view;
}

} // namespace

Requests::Requests(Manager& manager, CoreLoop& core, Workers& workers, RequestHooks hooks)
    : manager_(manager), core_(core), workers_(workers), hooks_(std::move(hooks)) {}

Requests::~Requests() = default;

void Requests::handle(const Request& request, std::shared_ptr<Reply> reply) {
    const auto& verb = request.verb;
    if (verb == "version") {
        reply->line(control::render_version());
        reply->end(status_of_reply::done, "");
    } else if (verb == "list") {
        list(request.option, *reply);
    } else if (verb == "troubles") {
        troubles(*reply);
    } else if (verb == "status") {
        status(request, std::move(reply));
    } else if (verb == "ps") {
        tasks(request.option, "", std::move(reply));
    } else if (verb == "start" || verb == "stop" || verb == "restart" ||
               (verb == "reload" && !request.args.empty())) {
        change(request, std::move(reply));
    } else if (verb == "freeze" || verb == "thaw") {
        if (all_known(request, reply)) freeze(request, *reply);
    } else if (verb == "scope") {
        scope(request, std::move(reply));
    } else if (verb == "plugin") {
        plugin(request, *reply);
    } else if (verb == "target") {
        target(request, std::move(reply));
    } else if (verb.starts_with("cond-")) {
        conditions(request, std::move(reply));
    } else if (verb == "reload") {
        hooks_.reload([reply](const ReloadReport& report) {
            for (const auto& complaint : report.complaints)
                reply->line(control::render_complaint(complaint));
            for (const auto& change : report.changes)
                reply->line(control::render_change(change.what, change.service, change.text));
            reply->end(report.failed ? status_of_reply::failed : status_of_reply::done, "");
        });
    } else if (verb == "daemon-reexec") {
        hooks_.reexec([reply](const Result<void>& goes) {
            if (goes) reply->end(status_of_reply::done, "");
            else reply->end(status_of_reply::failed, goes.error().text);
        });
    } else if (verb == "is-system-running") {
        if (request.option && hooks_.system().state == "starting") {
            waiting_for_system_.push_back(std::move(reply));
            return;
        }
        auto state = hooks_.system().state;
        reply->line(control::render_state(state));
        reply->end(state == "running" ? status_of_reply::done : status_of_reply::failed, "");
    } else {
        auto kind = verb == "reboot"        ? EndKind::reboot
                    : verb == "reboot-via-wdt" ? EndKind::wdt_reset
                    : verb == "poweroff"    ? EndKind::poweroff
                    : verb == "kexec"       ? EndKind::kexec
                    : verb == "soft-reboot" ? EndKind::soft_reboot
                                            : EndKind::halt;
        auto who = fmt::format("initctl {} (pid {}, uid {})", verb, request.pid, request.uid);
        auto allowed = hooks_.end_machine(kind, request.option, who);
        if (allowed) reply->end(status_of_reply::done, "");
        else reply->end(status_of_reply::failed, allowed.error().text);
    }
}

void Requests::freeze(const Request& request, Reply& reply) {
    bool frozen = request.verb == "freeze";
    auto who = fmt::format("initctl, pid {}, uid {}", request.pid, request.uid);
    int status = status_of_reply::done;
    std::string messages;
    auto tell = [&](std::string text) { messages += (messages.empty() ? "" : "; ") + text; };
    auto refuse = [&](const std::string& name, std::string_view why) {
        status = status_of_reply::failed;
        tell(fmt::format("{} cannot be {}: {}", name, frozen ? "frozen" : "thawed", why));
    };
    bool going_down = hooks_.system().state == "stopping";
    for (const auto& name : request.args) {
        auto view = *manager_.view(name);
        if (!frozen && (view.start == 0 || !hooks_.is_frozen(name))) {
            reply.line(control::render_frozen(view, false)); // it is as it was asked to be
            continue;
        }
        if (frozen && (view.start == 0 || !(is_up(view.state) || view.state == State::starting))) {
            refuse(name, fmt::format("it is {}: see initctl start", to_string(view.state)));
            continue;
        }
        if (frozen && going_down) {
            refuse(name, "the machine is going down");
            continue;
        }
        if (auto done = hooks_.freeze(name, frozen, who); !done) {
            refuse(name, done.error().text);
            continue;
        }
        reply.line(control::render_frozen(view, frozen));
        const auto* settings = manager_.settings_of(view.start);
        auto limit = view.watchdog > Ms{0} ? view.watchdog : settings ? settings->watchdog : Ms{0};
        if (frozen && limit > Ms{0})
            tell(fmt::format("{} owes a sign of life every {}, which it cannot give: its watchdog "
                             "will act", name, format_duration(limit)));
    }
    reply.end(status, messages);
}

void Requests::target(const Request& request, std::shared_ptr<Reply> reply) {
    const auto& name = request.args.front();
    if (!request.option) entering_.push_back({name, reply}); // it may settle at once
    auto entered = hooks_.target(name, fmt::format("initctl, pid {}, uid {}", request.pid, request.uid));
    if (!entered) {
        std::erase_if(entering_, [&](const Entering& each) { return each.reply == reply; });
        reply->end(status_of_reply::failed, entered.error().text);
        return;
    }
    target_asked(name);
    if (request.option) reply->end(status_of_reply::done, "");
}

void Requests::target_asked(const std::string& target) {
    std::erase_if(entering_, [&](const Entering& other) {
        if (other.target == target) return false;
        other.reply->end(status_of_reply::failed, "target " + target + " was asked for meanwhile");
        return true;
    });
}

void Requests::target_settled(const std::string& target, int failed) {
    std::erase_if(entering_, [&](const Entering& each) {
        if (each.target != target) return false;
        each.reply->line(control::render_target(target, failed));
        each.reply->end(failed == 0 ? status_of_reply::done : status_of_reply::failed, "");
        return true;
    });
}

void Requests::conditions(const Request& request, std::shared_ptr<Reply> reply) {
    if (request.verb != "cond-list") {
        for (const auto& name : request.args) {
            auto done = hooks_.set_condition(name, request.verb == "cond-set");
            if (done) continue;
            reply->end(status_of_reply::failed, done.error().text);
            return;
        }
        reply->end(status_of_reply::done, "");
        return;
    }
    std::map<std::string, std::vector<std::string>> users;
    for (const auto& name : hooks_.user_conditions()) users["user:" + name];
    for (const auto& name : manager_.names())
        for (const auto& condition : manager_.settings(name)->conditions)
            users[condition.fact()].push_back(name);
    auto set = hooks_.user_conditions();
    for (const auto& [fact, services] : users) {
        auto holds = manager_.holds(fact);
        if (fact.starts_with("user:")) holds = set.contains(fact.substr(5));
        reply->line(control::render_condition(fact, holds, services));
    }
    reply->end(status_of_reply::done, "");
}

void Requests::list(bool all, Reply& reply) {
    for (const auto& name : manager_.names()) {
        auto view = *manager_.view(name);
        view.masked = !masked_by(name).empty();
        view.frozen = view.start != 0 && hooks_.is_frozen(name);
        reply.line(control::render_service(view, manager_.settings(name), monotonic_now()));
    }
    if (all && hooks_.masked)
        for (const auto& [name, file] : hooks_.masked()) {
            if (manager_.view(name)) continue; // it lives still
            ServiceView view;
            view.name = name;
            view.reason = "masked by " + file;
            view.masked = true;
            view.since = monotonic_now();
            reply.line(control::render_service(view, nullptr, monotonic_now()));
        }
    reply.end(status_of_reply::done, "");
}

void Requests::troubles(Reply& reply) {
    auto now = monotonic_now();
    for (const auto& name : manager_.names()) {
        auto view = *manager_.view(name);
        for (const auto& each : view.troubles)
            reply.line(control::render_trouble({name, "", std::string(to_string(each.kind)),
                                                each.evidence, view.start, each.since, each.next,
                                                each.due},
                                               now));
    }
    if (hooks_.machine_troubles)
        for (const auto& each : hooks_.machine_troubles())
            reply.line(control::render_trouble(
                {"", each.source, each.kind, each.evidence, 0, each.since, each.next, each.due}, now));
    reply.end(status_of_reply::done, "");
}

std::string Requests::masked_by(const std::string& name) const {
    if (!hooks_.masked) return {};
    auto found = hooks_.masked().find(name);
    return found == hooks_.masked().end() ? "" : found->second;
}

bool Requests::all_known(const Request& request, const std::shared_ptr<Reply>& reply) {
    bool up = request.verb == "start" || request.verb == "restart";
    for (const auto& name : request.args) {
        if (auto file = masked_by(name); up && !file.empty()) {
            reply->end(status_of_reply::failed,
                       fmt::format("{} is masked by {}: see initctl unmask {}", name, file, name));
            return false;
        }
        if (manager_.view(name)) continue;
        bool making = up && hooks_.instance &&
                      hooks_.instance(name, [this, request, reply](const Result<void>& made) {
                          if (made) handle(request, reply);
                          else reply->end(status_of_reply::failed, made.error().text);
                      });
        if (making) return false;
        if (name.ends_with('@'))
            reply->end(status_of_reply::no_such_service,
                       fmt::format("{} is no service: name an instance of it, as in {}NAME", name,
                                   name));
        else
            reply->end(status_of_reply::no_such_service,
                       control::no_such_service(name, manager_.names()));
        return false;
    }
    return true;
}

void Requests::plugin(const Request& request, Reply& reply) {
    PluginCommand command{{request.args.begin() + 1, request.args.end()}, request.uid, request.pid};
    auto answer = hooks_.plugin(request.args.front(), command);
    if (!answer) {
        reply.end(status_of_reply::failed, answer.error().text);
        return;
    }
    for (auto& line : answer->lines) reply.line(std::move(line));
    reply.end(answer->status, std::move(answer->message));
}

void Requests::scope(const Request& request, std::shared_ptr<Reply> reply) {
    const auto& name = request.args.front();
    if (hooks_.system().state == "stopping") {
        reply->end(status_of_reply::failed, "the machine is going down");
        return;
    }
    auto made = hooks_.scope(name, request.pid, reply->fd());
    if (!made) {
        reply->end(status_of_reply::failed, made.error().text);
        return;
    }
    reply->line(control::render_scope(name, *made));
    reply->end(status_of_reply::done, "");
}

void Requests::status(const Request& request, std::shared_ptr<Reply> reply) {
    if (request.args.empty()) {
        auto system = hooks_.system();
        reply->line(control::render_system(system));
        reply->end(status_of_reply::done, "");
        return;
    }
    const auto& name = request.args.front();
    if (!manager_.view(name)) {
        reply->end(status_of_reply::no_such_service,
                   control::no_such_service(name, manager_.names()));
        return;
    }
    tasks(false, name, std::move(reply));
}

// The environment of a process may sit on a hung file system: a worker reads it, and the worker
// writes the answer. It works on its own copy of what PID 1 knew at the fork.
void Requests::tasks(bool threads, const std::string& only_service, std::shared_ptr<Reply> reply) {
    reply->leave_to_worker();
    WorkerJob job;
    job.name = only_service.empty() ? "ps" : "status";
    job.limit = Ms{15'000};
    job.keep_fds = {reply->fd()};
    job.work = [this, threads, only_service, reply](int) {
        auto self = getpid();
        std::vector<control::TaskView> found;
        for (const auto& task : survey(threads)) {
            if (task.kernel || task.pid == self) continue;
            auto view = view_of(task);
            if (auto service = manager_.view(view.service); service && view.start == 0)
                view.start = service->start; // its cgroup is that of the current one
            if (only_service.empty()) {
                if (!reply->worker_line(control::render_task(view))) return 1;
            } else if (view.service == only_service) {
                found.push_back(std::move(view));
            }
        }
        if (!only_service.empty()) {
            auto view = *manager_.view(only_service);
            hooks_.tell_of_notify(view);
            view.masked = !masked_by(only_service).empty();
            view.frozen = view.start != 0 && hooks_.is_frozen(only_service);
            auto line = control::render_service(view, manager_.settings(only_service),
                                                monotonic_now(), found);
            if (!reply->worker_line(line)) return 1;
        }
        return 0;
    };
    job.done = [this, only_service, reply](int worker_status, const std::string&) {
        if (worker_status != 0) {
            reply->end(status_of_reply::failed, "the tasks could not be read in time");
            return;
        }
        auto view = only_service.empty() ? std::nullopt : manager_.view(only_service);
        reply->end(view ? control::status_of(view->state) : status_of_reply::done, "");
    };
    workers_.run(std::move(job));
}

void Requests::change(const Request& request, std::shared_ptr<Reply> reply) {
    if (!all_known(request, reply)) return;
    for (const auto& name : request.args) {
        // Before any event: a restart would end the scope first, and find then that it cannot start.
        if (request.verb == "stop" || !manager_.settings(name)->scope) continue;
        reply->end(status_of_reply::failed,
                   fmt::format("{} is a scope: it can be stopped, but not {}ed, since init has not made "
                               "its process: use initctl run --scope again", name, request.verb));
        return;
    }
    if (request.verb != "stop" && hooks_.system().state == "stopping") {
        reply->end(status_of_reply::failed, "the machine is going down");
        return;
    }
    Waiting waiting;
    waiting.verb = request.verb;
    waiting.reply = reply;
    for (const auto& name : request.args) {
        auto view = manager_.view(name);
        waiting.items.push_back({name, view->start ? view->start : view->last_start});
        if (request.verb == "start" || request.verb == "reload") continue;
        for (const auto& dependant : manager_.dependants(name))
            reply->line(control::render_dependant(dependant));
    }
    // All of them first: a service that is yet to be asked must not be judged by its state.
    for (const auto& name : request.args) {
        if (request.verb == "start") core_.post(event::StartRequested{name});
        else if (request.verb == "reload") core_.post(event::ReloadRequested{name});
        else if (request.verb == "stop") core_.post(event::StopRequested{name});
        else core_.post(event::RestartRequested{name});
    }
    if (request.option) {
        reply->end(status_of_reply::done, "");
        return;
    }
    waiting_.push_back(std::move(waiting));
    settle();
}

Requests::Outcome Requests::outcome_of(const Waiting& waiting, std::size_t item,
                                       const ServiceView& view) const {
    if (waiting.verb == "stop") {
        bool down = view.state == State::stopped || view.state == State::failed;
        return down ? Outcome::good : Outcome::open;
    }
    if (waiting.verb == "reload") {
        if (view.state == State::reloading) return Outcome::open;
        // What became of it stands in its reason; one that was not running was not reloaded.
        return view.state == State::running && view.reason == "reloaded" ? Outcome::good
                                                                         : Outcome::bad;
    }
    auto current = view.start ? view.start : view.last_start;
    // The old life does not answer for the new one; a target has no start at all.
    const auto* settings = manager_.settings(view.name);
    bool has_process = !settings || settings->type != ServiceType::target;
    bool old_life = waiting.verb == "restart" && has_process && current != 0 &&
                    current == waiting.items[item].start_before;
    bool passing = settings && settings->type == ServiceType::oneshot && !settings->remain_after_exit;
    if (passing && view.state == State::stopped && !old_life &&
        current != waiting.items[item].start_before &&
        view.last_exit && classify_exit(*view.last_exit, *settings) == ExitKind::success)
        return Outcome::good; // it was done, and did not remain
    if (view.parked && !old_life) return Outcome::bad; // it may wait for ever
    if (is_up(view.state)) return old_life ? Outcome::open : Outcome::good;
    switch (view.state) {
    case State::failed:
    case State::stopped: return Outcome::bad;
    case State::backoff: return old_life ? Outcome::open : Outcome::bad;
    default: return Outcome::open;
    }
}

void Requests::settle() {
    for (auto waiting = waiting_.begin(); waiting != waiting_.end();) {
        bool open = false;
        for (std::size_t i = 0; i < waiting->items.size(); ++i) {
            auto& item = waiting->items[i];
            if (item.told) continue;
            auto view = manager_.view(item.name);
            auto outcome = view ? outcome_of(*waiting, i, *view) : Outcome::bad;
            if (outcome == Outcome::open) {
                open = true;
                continue;
            }
            item.told = true;
            waiting->failed |= outcome == Outcome::bad;
            if (view) waiting->reply->line(control::render_result(*view));
        }
        if (open && !waiting->reply->gone()) {
            ++waiting;
            continue;
        }
        waiting->reply->end(waiting->failed ? status_of_reply::failed : status_of_reply::done, "");
        waiting = waiting_.erase(waiting);
    }
    if (waiting_for_system_.empty()) return;
    auto state = hooks_.system().state;
    if (state == "starting") return;
    for (auto& reply : waiting_for_system_) {
        reply->line(control::render_state(state));
        reply->end(state == "running" ? status_of_reply::done : status_of_reply::failed, "");
    }
    waiting_for_system_.clear();
}

} // namespace leash
