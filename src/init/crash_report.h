// SPDX-License-Identifier: MIT
// What a crash of init looks like to people: a line for the log, and a file of less than 16 KB.
#pragma once

#include <string>

#include "base/result.h"
#include "init/black_box.h"
#include "init/recovery.h"
#include "service/policy.h"

namespace leash {

inline constexpr const char* kCrashFolder = "/var/lib/leash/crash";
inline constexpr const char* kCrashFolderInMemory = "/run/leash/crash"; // where the other is read-only
inline constexpr std::size_t kMostCrashReports = 8, kMostCrashBytes = 15 * 1024;

// "SIGSEGV (address not mapped: 0x0) in init+0x1f2a4"; "SIGABRT in init+0x..: uncaught std::bad_alloc";
// "SIGBUS, sent by process 312 of user 0, in libc.so.6+0x10ab7".
[[nodiscard]] std::string describe_crash(const BlackBox& box);

struct CrashContext {
    int crashes = 1;         // since boot, this one included
    std::string boot, lost;  // of the kernel; why the state was lost, "": it was not
    std::string sender_name; // of the process that sent the signal, as far as it is known
};
[[nodiscard]] std::string crash_report(const BlackBox& box, const CrashContext& context);
// "20261122T134000Z-003-SIGSEGV.txt": in the order of time.
[[nodiscard]] std::string crash_report_name(const BlackBox& box, int crashes);

// In a worker: writes the report, first into memory, then to the disk. Tells `out` a line each time: the
// last one is where it is.
int store_crash_report(const BlackBox& box, CrashContext context, int out);

// Why init should rather do as little as it can than try again; null: it should go on.
// `record` counts this life already.
[[nodiscard]] const char* reason_to_stay_minimal(const SystemRecord& record, RateLimit limit, Ms now);

} // namespace leash
