// SPDX-License-Identifier: MIT
// What is wrong with the machine, from what init, its plugins, the kernel module and the records say.
// Pure: the command gathers, this judges.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "initctl/client.h"
#include "taskview/terminal.h"

namespace leash::initctl {

// What could be learned; what could not is empty.
struct MachineView {
    bool reached = false;       // init answers
    std::string silence;        // why it does not
    std::string process_one;    // its name (/proc/1/comm)
    char process_one_state = 0; // as in /proc/1/stat
    Json system;                // `status`
    std::vector<Json> services, troubles, tasks;
    std::vector<Json> wdts;     // `plugin watchdog status`
    Json reset, budget;         // `plugin watchdog reason`, `counter`
    bool module_asked = false, module_incomplete = false; // by the module itself
    std::vector<Json> records;  // the newest ones, the oldest first; where init does not answer
    std::size_t damaged = 0;    // records that could not be read
};

struct Finding {
    // note: to be known, but nothing that has to be mended: the exit status takes no notice.
    enum class Severity { trouble, note } severity = Severity::trouble;
    std::string what;            // a word: service-failed, trouble, strays, ...
    std::string service, source; // whose it is: of a service, or found by; both "": the machine's
    std::string kind;            // of a trouble
    std::string text;
    std::optional<Ms> since;     // for how long; none: not known
    std::string next;            // what will be done, "": nothing ...
    std::optional<Ms> due;       // ... and in how long
    std::string remedy;          // "": none is known
};

// Troubles before notes, what is due soonest first.
[[nodiscard]] std::vector<Finding> findings_of(const MachineView& machine);

// {"finding","severity","service","source","kind","text","since_ms","next","due_ms","remedy"}; null
// where there is nothing to say.
[[nodiscard]] std::string finding_json(const Finding& finding);
[[nodiscard]] std::string finding_text(const Finding& finding, const taskview::Terminal& terminal);

} // namespace leash::initctl
