// SPDX-License-Identifier: MIT
// What the kernel tells in /proc, as values. Each takes the text of the file; nothing: it is not
// what such a file looks like.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace leash_monitor {

struct Memory {
    std::uint64_t total_kb = 0, available_kb = 0, swap_total_kb = 0;
};
[[nodiscard]] std::optional<Memory> parse_meminfo(std::string_view text);

struct Load {
    double one = 0, five = 0;
    std::uint64_t tasks = 0; // all there are
};
[[nodiscard]] std::optional<Load> parse_loadavg(std::string_view text);

struct FileTable {
    std::uint64_t used = 0, most = 0;
};
[[nodiscard]] std::optional<FileTable> parse_file_nr(std::string_view text);

// avg10, in percent, of the line "some" or "full".
[[nodiscard]] std::optional<double> parse_pressure(std::string_view text, std::string_view kind);

// Bytes received by an interface, from /proc/net/dev.
[[nodiscard]] std::optional<std::uint64_t> parse_received(std::string_view text,
                                                          std::string_view interface);

// The soft limit, from /proc/PID/limits. UINT64_MAX: unlimited.
[[nodiscard]] std::optional<std::uint64_t> parse_open_files_limit(std::string_view text);

// Of the mount at exactly this place in /proc/self/mountinfo, the last one if there are several:
// true if it, or its file system, is read-only.
[[nodiscard]] std::optional<bool> parse_read_only(std::string_view mountinfo,
                                                  std::string_view place);

// One number and nothing else.
[[nodiscard]] std::optional<std::int64_t> parse_number(std::string_view text);
// The first number of /proc/uptime.
[[nodiscard]] std::optional<double> parse_uptime(std::string_view text);

} // namespace leash_monitor
