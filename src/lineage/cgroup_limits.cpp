// SPDX-License-Identifier: MIT
#include "lineage/cgroup_limits.h"

#include <algorithm>

#include "base/text.h"
#include "lineage/cgroup_folder.h"

namespace leash {
namespace {

constexpr std::uint64_t kPeriod = 100'000; // us, of cpu.max: the kernel's default

bool is_enabled(const std::string& folder, const std::string& controller) {
    auto text = read_small_file(folder + "/cgroup.subtree_control").value_or("");
    std::string_view rest(text);
    while (!rest.empty()) {
        auto end = rest.find_first_of(" \n");
        if (rest.substr(0, end) == controller) return true;
        rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
    }
    return false;
}

} // namespace

Result<void> enable_controllers(const std::string& root) {
    auto above = root.substr(0, root.rfind('/'));
    std::string missing;
    for (const std::string controller : {"cpu", "memory", "pids"}) {
        if (is_enabled(root, controller)) continue;
        if (!is_enabled(above, controller))
            (void)write_group_file(above, "cgroup.subtree_control", "+" + controller);
        if (write_group_file(root, "cgroup.subtree_control", "+" + controller)) continue;
        missing += (missing.empty() ? "" : ", ") + controller;
    }
    if (!missing.empty()) return fail("cgroup controllers cannot be had: {}", missing);
    return {};
}

Result<void> limit_cpu(const std::string& folder, std::uint64_t percent) {
    auto quota = std::max<std::uint64_t>(percent, 1) * (kPeriod / 100);
    return write_group_file(folder, "cpu.max", fmt::format("{} {}", quota, kPeriod));
}

Result<void> limit_memory(const std::string& folder, std::uint64_t bytes) {
    return write_group_file(folder, "memory.high", std::to_string(bytes));
}

Result<void> limit_tasks(const std::string& folder, std::uint64_t tasks) {
    return write_group_file(folder, "pids.max", std::to_string(tasks));
}

std::uint64_t tasks_now(const std::string& folder) {
    auto text = read_small_file(folder + "/pids.current").value_or("");
    return parse_unsigned(text.substr(0, text.find('\n'))).value_or(0);
}

Result<void> freeze_group(const std::string& folder) {
    return write_group_file(folder, "cgroup.freeze", "1");
}

bool is_frozen(const std::string& folder) {
    return read_small_file(folder + "/cgroup.freeze").value_or("").starts_with('1');
}

void thaw_group(const std::string& folder) {
    (void)write_group_file(folder, "cgroup.freeze", "0"); // ENOENT: there is no such group
}

void lift_limits(const std::string& folder) {
    for (const char* file : {"cpu.max", "memory.high", "pids.max"})
        (void)write_group_file(folder, file, "max");
}

} // namespace leash
