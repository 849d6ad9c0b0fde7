// SPDX-License-Identifier: MIT
// Watches what services wait for that is no service, and tells the core when it changes: interfaces by
// netlink, mounts by /proc/self/mounts, paths by looking again and again, in a worker where a disk could
// hang. Conditions that users set live here and in the state page.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/growing_pause.h"
#include "base/unique_fd.h"
#include "init/core_loop.h"
#include "init/link_watch.h"
#include "init/recovery.h"
#include "init/unmount.h"
#include "init/workers.h"
#include "service/condition.h"
#include "service/manager.h"

namespace leash {

class Conditions {
  public:
    // What users have set in an earlier life of init stands in the state page.
    Conditions(EventLoop& loop, Manager& manager, CoreLoop& core, Workers& workers, Recovery& recovery,
               std::string kernel_command_line);

    // The descriptions have been read, for the first time or again: looks at all that they name.
    void update();

    // `initctl cond set NAME`, `initctl cond clear NAME`.
    Result<void> set_user(const std::string& name, bool holds);
    [[nodiscard]] const std::set<std::string>& user() const { return user_; }

  private:
    void tell(const std::string& fact, bool holds);
    [[nodiscard]] std::optional<bool> at_once(const Condition& condition) const; // none: a worker
    void look_at(ConditionKind kind);
    void open_mounts();
    void read_mounts();
    void look_at_paths();
    void ask_worker(std::vector<std::string> paths);

    EventLoop& loop_;
    Manager& manager_;
    CoreLoop& core_;
    Workers& workers_;
    Recovery& recovery_;
    std::string kernel_command_line_;
    std::set<std::string> user_;
    std::vector<Condition> wanted_;     // none of them negated
    std::map<std::string, bool> known_; // what the core was told
    std::unique_ptr<LinkWatch> links_;
    UniqueFd mounts_fd_;
    std::unique_ptr<IoWatch> mounts_watch_;
    std::vector<MountLine> mounts_;
    Timer path_timer_;
    GrowingPause worker_pause_{Ms{5'000}, Ms{300'000}};
    Ms worker_next_{0};
    bool worker_runs_ = false;
    std::size_t worker_from_ = 0; // the first path of the next worker: one that hangs comes last
};

// Whether a look at `path` cannot wait for a disk or a server: all that is mounted on the way to it (but
// for the root) lives in memory.
[[nodiscard]] bool lies_in_memory(std::string_view path, const std::vector<MountLine>& mounts);

// Whether a word of the kernel's command line is `word`, or `word` is NAME and it is NAME=VALUE.
[[nodiscard]] bool has_word(std::string_view command_line, std::string_view word);

} // namespace leash
