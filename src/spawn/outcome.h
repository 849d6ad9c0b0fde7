// SPDX-License-Identifier: MIT
// How a child tells that it is through: the read end of its pipe, with the plan that it may run by until
// then. Readable: EOF = execve succeeded, else why not.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/unique_fd.h"

namespace leash {

class ChildPlan;

class ExecOutcome {
  public:
    ExecOutcome();
    explicit ExecOutcome(UniqueFd fd);
    ExecOutcome(ExecOutcome&& other) noexcept;
    ExecOutcome& operator=(ExecOutcome&& other) noexcept;
    // Lets go. A plan that somebody runs by still is kept until he is through.
    ~ExecOutcome();
    void reset();

    void keep(std::unique_ptr<ChildPlan> plan);
    [[nodiscard]] int get() const { return fd_.get(); }
    explicit operator bool() const { return static_cast<bool>(fd_); }

    // How many plans are kept for children that nobody waits for any more.
    [[nodiscard]] static std::size_t orphans();

  private:
    UniqueFd fd_;
    std::unique_ptr<ChildPlan> plan_;
};

// Reads `outcome_fd` once it is readable: nothing = executed; else why not, as a sentence that names
// what failed and, where it helps, the file (e.g. "user 'wwwdata' is not in /etc/passwd").
[[nodiscard]] std::optional<std::string> read_outcome(int outcome_fd);

} // namespace leash
