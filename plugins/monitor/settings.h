// SPDX-License-Identifier: MIT
// A section [monitor NAME] of init.conf as values. Init has checked every key already, by the
// schema table (src/config/schema_monitor.cpp), which is where the keys are documented for users.
// The plugin hands the same keys on to its helper as lines "key=value", where they are read by the
// same code.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace leash_monitor {

inline constexpr std::size_t kMostMonitors = 32;
inline constexpr std::size_t kMostSettings = 65'536; // bytes, of all lines

enum class Type : std::uint8_t {
    load,
    memory,
    files,
    filesystem,
    temperature,
    script,
    pressure,
    network,
    processes,
    clock
};
inline constexpr std::size_t kTypes = 10;
[[nodiscard]] const char* to_string(Type type);
[[nodiscard]] std::optional<Type> type_named(std::string_view name);

struct Settings {
    std::string name;
    Type type = Type::load;
    bool enabled = true;
    std::int64_t interval_ms = 10'000;
    std::int64_t timeout_ms = 10'000;        // of what is asked in a process of its own
    std::optional<double> warning, critical; // reached: at or above
    std::optional<double> clear;             // over: below. Without: 5 % below `warning`
    int after_samples = 1;                   // so many in a row ...
    std::int64_t after_ms = 0;               // ... and for so long
    std::string on_warning = "report", on_critical = "report";

    std::int64_t settle_ms = 300'000;               // load: uptime before it can be critical
    bool with_swap = false;                         // memory
    std::uint64_t min_free = 0, allocate = 0;       // memory: bytes
    std::string scope = "system";                   // files: system, process
    std::string path;                               // filesystem; temperature: one sensor
    double limit = 100;                             // temperature: degrees, where a sensor has none
    std::string command;                            // script
    std::string resource = "memory", kind = "some"; // pressure
    std::string interface, ping;                    // network
    int ping_count = 3;
    bool fork_test = false; // processes

    // What lets it go from a level down again: this much below.
    [[nodiscard]] double margin() const;
};

// "20s", "500 ms"; "10M"; "90%", "4.5". False: it is none.
[[nodiscard]] bool parse_duration(std::string_view text, std::int64_t& ms);
[[nodiscard]] bool parse_size(std::string_view text, std::uint64_t& bytes);
[[nodiscard]] bool parse_level(std::string_view text, double& level);

// nullptr or "": not set.
using Lookup = std::function<const char*(const char* key)>;
// What is wrong, "": nothing. Values that make no sense keep their defaults.
[[nodiscard]] std::string read_settings(const std::string& name, const Lookup& lookup,
                                        Settings& settings);

// For the helper: "name=...\n" and then its other keys, for each monitor.
[[nodiscard]] std::string lines_of(const std::string& name, const Lookup& lookup);
[[nodiscard]] std::vector<Settings> settings_of(std::string_view lines);

// By the shell's quoting rules, without a shell; empty: nothing in it, or a quote is open.
[[nodiscard]] std::vector<std::string> split_command(std::string_view text);

} // namespace leash_monitor
