// SPDX-License-Identifier: MIT
// What a detector is shown, and what it says.
//
// Detectors are values with a memory: they are shown one look at the machine after the other, and say
// what is wrong with whom. They make no system call of their own, so that their tests are tables; one
// that has to look deeper (into the memory of a process) is given a reader that does it.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "taskview/sample.h"

namespace leash::finder {

// A start that is looked after: what the service's file (else [defaults]) says about the detectors.
struct Subject {
    std::uint64_t start = 0;   // its start id
    std::uint64_t cgroup = 0;  // inode number of its folder; 0: not known
    std::int32_t main_pid = 0; // 0: none
    std::string service;
    // The keys of [service] that concern detectors, as they are written there but in plain units:
    // times in milliseconds, sizes in bytes, percent and counts as numbers. A key that is not here
    // is off.
    std::map<std::string, std::string, std::less<>> settings;
};

// One look at the machine.
struct Look {
    std::uint64_t now_ns = 0; // CLOCK_BOOTTIME
    bool from_module = false; // else from /proc and cgroups: some facts are missing
    const taskview::Sample* processes = nullptr; // a row a process
    const taskview::Sample* threads = nullptr;   // a row a thread; null: nobody needs them
    std::span<const Subject> subjects;
};

// Something is wrong with a start, or is so no more. Told at each look while it lasts: whoever takes
// it sees to it that it is told to init once for each level.
struct Finding {
    std::uint64_t start = 0;
    std::string kind;     // the word of on-KIND: "deadlock"
    int percent = 100;    // of the limit; below 100 only for kinds that have levels (`at 60%`)
    std::string evidence; // for people, one line of at most 400 characters: what, who, since when
    std::vector<std::int32_t> tids; // the threads (or processes) that it is about; may be empty
};

class Detector {
  public:
    virtual ~Detector() = default;
    // Appends what is wrong now. What it said at the last look and does not say now is over.
    virtual void look(const Look& look, std::vector<Finding>& found) = 0;
};

} // namespace leash::finder
