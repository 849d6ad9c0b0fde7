// SPDX-License-Identifier: MIT
// The rows of [system].
#include <algorithm>

#include <fmt/format.h>

#include "base/shell_words.h"
#include "base/tag.h"
#include "base/text.h"
#include "base/units.h"
#include "config/complaint.h"
#include "config/schema.h"
#include "config/schema_parts.h"
#include "config/values.h"

namespace leash {
namespace {

using S = SystemSettings;
using V = Value;

constexpr std::int64_t kSecond = 1000, kMinute = 60 * kSecond, kHour = 60 * kMinute;
constexpr std::int64_t kKiB = 1024, kMiB = 1024 * kKiB;

// ---- setters of [system] ------------------------------------------------------------------------

Checked<void> set_hostname(S& s, const V& v) {
    auto labels = split(v.text, '.');
    bool good = v.text.size() <= 64 && std::ranges::all_of(labels, [](auto label) {
        return !label.empty() && only_of(label, "-") && !label.starts_with('-') &&
               !label.ends_with('-');
    });
    if (!good)
        return fault(fmt::format("{} is not a host's name; allowed: letters, digits, '-' inside, "
                                 "'.' between, 64 bytes at most", quote(v.text)));
    s.hostname = v.text;
    return {};
}

Checked<void> set_modules(S& s, const V& v) {
    auto modules = v.items.empty() ? std::vector<std::string>{} : s.modules;
    for (const auto& item : v.items) {
        auto words = split_command(item);
        if (!words || words->empty() || !only_of(words->front(), "_-") || words->front()[0] == '-')
            return fault(fmt::format("{} is not a module; allowed: NAME [PARAMETER=VALUE ...]",
                                     quote(item)),
                         item.ends_with(".ko") ? "leave .ko off" : "");
        for (std::size_t i = 1; i < words->size(); ++i)
            if ((*words)[i].starts_with('-') || (*words)[i].find(' ') != std::string::npos)
                return fault(fmt::format("{} is not a parameter of a module",
                                         quote((*words)[i])),
                             "separate modules by commas");
        modules.push_back(join(*words, " "));
    }
    s.modules = std::move(modules);
    return {};
}

Checked<void> set_mounts(S& s, const V& v) {
    auto mounts = v.items.empty() ? std::vector<MountEntry>{} : s.mounts;
    for (const auto& item : v.items) {
        auto words = split_command(item);
        if (!words) return fault(words.error().text);
        if (words->size() < 3)
            return fault(fmt::format("{} is not SOURCE TARGET TYPE [OPTION ...]", quote(item)),
                         "for example /dev/vdb /data ext4 noatime nofail");
        auto target = parse_path((*words)[1]);
        if (!target) return std::unexpected(target.error());
        if (std::ranges::any_of(mounts, [&](const auto& m) { return m.target == *target; }))
            return fault(fmt::format("{} is mounted on twice", quote(*target)));
        if (!only_of((*words)[2], "._-"))
            return fault(fmt::format("{} is not a type of file system", quote((*words)[2])),
                         "for example ext4, vfat, tmpfs; options come after it");
        mounts.push_back({(*words)[0], *target, (*words)[2], {words->begin() + 3, words->end()}});
    }
    s.mounts = std::move(mounts);
    return {};
}

Checked<void> set_sysctl(S& s, const V& v) {
    auto sysctl = v.items.empty() ? TextPairs{} : s.sysctl;
    for (const auto& item : v.items) {
        auto pair = parse_pair(item);
        if (!pair) return std::unexpected(pair.error());
        const auto& name = pair->first;
        // Becomes a path below /proc/sys.
        bool good = only_of(name, "._/-") && name[0] != '/' && name[0] != '.' &&
                    name.find("..") == std::string::npos && name.find("//") == std::string::npos;
        if (!good)
            return fault(fmt::format("{} is not a name below /proc/sys", quote(name)),
                         "for example net.ipv4.ip_forward=1");
        sysctl.push_back(std::move(*pair));
    }
    s.sysctl = std::move(sysctl);
    return {};
}

Checked<void> set_plugins(S& s, const V& v) {
    auto plugins = v.items.empty() ? std::vector<std::string>{} : s.plugins;
    for (const auto& name : v.items) {
        if (!only_of(name, "_-") || name.size() > kMaxServiceName || name[0] == '-')
            return fault(fmt::format("{} is not a plugin's name; allowed: letters, digits, _ and -",
                                     quote(name)),
                         name.ends_with(".so") ? "leave the folder and .so off" : "");
        if (name == "system" || name == "defaults" || name == "service")
            return fault(fmt::format("{} is a section of its own", quote(name)));
        if (std::ranges::find(plugins, name) == plugins.end()) plugins.push_back(name);
    }
    s.plugins = std::move(plugins);
    return {};
}

Checked<void> set_console(S& s, const V& v) {
    auto name = parse_device_name(v.text);
    if (!name) return std::unexpected(name.error());
    s.console = "/dev/" + *name;
    return {};
}

template <Ms S::*member> Checked<void> set_time(S& s, const V& v) {
    s.*member = v.time;
    return {};
}

// ---- the table ----------------------------------------------------------------------------------

void add_system(std::vector<KeySpec>& table) {
    using enum ValueType;
    constexpr std::string_view section = "system";
    table.push_back({.section = section, .key = "hostname", .type = grammar,
        .grammar = "a host's name", .fallback_note = "what the kernel has",
        .text = "The name of the machine.", .set = SystemSetter{set_hostname}});
    table.push_back({.section = section, .key = "modules", .type = list,
        .grammar = "NAME [PARAMETER=VALUE ...]",
        .text = "Kernel modules to load before the first service, in this order. Parameters follow "
                "the name after blanks: `modules = i6300esb, softdog soft_margin=30`.",
        .set = SystemSetter{set_modules}});
    table.push_back({.section = section, .key = "mounts", .type = list,
        .grammar = "SOURCE TARGET TYPE [OPTION ...]",
        .text = "File systems to mount before the first service, in this order. The parts of an "
                "item are separated by blanks, and so are the options: `mounts = /dev/vdb /data "
                "ext4 noatime nofail, tmpfs /tmp tmpfs size=10%`. The option `nofail` makes it no "
                "fault if the source does not exist. (/proc, /sys, /dev, /run and the cgroups are "
                "mounted anyway.)",
        .set = SystemSetter{set_mounts}});
    table.push_back({.section = section, .key = "sysctl", .type = list, .grammar = "NAME=VALUE",
        .text = "Values to write below /proc/sys before the first service, for example `sysctl = "
                "kernel.sysrq=0, net.ipv4.ip_forward=1`. A value with blanks or commas needs "
                "quotes.",
        .set = SystemSetter{set_sysctl}});
    table.push_back({.section = section, .key = "console", .type = grammar,
        .grammar = "a device below /dev, for example ttyS0, tty1, console",
        .fallback_note = "`/dev/console`, which is the kernel's console",
        .text = "Where messages go, and where the rescue shell runs.",
        .set = SystemSetter{set_console}});
    table.push_back({.section = section, .key = "rescue-shell", .type = command,
        .fallback = "/bin/sh -l",
        .text = "The program that is offered on the console in the rescue target, and when no "
                "service can be started.",
        .set = SystemSetter{[](S& s, const V& v) -> Checked<void> {
            s.rescue_shell = v.items;
            return {};
        }}});
    table.push_back({.section = section, .key = "shutdown-timeout", .type = duration,
        .least = kSecond, .most = 10 * kMinute, .fallback = "30s",
        .text = "How long all services together may take to stop at shutdown. Then what is left is "
                "killed.",
        .set = SystemSetter{set_time<&S::shutdown_timeout>}});
    table.push_back({.section = section, .key = "panic-reboot", .type = duration,
        .least = kSecond, .most = kHour, .step = kSecond, .zero = "hang for ever",
        .fallback = "10s",
        .text = "How long the kernel waits after a panic before it reboots (sysctl kernel.panic).",
        .set = SystemSetter{set_time<&S::panic_reboot>}});
    table.push_back({.section = section, .key = "crash-limit", .type = rate, .fallback = "60/1m",
        .text = "How often init itself may crash and recover. After more, it goes into its minimal "
                "mode: it reaps, offers a console, records the cause, and feeds the WDT no more.",
        .set = SystemSetter{[](S& s, const V& v) -> Checked<void> {
            s.crash_limit = v.rate;
            return {};
        }}});
    table.push_back({.section = section, .key = "exec-timeout", .type = duration, .least = 100,
        .most = kHour, .fallback = "30s",
        .text = "How long the command of a step `exec:` may take that answers trouble of the machine. "
                "Then it is killed with all of its process group, which is told as a failure. (Of "
                "services: the key of the same name in leash.service(5).)",
        .set = SystemSetter{set_time<&S::exec_timeout>}});
    table.push_back({.section = section, .key = "log-size", .type = size, .least = 4 * kKiB,
        .most = 16 * kMiB, .fallback = "64K",
        .text = "How much of the latest output of each service is kept for `initctl log`.",
        .set = SystemSetter{[](S& s, const V& v) -> Checked<void> {
            s.log_size = v.size;
            return {};
        }}});
    table.push_back({.section = section, .key = "trouble-log-size", .type = size, .least = 4 * kKiB,
        .most = 16 * kMiB, .fallback = "256K",
        .text = "How large a file of records of trouble grows before the next one is begun "
                "(leash-troubles(5)).",
        .set = SystemSetter{[](S& s, const V& v) -> Checked<void> {
            s.trouble_log_size = v.size;
            return {};
        }}});
    table.push_back({.section = section, .key = "trouble-log-files", .type = ValueType::grammar,
        .grammar = "a number from 1 to 64", .fallback = "4",
        .text = "How many files of records of trouble are kept, the newest included.",
        .set = SystemSetter{[](S& s, const V& v) -> Checked<void> {
            auto number = parse_unsigned(v.text);
            if (!number || *number < 1 || *number > 64)
                return fault(fmt::format("'{}' is no number from 1 to 64", printable(v.text)));
            s.trouble_log_files = static_cast<unsigned>(*number);
            return {};
        }}});
    table.push_back({.section = section, .key = "plugins", .type = list, .grammar = "NAME",
        .fallback = "watchdog",
        .text = "The plugins to load, from /usr/lib/leash/plugins/NAME.so. A plugin may have a "
                "section of its own name, whose keys it gets as they are written.",
        .set = SystemSetter{set_plugins}});
}

} // namespace

std::vector<KeySpec>& kept_system_schema() {
    static std::vector<KeySpec> table;
    return table;
}

const std::vector<KeySpec>& system_schema() {
    auto& table = kept_system_schema();
    if (!table.empty()) return table;
    add_system(table);
    add_kernel_trouble(table);
    add_watchdog(table);
    add_monitor(table);
    add_finder(table);
    return table;
}

} // namespace leash
