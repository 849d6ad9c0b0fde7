// SPDX-License-Identifier: MIT
// What the monitor plugin reads: the kernel's texts, settings as lines, and its helper's packets.
#include "monitor/proc_text.h"
#include "monitor/report.h"
#include "monitor/settings.h"

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string_view>

using namespace leash_monitor;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text{reinterpret_cast<const char*>(data), size};
    if (auto memory = parse_meminfo(text); memory && memory->total_kb == 0) std::abort();
    if (auto load = parse_loadavg(text); load && !(load->one >= 0 && load->one < 1e8)) std::abort();
    if (auto table = parse_file_nr(text); table && table->most == 0) std::abort();
    if (auto value = parse_pressure(text, "some"); value && !(*value >= 0 && *value < 1e8))
        std::abort();
    (void)parse_received(text, "eth0");
    (void)parse_open_files_limit(text);
    (void)parse_read_only(text, "/");
    (void)parse_number(text);
    (void)parse_uptime(text);
    for (const auto& settings : settings_of(text))
        if (settings.interval_ms < 100 || settings.after_samples < 1 || !(settings.margin() >= 0))
            std::abort();
    for (const auto& word : split_command(text))
        if (word.size() > size) std::abort();
    Report report;
    if (read_report(data, size, 3, report) &&
        (!std::isfinite(report.value) || std::strlen(report.text) >= sizeof report.text))
        std::abort();
    return 0;
}
