// SPDX-License-Identifier: MIT
// What init.conf says, as values: plain data, filled by load() (config/load.h). The keys are
// documented for users in the schema table (config/schema.h).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "service/policy.h" // RateLimit

namespace leash {

struct MountEntry {
    std::string source, target, type; // target is an absolute path
    std::vector<std::string> options; // as written: ro, noatime, size=10%, nofail, ...
    friend bool operator==(const MountEntry&, const MountEntry&) = default;
};

enum class OnMissingDevice { warn, ignore };
enum class RescueFeeding { feed, starve };

// [watchdog], for init itself. The plugin gets the same as texts: SystemSettings::plugin_config.
struct WatchdogSettings {
    std::string device = "/dev/watchdog";
    Ms timeout{20'000};             // whole seconds
    Ms interval{0};                 // 0: half of the timeout that the driver really has
    std::string priority = "deadline"; // or "fifo:1" .. "fifo:99", or "other"
    Ms loop_limit{10'000};
    OnMissingDevice on_missing_device = OnMissingDevice::warn;
    RescueFeeding rescue = RescueFeeding::feed;
    Ms rescue_limit{0};             // `rescue = feed TIME`: feed that long; 0 = for ever
    Ms boot_limit{300'000};         // 0 = no limit
    std::string delegate_to;        // the service that owns the device; empty: none
};

using TextPairs = std::vector<std::pair<std::string, std::string>>;

enum class OnDeadman { nothing, panic, restart };

// What the kernel module watches when nobody in user space can.
struct DeadmanSettings {
    Ms timeout{0};              // of PID 1's loop; 0 = off
    Ms grace{10'000};           // from the trouble handler's start to the action
    OnDeadman action = OnDeadman::nothing;
    std::string handler = "/usr/lib/leash/leash-trouble-handler"; // absolute; empty: none
    Ms hung_task{0};            // 0 = off
    friend bool operator==(const DeadmanSettings&, const DeadmanSettings&) = default;
};

struct SystemSettings {
    std::string hostname;             // empty: leave what the kernel has
    std::vector<std::string> modules; // each "NAME" or "NAME PARAMETER=VALUE ...", single blanks
    std::vector<MountEntry> mounts;   // in the order given
    TextPairs sysctl;                 // name (with dots or slashes) and value
    Ms shutdown_timeout{30'000};
    Ms panic_reboot{10'000};          // for kernel.panic, whole seconds; 0 = hang
    std::vector<std::string> plugins{"watchdog"};
    std::string console;              // absolute path of a device; empty: /dev/console
    std::vector<std::string> rescue_shell{"/bin/sh", "-l"};
    std::uint64_t log_size = 65'536;  // bytes kept for each service's output
    std::uint64_t trouble_log_size = 262'144; // bytes of a file of records of trouble
    unsigned trouble_log_files = 4;           // how many of them
    RateLimit crash_limit{60, Ms{60'000}};
    Ms exec_timeout{30'000};         // of a step `exec` that answers trouble of the machine

    WatchdogSettings watchdog;
    DeadmanSettings deadman;

    // For each plugin, its section as (key, value) texts, and those of its sections with a label
    // under "PLUGIN LABEL". Sections that the schema table knows have every key in its order,
    // defaults included, all values checked; "watchdog" is always there. Others have their keys as
    // written and in that order.
    std::map<std::string, TextPairs> plugin_config;
    std::vector<std::string> plugin_sections; // those with a label, in the order of the file
};

} // namespace leash
