// SPDX-License-Identifier: MIT
// The texts that the module's records do not hold: command line, program, user, cgroup folder. Each
// is fetched only for tasks that are shown, and once for all threads of a process.
#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/unique_fd.h"
#include "taskview/sample.h"

namespace leash::taskview {

// The text of /proc/PID/cmdline with blanks between the words; "[comm]" where there is none.
[[nodiscard]] std::string command_text(std::string cmdline, const leash_task& task);

class Describer {
  public:
    Describer();
    void describe(Row& row, unsigned extras);
    // Forgets what belongs to single processes: they may have executed something else meanwhile.
    void next_sample();

  private:
    [[nodiscard]] std::string read_cmdline(const leash_task& task) const;
    [[nodiscard]] std::string read_exe(const leash_task& task) const;
    [[nodiscard]] static std::string user_name(std::uint32_t uid);
    [[nodiscard]] std::string cgroup_folder(std::uint64_t inode) const;

    UniqueFd proc_, cgroups_;
    std::string cgroup_mount_;
    std::unordered_map<std::int32_t, std::string> cmdlines_, programs_; // by process
    std::unordered_map<std::uint32_t, std::string> users_;
    std::unordered_map<std::uint64_t, std::string> groups_;
};

} // namespace leash::taskview
