// SPDX-License-Identifier: MIT
// What the tasks of a start do at this moment: for a record of trouble, in short, and for the step
// `dump` as a file for people. Everything here reads what may hang or be long, so it runs in a worker.
// Nobody is stopped or traced for it.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "base/tag.h"
#include "lineage/kernel_lineage.h"

namespace leash {

struct EvidenceTarget {
    std::string service, kind, evidence;
    StartId start = 0;
    pid_t main_pid = 0;
    std::string group;                     // folder of its cgroup, "": none
    const KernelLineage* kernel = nullptr; // null: the cgroup has to do
};

struct TaskEvidence {
    pid_t pid = 0, tid = 0;
    std::string comm, wchan, syscall;
    char state = '?';
    std::vector<std::string> stack; // of the kernel, the innermost function first
};

// "[<0>] futex_wait+0x12/0x80\n...": the functions' names.
[[nodiscard]] std::vector<std::string> parse_stack(std::string_view text, std::size_t most);
// "202 0x7f.. ...": the number; "running", "" as they are.
[[nodiscard]] std::string parse_syscall(std::string_view text);

// One JSON object on one line: counters of the cgroup, descriptors of the main process, and "tasks", of
// which the most telling come first: those in uninterruptible sleep, then the main process.
[[nodiscard]] std::string evidence_facts(const EvidenceTarget& target);
[[nodiscard]] std::string facts_json(std::vector<TaskEvidence> tasks,
                                     const std::vector<std::pair<std::string, std::int64_t>>& counters,
                                     pid_t main_pid);

// All there is, as text, in two parts: what the tasks do, which is gone soonest and read from the
// kernel's own memory alone; and counters, descriptors and maps, for which an address space that is
// locked for long, or a cgroup that is busy, may have to be waited for.
[[nodiscard]] std::string evidence_text(const EvidenceTarget& target);
[[nodiscard]] std::string evidence_details(const EvidenceTarget& target);

struct DumpLimits {
    std::size_t files = 16;
    std::size_t bytes = 512 * 1024; // of one; what is beyond is cut off, and said
    bool durable = true;            // else nothing is waited for
};
// Writes FOLDER/NAME, made durable; the oldest ones make room. Its path.
[[nodiscard]] Result<std::string> write_dump(const std::string& folder, const std::string& name,
                                             std::string text, const DumpLimits& limits);

} // namespace leash
