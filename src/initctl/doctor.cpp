// SPDX-License-Identifier: MIT
#include "initctl/doctor.h"

#include <algorithm>
#include <map>

#include "base/json.h"
#include "base/text.h"
#include "initctl/tables.h"

namespace leash::initctl {
namespace {

using Severity = Finding::Severity;

constexpr Ms kLongWait{60'000};         // a service that waits for so long is worth a note
constexpr Ms kCrashIsNews{3'600'000};   // a crash of init, for so long
constexpr Ms kRestartIsNews{3'600'000}; // a service that is up for longer has got over it

std::optional<Ms> time_of(const Json& object, const char* key) {
    auto found = object.find(key);
    if (found == object.end() || !found->is_number()) return std::nullopt;
    return Ms{number_of(object, key)};
}

// `kind` "": any.
bool has_trouble(const MachineView& machine, const std::string& service, std::string_view kind = "") {
    return std::ranges::any_of(machine.troubles, [&](const Json& each) {
        return text_of(each, "service") == service && (kind.empty() || text_of(each, "kind") == kind);
    });
}

void of_service(const MachineView& machine, const Json& service, std::vector<Finding>& found) {
    auto name = text_of(service, "name"), state = text_of(service, "state");
    Finding finding;
    finding.service = name;
    finding.text = text_of(service, "reason");
    finding.since = time_of(service, "since_ms");
    if (state == "failed") {
        finding.what = "service-failed";
        if (finding.text.empty()) finding.text = "failed";
        finding.remedy = fmt::format("initctl explain {0}; when it is mended: initctl start {0}", name);
    } else if (state == "backoff") {
        finding.what = "service-backoff";
        if (!has_trouble(machine, name)) finding.next = "start";
        if (!finding.next.empty()) finding.due = time_of(service, "next_attempt_ms");
        finding.remedy = "initctl explain " + name;
    } else if (state == "waiting" && texts_of(service, "listens_on").empty() && finding.since &&
               *finding.since >= kLongWait) {
        finding.what = "service-waiting";
        finding.severity = Severity::note;
        finding.remedy = "initctl status " + name;
    } else if (number_of(service, "restarts") > 0 && finding.since &&
               *finding.since < kRestartIsNews && !has_trouble(machine, name, "crash-loop")) {
        // A crash loop tells of its restarts, until it has been up for as long as the limit looks back.
        finding.what = "service-restarted";
        finding.severity = Severity::note;
        auto restarts = number_of(service, "restarts");
        auto exit = text_of(service, "last_exit");
        finding.text = fmt::format("has been restarted {}; its last exit: {}",
                                   restarts == 1 ? "once" : fmt::format("{} times", restarts),
                                   exit.empty() ? "not known" : exit);
        finding.remedy = "initctl explain " + name;
    } else {
        return;
    }
    found.push_back(std::move(finding));
}

void of_trouble(const Json& trouble, std::vector<Finding>& found) {
    Finding finding;
    finding.what = "trouble";
    finding.service = text_of(trouble, "service");
    finding.source = text_of(trouble, "source");
    finding.kind = text_of(trouble, "kind");
    finding.text = text_of(trouble, "evidence");
    finding.since = time_of(trouble, "since_ms");
    finding.next = text_of(trouble, "next");
    finding.due = time_of(trouble, "due_ms");
    finding.remedy = "initctl explain";
    if (!finding.service.empty()) finding.remedy += " " + finding.service;
    found.push_back(std::move(finding));
}

void of_strays(const MachineView& machine, std::vector<Finding>& found) {
    std::map<std::string, std::vector<std::string>> strays;
    for (const auto& task : machine.tasks) {
        auto stray = task.find("stray");
        if (stray == task.end() || !stray->is_boolean() || !stray->get<bool>()) continue;
        strays[text_of(task, "service")].push_back(
            fmt::format("{} ({})", number_of(task, "pid"), text_of(task, "command")));
    }
    for (auto& [service, tasks] : strays) {
        Finding finding;
        finding.what = "strays";
        finding.service = service;
        auto count = tasks.size();
        if (tasks.size() > 4) tasks.resize(4), tasks.emplace_back("...");
        finding.text = fmt::format("{} of its processes {} left its cgroup: {}", count,
                                   count == 1 ? "has" : "have", join(tasks, ", "));
        finding.remedy = "stopping it ends them, too; or strays = return in its file";
        found.push_back(std::move(finding));
    }
}

void of_module(const MachineView& machine, std::vector<Finding>& found) {
    auto text = text_of(machine.system, "module");
    Finding finding;
    finding.text = "kernel module: " + text;
    if (machine.module_incomplete || text.contains("INCOMPLETE")) {
        finding.what = "lineage-incomplete";
        if (text.empty()) finding.text = "kernel module: of some forks no record could be made";
        finding.next = "search";
        finding.remedy = "a larger max_entries of the module leash; see initctl ps --kernel";
    } else if (text.contains("does not answer") || text.contains("not followed")) {
        finding.what = "module";
    } else if (!machine.reached || text.starts_with("loaded, ABI") || text == "loaded") {
        return;
    } else {
        finding.what = "module-missing";
        bool wanted = text == "not installed" || text.contains("leash.nomodule") ||
                      text.contains("in a container");
        if (wanted) finding.severity = Severity::note;
        if (text == "not installed") finding.remedy = "install the kernel module leash";
        else if (!wanted && !text.contains("remove ")) finding.remedy = "modprobe leash; see dmesg";
    }
    found.push_back(std::move(finding));
}

void of_wdts(const MachineView& machine, std::vector<Finding>& found) {
    for (const auto& wdt : machine.wdts) {
        auto state = text_of(wdt, "state");
        auto device = text_of(wdt, "device");
        auto add = [&](std::string text, Severity severity, std::string remedy) {
            Finding finding;
            finding.what = "wdt";
            finding.severity = severity;
            finding.source = "watchdog";
            finding.text = device + ": " + std::move(text);
            finding.remedy = std::move(remedy);
            found.push_back(std::move(finding));
        };
        bool enabled = wdt.value("enabled", true);
        if (!enabled) add("not kicked: it was disabled", Severity::trouble, "initctl watchdog enable");
        else if (text_of(wdt, "verdict") == "starve")
            add("is kicked no more: it will reset the machine", Severity::trouble,
                "initctl watchdog reason next");
        else if (state != "kicking")
            add(state.empty() ? "its state is not known" : "it is " + state, Severity::trouble,
                "see [watchdog] device in init.conf, and initctl log init");
        if (auto errors = number_of(wdt, "kick_errors"); errors > 0)
            add(fmt::format("{} kicks have failed", errors), Severity::trouble, "see dmesg");
        if (auto missed = number_of(wdt, "missed"); missed > 0)
            add(fmt::format("{} kicks came late", missed), Severity::note, "initctl watchdog status");
    }
}

void of_resets(const MachineView& machine, std::vector<Finding>& found) {
    auto cause = text_of(machine.reset, "cause");
    // As the recorder has it: what was asked for, or is not the machine's fault.
    bool planned = cause == "none" || cause == "requested" || cause == "signal" || cause == "forced" ||
                   cause == "power";
    if (!cause.empty() && !planned) {
        Finding finding;
        finding.what = "unclean-reset";
        finding.severity = cause == "unknown" ? Severity::note : Severity::trouble;
        finding.service = text_of(machine.reset, "service");
        finding.source = finding.service.empty() ? "watchdog" : "";
        finding.kind = cause;
        auto date = text_of(machine.reset, "date");
        finding.text = fmt::format("the machine was reset{}{}: {}{}{}", date.empty() ? "" : " at ", date,
                                   cause == "unknown" ? "loss of power or a lock-up" : cause,
                                   text_of(machine.reset, "evidence").empty() ? "" : ": ",
                                   text_of(machine.reset, "evidence"));
        finding.remedy = "initctl watchdog reason all; once it is understood: initctl watchdog clear";
        found.push_back(std::move(finding));
    }
    auto spent = number_of(machine.budget, "spent"), limit = number_of(machine.budget, "limit");
    if (spent <= 0 || limit <= 0) return;
    Finding finding;
    finding.what = "reboot-budget";
    finding.source = "watchdog";
    finding.severity = spent >= limit ? Severity::trouble : Severity::note;
    finding.text = fmt::format("{} of {} reboots that nobody asked for are spent{}", spent, limit,
                               spent >= limit ? ": policies can reboot the machine no more" : "");
    finding.remedy = "initctl watchdog reason all";
    found.push_back(std::move(finding));
}

void of_system(const MachineView& machine, std::vector<Finding>& found) {
    const auto& system = machine.system;
    auto add = [&](const char* what, Severity severity, std::string text, std::string remedy) {
        Finding finding;
        finding.what = what;
        finding.severity = severity;
        finding.text = std::move(text);
        finding.remedy = std::move(remedy);
        found.push_back(std::move(finding));
    };
    if (auto state = text_of(system, "state"); state == "starting" || state == "stopping")
        add("system", Severity::note, "the machine is " + state, "");
    if (auto target = text_of(system, "target"); target == "rescue" || target == "safe")
        add("target", Severity::trouble, fmt::format("the machine is in target {}", target),
            "initctl target default");
    if (auto crashes = number_of(system, "crashes"); crashes > 0) {
        auto ago = time_of(system, "crashed_ms");
        auto crash = text_of(system, "crash"), report = text_of(system, "crash_report");
        add("init-crashed", ago && *ago < kCrashIsNews ? Severity::trouble : Severity::note,
            fmt::format("init has crashed {} since boot{}{}",
                        crashes == 1 ? "once" : fmt::format("{} times", crashes),
                        crash.empty() ? "" : "; last: ", crash),
            report.empty() ? "initctl log init" : fmt::format("less {}", report));
        found.back().since = ago;
    }
    for (const auto& note : texts_of(system, "notes"))
        if (note.starts_with("init has lost its state"))
            add("state-lost", Severity::trouble, note, "initctl log init; test the machine's memory");
        else if (!note.starts_with("init has crashed")) add("degraded", Severity::trouble, note, "");
    if (auto records = text_of(system, "records"); !records.empty())
        add("records", Severity::trouble, records, "df /var/lib/leash; mount");
}

// Nobody answers: what is known all the same.
void of_silence(const MachineView& machine, std::vector<Finding>& found) {
    Finding finding;
    bool minimal = machine.process_one == "leash-rescue";
    finding.what = minimal ? "minimal-mode" : "init-unreachable";
    finding.text = machine.silence;
    if (minimal)
        finding.text = "init crashed too often: only a minimal process 1 is left, which starts nothing";
    else if (machine.process_one_state != 0)
        finding.text += fmt::format("; process 1 is {} in state {}", machine.process_one,
                                    machine.process_one_state);
    finding.remedy = minimal ? "initctl reboot -ff, or wait for the WDT"
                             : "if it does not come back: initctl reboot -f";
    found.push_back(std::move(finding));
    for (const auto& record : machine.records) {
        if (text_of(record, "event") == "evidence") continue; // explain has it
        Finding last;
        last.what = "last-record";
        last.severity = Severity::note;
        last.service = text_of(record, "service");
        last.source = text_of(record, "source");
        last.kind = text_of(record, "kind");
        auto text = text_of(record, "evidence");
        if (text.empty()) text = text_of(record, "result");
        last.text = fmt::format("{} {}: {}", text_of(record, "date"), text_of(record, "event"), text);
        found.push_back(std::move(last));
    }
}

void or_null(JsonWriter& json, std::string_view key, const std::string& text) {
    json.key(key);
    if (text.empty()) json.null();
    else json.string(text);
}

} // namespace

std::vector<Finding> findings_of(const MachineView& machine) {
    std::vector<Finding> found;
    if (machine.reached) {
        for (const auto& trouble : machine.troubles) of_trouble(trouble, found);
        for (const auto& service : machine.services) of_service(machine, service, found);
        of_system(machine, found);
        of_resets(machine, found);
    } else {
        of_silence(machine, found);
    }
    of_strays(machine, found);
    of_module(machine, found);
    of_wdts(machine, found);
    if (machine.damaged > 0) {
        Finding finding;
        finding.what = "records-damaged";
        finding.severity = Severity::note;
        finding.text = fmt::format("{} records of trouble are torn or damaged, and left out",
                                   machine.damaged);
        found.push_back(std::move(finding));
    }
    std::ranges::stable_sort(found, [](const Finding& a, const Finding& b) {
        if (a.severity != b.severity) return a.severity < b.severity;
        return a.due.value_or(Ms::max()) < b.due.value_or(Ms::max());
    });
    return found;
}

std::string finding_json(const Finding& finding) {
    JsonWriter json;
    json.begin_object();
    json.key("finding").string(finding.what);
    json.key("severity").string(finding.severity == Severity::note ? "note" : "trouble");
    or_null(json, "service", finding.service);
    or_null(json, "source", finding.source);
    or_null(json, "kind", finding.kind);
    json.key("text").string(finding.text);
    auto time = [&](std::string_view key, const std::optional<Ms>& value) {
        json.key(key);
        if (value) json.number(value->count());
        else json.null();
    };
    time("since_ms", finding.since);
    or_null(json, "next", finding.next);
    time("due_ms", finding.due);
    or_null(json, "remedy", finding.remedy);
    json.end_object();
    return json.text();
}

std::string finding_text(const Finding& finding, const taskview::Terminal& terminal) {
    auto whose = !finding.service.empty()  ? finding.service
                 : !finding.source.empty() ? finding.source
                                           : std::string("machine");
    auto line = fmt::format("{}: {}", whose, finding.what == "trouble" ? finding.kind : finding.what);
    if (finding.since) line += " for " + age(*finding.since);
    if (finding.severity == Severity::note) line = "(" + line + ")";
    if (!finding.text.empty()) line += ": " + finding.text;
    auto cut_to = [&](std::string text) {
        text = printable(text);
        return (terminal.width > 0 ? cut(text, terminal.width) : text) + "\n";
    };
    auto page = cut_to(line);
    if (!finding.next.empty())
        page += cut_to(fmt::format("    next:   {}{}", finding.next,
                                   finding.due ? " in " + age(*finding.due + Ms{999}) : ""));
    if (!finding.remedy.empty()) page += cut_to("    remedy: " + finding.remedy);
    return page;
}

} // namespace leash::initctl
