// SPDX-License-Identifier: MIT
// One look at the machine each. `Root` is the folder that /proc and /sys are found in: "" but for
// tests.
//
// Those of the first group only read what the kernel has at hand. Those of the second may take long
// or for ever (a file system that does not answer, a bus of sensors): they run in a process of
// their own, under a time limit.
#pragma once

#include "report.h"
#include "settings.h"

#include <cstdint>
#include <optional>
#include <string>

namespace leash_monitor {

// What is remembered from one sample to the next.
struct Memo {
    std::optional<std::uint64_t> received; // network
    bool was_writable = false;             // filesystem
    std::optional<std::int64_t>
        realtime_ahead; // clock: ms, of CLOCK_REALTIME before CLOCK_BOOTTIME
};

[[nodiscard]] bool needs_a_process(const Settings& settings);

void sample_here(const Settings& settings, const std::string& root, Memo& memo, Report& report);
// In the child. `memo` is a copy: what it remembers comes from remember().
void sample_apart(const Settings& settings, const std::string& root, const Memo& memo,
                  Report& report);
// In the parent, with what the child has found. A temperature as the mean of the last samples is
// the child's business: it takes them one after the other.
void remember(const Settings& settings, const Report& report, Memo& memo);

void sample_load(const Settings& settings, const std::string& root, long cpus, Report& report);
void sample_memory(const Settings& settings, const std::string& root, Report& report);
void sample_file_table(const Settings& settings, const std::string& root, Report& report);
void sample_worst_process(const Settings& settings, const std::string& root, Report& report);
void sample_pressure(const Settings& settings, const std::string& root, Report& report);
void sample_interface(const Settings& settings, const std::string& root, Memo& memo,
                      Report& report);
void sample_processes(const Settings& settings, const std::string& root, Report& report);
// `ahead_ms`: CLOCK_REALTIME less CLOCK_BOOTTIME now.
void sample_clock(std::int64_t ahead_ms, Memo& memo, Report& report);
void sample_filesystem(const Settings& settings, const std::string& root, const Memo& memo,
                       Report& report);
void sample_temperature(const Settings& settings, const std::string& root, Report& report);
void sample_ping(const Settings& settings, Report& report);
// Takes so much memory and touches it.
void try_to_allocate(std::uint64_t bytes, Report& report);

// Empty: there is no such file, or it cannot be read. At most 64 KiB.
[[nodiscard]] std::string file_text(const std::string& path);

} // namespace leash_monitor
