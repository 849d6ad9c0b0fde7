// SPDX-License-Identifier: MIT
#include "control/render.h"

#include <algorithm>

#include <sys/wait.h>

#include "base/json.h"
#include "base/signal_name.h"
#include "control/protocol.h"

namespace leash::control {
namespace {

std::string_view to_word(ServiceType type) {
    switch (type) {
    case ServiceType::daemon: return "daemon";
    case ServiceType::oneshot: return "oneshot";
    case ServiceType::console: return "console";
    case ServiceType::target: return "target";
    }
    return "daemon";
}

void number_or_null(JsonWriter& json, std::int64_t value) {
    if (value == 0) json.null();
    else json.number(value);
}

void true_or_null(JsonWriter& json, std::optional<bool> value) {
    if (value) json.boolean(*value);
    else json.null();
}

void strings(JsonWriter& json, const std::vector<std::string>& list) {
    json.begin_array();
    for (const auto& item : list) json.string(item);
    json.end_array();
}

void last_exit(JsonWriter& json, const std::optional<int>& status) {
    if (!status) json.null();
    else if (WIFSIGNALED(*status)) json.string(signal_name(WTERMSIG(*status)));
    else json.string(fmt::format("exit {}", WEXITSTATUS(*status)));
}

void task(JsonWriter& json, const TaskView& task) {
    json.begin_object();
    json.key("pid").number(task.pid);
    json.key("tid").number(task.tid);
    json.key("service");
    if (task.service.empty()) json.null();
    else json.string(task.service);
    json.key("source");
    if (task.source.empty()) json.null();
    else json.string(task.source);
    json.key("state").string(std::string_view(&task.state, 1));
    json.key("command").string(task.command);
    json.key("start_id");
    if (task.start == 0) json.null();
    else json.string(format_start_id(task.start));
    json.key("stray").boolean(task.stray);
    json.end_object();
}

void messages(JsonWriter& json, const ServiceView& view) {
    json.key("stored");
    strings(json, view.stored);
    json.key("notify_access");
    if (!view.notify_access) {
        json.null().key("messages").null();
        return;
    }
    json.string(to_string(*view.notify_access));
    json.key("messages").begin_object();
    const auto& counts = view.messages;
    json.key("received").number(static_cast<std::int64_t>(counts.received));
    json.key("dropped").number(static_cast<std::int64_t>(counts.dropped));
    json.key("ignored").number(static_cast<std::int64_t>(counts.ignored));
    json.key("pauses").number(static_cast<std::int64_t>(counts.pauses));
    json.end_object();
}

void timers(JsonWriter& json, const ServiceView& view) {
    json.key("timers").begin_array();
    for (const auto& timer : view.timers) {
        json.begin_object().key("name").string(timer.name);
        json.key("limit_ms").number(timer.limit.count());
        json.key("left_ms").number(timer.left.count());
        json.end_object();
    }
    json.end_array();
}

void state_and_pid(JsonWriter& json, const ServiceView& view) {
    json.key("state").string(to_string(view.state));
    json.key("main_pid");
    number_or_null(json, view.main_pid);
}

std::string service(const ServiceView& view, const ServiceSettings* settings, Ms now,
                    const std::vector<TaskView>* tasks) {
    JsonWriter json;
    json.begin_object();
    json.key("name").string(view.name);
    state_and_pid(json, view);
    json.key("restarts").number(view.restarts);
    json.key("start_id");
    if (view.start == 0) json.null();
    else json.string(format_start_id(view.start));
    if (tasks != nullptr) {
        json.key("tasks").begin_array();
        for (const auto& each : *tasks) task(json, each);
        json.end_array();
    }
    json.key("reason").string(view.reason);
    json.key("description").string(settings ? settings->description : "");
    json.key("type").string(!settings          ? ""
                            : settings->scope ? "scope"
                                              : to_word(settings->type));
    json.key("since_ms").number(std::max(Ms{0}, now - view.since).count());
    json.key("last_exit");
    last_exit(json, view.last_exit);
    json.key("status_text").string(view.status_text);
    json.key("waiting_for");
    strings(json, view.waiting_for);
    bool asked = view.watchdog > Ms{0} && view.start != 0;
    json.key("watchdog_ms").number(asked      ? view.watchdog.count()
                                   : settings ? settings->watchdog.count()
                                              : 0);
    json.key("next_attempt_ms");
    if (view.next_attempt != Ms{0})
        json.number(std::max(Ms{0}, view.next_attempt - now).count());
    else json.null();
    json.key("errno");
    number_or_null(json, view.error_number);
    json.key("exit_status");
    if (view.said_exit) json.number(*view.said_exit);
    else json.null();
    json.key("error");
    if (view.error_text.empty()) json.null();
    else json.string(view.error_text);
    json.key("conditions").begin_array();
    for (const auto& condition : view.conditions) {
        json.begin_object().key("condition").string(condition.text).key("holds");
        true_or_null(json, condition.holds);
        json.end_object();
    }
    json.end_array();
    json.key("binds_to");
    strings(json, view.binds_to);
    json.key("bound_by");
    strings(json, view.bound_by);
    json.key("started_for").string(view.started_for);
    json.key("listens_on");
    strings(json, view.listens_on);
    json.key("start");
    if (view.masked) json.string("masked");
    else if (!settings || settings->scope) json.null();
    else json.string(settings->start == StartMode::automatic ? "auto" : "manual");
    json.key("frozen").boolean(view.frozen);
    if (tasks != nullptr) {
        messages(json, view);
        timers(json, view);
    }
    json.end_object();
    return json.text();
}

std::string one(std::string_view key, std::string_view value) {
    JsonWriter json;
    json.begin_object().key(key).string(value).end_object();
    return json.text();
}

} // namespace

std::string render_service(const ServiceView& view, const ServiceSettings* settings, Ms now) {
    return service(view, settings, now, nullptr);
}

std::string render_service(const ServiceView& view, const ServiceSettings* settings, Ms now,
                           const std::vector<TaskView>& tasks) {
    return service(view, settings, now, &tasks);
}

std::string render_task(const TaskView& view) {
    JsonWriter json;
    task(json, view);
    return json.text();
}

std::string render_system(const SystemView& system) {
    JsonWriter json;
    json.begin_object();
    json.key("state").string(system.state);
    json.key("target").string(system.target);
    json.key("uptime_ms").number(system.uptime.count());
    json.key("version").string(LEASH_VERSION);
    json.key("module").string(system.module);
    json.key("cgroup").string(system.cgroup);
    json.key("services").number(system.services);
    json.key("running").number(system.running);
    json.key("failed");
    strings(json, system.failed);
    json.key("plugins").begin_array();
    for (const auto& plugin : system.plugins) {
        json.begin_object();
        json.key("name").string(plugin.name);
        json.key("status").string(plugin.status);
        json.end_object();
    }
    json.end_array();
    json.key("notes");
    strings(json, system.notes);
    json.key("crashes").number(system.crashes);
    json.key("crashed_ms");
    if (system.crashes == 0) json.null();
    else json.number((system.uptime - system.crashed).count());
    auto or_null = [&json](std::string_view key, const std::string& value) {
        json.key(key);
        if (value.empty()) json.null();
        else json.string(value);
    };
    or_null("crash", system.crash);
    or_null("crash_report", system.crash_report);
    json.key("troubles").number(system.troubles);
    json.key("records").string(system.records);
    json.end_object();
    return json.text();
}

std::string render_trouble(const TroubleView& trouble, Ms now) {
    JsonWriter json;
    auto text = [&](std::string_view key, const std::string& value) {
        json.key(key);
        if (value.empty()) json.null();
        else json.string(value);
    };
    json.begin_object();
    text("service", trouble.service);
    text("source", trouble.source);
    json.key("kind").string(trouble.kind);
    json.key("evidence").string(trouble.evidence);
    text("start_id", trouble.start == 0 ? "" : format_start_id(trouble.start));
    json.key("since_ms").number(std::max(Ms{0}, now - trouble.since).count());
    text("next", trouble.next);
    json.key("due_ms");
    if (trouble.next.empty()) json.null();
    else json.number(std::max(Ms{0}, trouble.due - now).count());
    json.end_object();
    return json.text();
}

std::string render_version() {
    JsonWriter json;
    json.begin_object();
    json.key("version").string(LEASH_VERSION);
    json.key("schema").number(kSchema);
    json.end_object();
    return json.text();
}

std::string render_state(std::string_view state) { return one("state", state); }
std::string render_dependant(std::string_view name) { return one("dependant", name); }
std::string render_complaint(std::string_view text) { return one("complaint", text); }

std::string render_change(std::string_view change, std::string_view service,
                          std::string_view text) {
    JsonWriter json;
    json.begin_object();
    json.key("change").string(change);
    json.key("service").string(service);
    json.key("text").string(text);
    json.end_object();
    return json.text();
}

std::string render_scope(std::string_view name, StartId start) {
    JsonWriter json;
    json.begin_object();
    json.key("scope").string(name);
    json.key("start_id").string(format_start_id(start));
    json.end_object();
    return json.text();
}

std::string render_condition(std::string_view condition, std::optional<bool> holds,
                             const std::vector<std::string>& services) {
    JsonWriter json;
    json.begin_object();
    json.key("condition").string(condition);
    json.key("holds");
    true_or_null(json, holds);
    json.key("services");
    strings(json, services);
    json.end_object();
    return json.text();
}

std::string render_frozen(const ServiceView& view, bool frozen) {
    JsonWriter json;
    json.begin_object();
    json.key("result").string(view.name);
    state_and_pid(json, view);
    json.key("frozen").boolean(frozen);
    json.end_object();
    return json.text();
}

std::string render_target(std::string_view target, int failed) {
    JsonWriter json;
    json.begin_object().key("target").string(target).key("failed").number(failed).end_object();
    return json.text();
}

std::string render_result(const ServiceView& view) {
    JsonWriter json;
    json.begin_object();
    json.key("result").string(view.name);
    state_and_pid(json, view);
    json.key("reason").string(view.reason);
    json.end_object();
    return json.text();
}

std::string render_end(int status, std::string_view message) {
    JsonWriter json;
    json.begin_object();
    json.key("end").number(status);
    json.key("message").string(message);
    json.end_object();
    return json.text();
}

int status_of(State state) { return is_up(state) ? status::done : status::not_running; }

} // namespace leash::control
