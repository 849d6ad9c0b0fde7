// SPDX-License-Identifier: MIT
#include "initctl/tables.h"

#include <algorithm>
#include <cstring>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace leash::initctl {
namespace {

std::string pid_of(const Json& object, const char* key) {
    auto pid = number_of(object, key);
    return pid == 0 ? "-" : std::to_string(pid);
}

std::string or_dash(std::string text) { return text.empty() ? "-" : text; }

std::string shown(const Json& object, const char* key) { return printable(text_of(object, key)); }

// Where it was learned whose the task is, and whether it has left its service's cgroup.
std::string source_of(const Json& task) {
    auto stray = task.find("stray");
    bool marked = stray != task.end() && stray->is_boolean() && stray->get<bool>();
    return or_dash(shown(task, "source")) + (marked ? ", stray" : "");
}

// "  word        text", cut to the terminal.
void fact(std::string& page, std::string_view word, std::string_view text,
          const Terminal& terminal) {
    auto line = fmt::format("  {:<11} {}", word, text);
    page += terminal.width > 0 ? cut(line, terminal.width) : line;
    page += '\n';
}

std::string holds(const Json& condition) {
    auto value = condition.find("holds");
    if (value == condition.end() || !value->is_boolean()) return "not known yet";
    return value->get<bool>() ? "yes" : "no";
}

bool frozen(const Json& service) {
    auto value = service.find("frozen");
    return value != service.end() && value->is_boolean() && value->get<bool>();
}

// When it starts by itself; "" if it does not.
std::string next(const Json& service) {
    auto when = service.find("next_attempt_ms");
    if (when == service.end() || !when->is_number()) return "";
    return age(Ms{number_of(service, "next_attempt_ms") + 999});
}

// "28 (No space left on device)"
std::string error_of(const Json& service) {
    auto number = number_of(service, "errno");
    if (number == 0) return "";
    return fmt::format("{} ({})", number, std::strerror(static_cast<int>(number)));
}

// Only where something about them is odd.
std::string messages_of(const Json& service) {
    std::string text;
    auto access = shown(service, "notify_access");
    if (!access.empty() && access != "all") text = "of " + access;
    auto counts = service.find("messages");
    if (counts == service.end() || !counts->is_object()) return text;
    for (auto word : {"dropped", "ignored", "pauses"})
        if (auto count = number_of(*counts, word))
            text += fmt::format("{}{} {}", text.empty() ? "" : ", ", count, word);
    return text;
}

// " (main 4.2 s of 5 s, io late)": only what `watchdog` itself does not say.
std::string timers_of(const Json& service) {
    auto timers = service.find("timers");
    if (timers == service.end() || !timers->is_array() || timers->empty()) return {};
    std::string text;
    for (const auto& timer : *timers) {
        if (!timer.is_object()) continue;
        auto name = printable(shown(timer, "name"));
        auto found = timer.find("left_ms");
        auto left = found != timer.end() && found->is_number_integer() ? found->get<std::int64_t>() : 0;
        text += fmt::format("{}{} {}", text.empty() ? "" : ", ", name,
                            left > 0
                                ? fmt::format("{} ms of {} left", left, number_of(timer, "limit_ms"))
                                : std::string("late"));
    }
    return " (" + text + ")";
}

} // namespace

std::string age(Ms time) {
    auto seconds = time.count() / 1000;
    if (seconds < 60) return fmt::format("{}s", seconds);
    if (seconds < 60 * 60) return fmt::format("{}m", seconds / 60);
    if (seconds < 48 * 60 * 60) return fmt::format("{}h", seconds / 3600);
    return fmt::format("{}d", seconds / (24 * 60 * 60));
}

std::string service_table(const std::vector<Json>& services, const Terminal& terminal) {
    if (services.empty()) return "no services\n";
    // Only where something starts by itself there is anything to say about when.
    bool timers = std::ranges::any_of(services, [](const Json& each) { return !next(each).empty(); });
    std::vector<Table::Column> columns{{"NAME"}, {"STATE", false, true}, {"PID", true},
                                       {"RESTARTS", true}, {"SINCE", true}, {"DESCRIPTION"}};
    if (timers) columns.insert(columns.end() - 1, {"NEXT", true});
    bool starts = std::ranges::any_of(services, [](const Json& each) { return each.contains("start"); });
    if (starts) columns.insert(columns.end() - 1, {"START"});
    Table table(columns);
    for (const auto& service : services) {
        std::vector<std::string> row{shown(service, "name"),
                                     frozen(service) ? "frozen" : shown(service, "state"),
                                     pid_of(service, "main_pid"),
                                     std::to_string(number_of(service, "restarts")),
                                     age(Ms{number_of(service, "since_ms")}),
                                     shown(service, "description")};
        if (timers) row.insert(row.end() - 1, or_dash(next(service)));
        if (starts) row.insert(row.end() - 1, or_dash(shown(service, "start")));
        table.row(row);
    }
    return table.text(terminal);
}

std::string task_table(const std::vector<Json>& tasks, const Terminal& terminal) {
    if (tasks.empty()) return "no tasks\n";
    Table table({{"PID", true}, {"TID", true}, {"SERVICE"}, {"SOURCE"}, {"STATE"}, {"COMMAND"}});
    for (const auto& task : tasks)
        table.row({pid_of(task, "pid"), pid_of(task, "tid"), or_dash(shown(task, "service")),
                   source_of(task), shown(task, "state"), shown(task, "command")});
    return table.text(terminal);
}

std::string condition_table(const std::vector<Json>& conditions, const Terminal& terminal) {
    if (conditions.empty()) return "no conditions\n";
    Table table({{"CONDITION"}, {"HOLDS"}, {"SERVICES"}});
    for (const auto& each : conditions)
        table.row({shown(each, "condition"), holds(each),
                   or_dash(printable(join(texts_of(each, "services"), ", ")))});
    return table.text(terminal);
}

std::string service_page(const Json& service, const Terminal& terminal) {
    auto state = shown(service, "state");
    auto head = colour_state(state, frozen(service) ? state + ", frozen" : state, terminal);
    if (auto pid = number_of(service, "main_pid")) head += fmt::format(" (pid {})", pid);
    auto page = fmt::format("{}: {} since {}\n", shown(service, "name"), head,
                            age(Ms{number_of(service, "since_ms")}));
    auto maybe = [&](std::string_view word, const std::string& text) {
        if (!text.empty()) fact(page, word, text, terminal);
    };
    maybe("description", shown(service, "description"));
    maybe("type", shown(service, "type"));
    maybe("start", shown(service, "start"));
    maybe("reason", shown(service, "reason"));
    maybe("says", shown(service, "status_text"));
    maybe("says errno", error_of(service));
    if (auto exit = service.find("exit_status"); exit != service.end() && exit->is_number())
        fact(page, "says exit", std::to_string(number_of(service, "exit_status")), terminal);
    maybe("says error", shown(service, "error"));
    maybe("waits for", printable(join(texts_of(service, "waiting_for"), ", ")));
    auto conditions = service.find("conditions");
    if (conditions != service.end() && conditions->is_array())
        for (const auto& each : *conditions)
            fact(page, "condition", fmt::format("{}: {}", shown(each, "condition"), holds(each)),
                 terminal);
    maybe("bound to", printable(join(texts_of(service, "binds_to"), ", ")));
    maybe("bound by", printable(join(texts_of(service, "bound_by"), ", ")));
    maybe("started for", shown(service, "started_for"));
    for (const auto& socket : texts_of(service, "listens_on"))
        fact(page, "listens on", printable(socket), terminal);
    if (auto when = next(service); !when.empty())
        fact(page, state == "backoff" ? "next try" : "next run", "in " + when, terminal);
    maybe("last exit", shown(service, "last_exit"));
    if (auto restarts = number_of(service, "restarts"))
        fact(page, "restarts", std::to_string(restarts), terminal);
    if (auto watchdog = number_of(service, "watchdog_ms"))
        fact(page, "watchdog", fmt::format("{} ms{}", watchdog, timers_of(service)), terminal);
    maybe("start id", shown(service, "start_id"));
    maybe("stored", printable(join(texts_of(service, "stored"), ", ")));
    maybe("messages", messages_of(service));

    auto tasks = service.find("tasks");
    if (tasks == service.end() || !tasks->is_array() || tasks->empty()) return page;
    fact(page, "tasks", std::to_string(tasks->size()), terminal);
    Table table({{"PID", true}, {"TID", true}, {"SOURCE"}, {"STATE"}, {"COMMAND"}});
    for (const auto& task : *tasks)
        table.row({pid_of(task, "pid"), pid_of(task, "tid"), source_of(task),
                   shown(task, "state"), shown(task, "command")});
    return page + table.text(terminal);
}

std::string system_page(const Json& system, const Terminal& terminal) {
    auto state = shown(system, "state");
    auto page = fmt::format("Leash {}: {}\n", shown(system, "version"),
                            colour_state(state, state, terminal));
    auto maybe = [&](std::string_view word, const std::string& text) {
        if (!text.empty()) fact(page, word, text, terminal);
    };
    maybe("target", shown(system, "target"));
    fact(page, "uptime", age(Ms{number_of(system, "uptime_ms")}), terminal);
    fact(page, "services", fmt::format("{}, {} of them up", number_of(system, "services"),
                                       number_of(system, "running")), terminal);
    for (const auto& name : texts_of(system, "failed"))
        fact(page, "failed", printable(name), terminal);
    maybe("module", shown(system, "module"));
    maybe("cgroup", shown(system, "cgroup"));
    auto plugins = system.find("plugins");
    if (plugins != system.end() && plugins->is_array())
        for (const auto& plugin : *plugins)
            if (plugin.is_object())
                fact(page, shown(plugin, "name"), shown(plugin, "status"), terminal);
    for (const auto& note : texts_of(system, "notes"))
        fact(page, "note", printable(note), terminal);
    return page;
}

} // namespace leash::initctl
