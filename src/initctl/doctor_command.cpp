// SPDX-License-Identifier: MIT
// `initctl doctor`: gathers what is known, and tells what is wrong. It never waits long: this is what
// people call when something hangs.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/process.h"
#include "base/text.h"
#include "base/whole_file.h"
#include "control/protocol.h"
#include "initctl/client.h"
#include "initctl/commands.h"
#include "initctl/doctor.h"
#include "initctl/history.h"

namespace leash::initctl {
namespace {

namespace status = control::status;
constexpr Ms kPatience{5'000};
constexpr Ms kTasksPatience{20'000}; // a worker reads /proc
constexpr std::size_t kLastRecords = 5;

std::vector<Json> objects_of(const Session& session, std::string_view verb,
                             const std::vector<std::string>& words, Ms patience, Answer& answer) {
    std::vector<Json> objects;
    answer = ask(session.socket, verb, words, false, patience,
                 [&](const std::string&, const Json& object) { objects.push_back(object); });
    return objects;
}

Json first_of(std::vector<Json> objects) {
    return objects.empty() ? Json::object() : std::move(objects.front());
}

MachineView look(const Session& session) {
    MachineView machine;
    machine.system = machine.reset = machine.budget = Json::object();
    Answer answer;
    machine.system = first_of(objects_of(session, "status", {}, kPatience, answer));
    machine.reached = answer.status == status::done;
    if (machine.reached) {
        Answer more;
        machine.services = objects_of(session, "list", {}, kPatience, more);
        machine.troubles = objects_of(session, "troubles", {}, kPatience, more);
        machine.wdts = objects_of(session, "plugin", {"watchdog", "status"}, kPatience, more);
        if (more.status != status::done) machine.wdts.clear();
        machine.reset = first_of(objects_of(session, "plugin", {"watchdog", "reason"}, kPatience, more));
        machine.budget =
            first_of(objects_of(session, "plugin", {"watchdog", "counter"}, kPatience, more));
        machine.tasks = objects_of(session, "ps", {}, kTasksPatience, more);
    } else {
        machine.silence = answer.message.empty() ? "init does not answer" : answer.message;
    }
    if (auto one = session.process_one()) {
        machine.process_one = one->first;
        machine.process_one_state = one->second;
    }
    auto history = read_history(session);
    machine.damaged = history.damaged;
    if (machine.reached) return machine;
    auto& records = history.records;
    if (records.size() > kLastRecords)
        records.erase(records.begin(), records.end() - static_cast<std::ptrdiff_t>(kLastRecords));
    for (auto& record : records) machine.records.push_back(std::move(record.object));
    if (!session.open_tasks) return machine;
    auto module = session.open_tasks();
    if (!module) return machine;
    if (auto stats = (*module)->stats()) {
        machine.module_asked = true;
        machine.module_incomplete = (stats->state & LEASH_STATE_INCOMPLETE) != 0;
    }
    return machine;
}

} // namespace

int run_doctor(const Command&, const Options& options, const Session& session) {
    auto machine = look(session);
    auto found = findings_of(machine);
    bool trouble = std::ranges::any_of(
        found, [](const Finding& each) { return each.severity == Finding::Severity::trouble; });
    for (const auto& finding : found) {
        auto text = options.json ? finding_json(finding) + "\n"
                                 : finding_text(finding, session.terminal);
        if (!session.out(text)) break; // nobody reads any more
    }
    if (!trouble && !options.json) session.print("nothing is wrong");
    if (!machine.reached) return status::unreachable;
    return trouble ? status::failed : status::done;
}

} // namespace leash::initctl
