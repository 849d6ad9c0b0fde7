// SPDX-License-Identifier: MIT
// Where the facts come from: the kernel module, or what a test puts in its place.
#pragma once

#include <expected>
#include <functional>
#include <memory>
#include <string>

#include "base/result.h"
#include "taskview/sample.h"

namespace leash::taskview {

// Why the module cannot be asked, as a sentence with a remedy.
struct Refusal {
    std::string text;
    int status = 0; // to exit with: kNoModule, kNotPermitted, or kFailed
};
inline constexpr int kFailed = 1;
inline constexpr int kNoModule = 5; // as initctl's: there is nobody to ask
inline constexpr int kNotPermitted = 6;
[[nodiscard]] Refusal refusal_of(const Error& error);

class TaskSource {
  public:
    virtual ~TaskSource() = default;
    // Which facts, calls and states the module has.
    [[nodiscard]] virtual leash_version version() const = 0;
    // One chain of snapshot calls, and before it one of the starts.
    virtual Result<Sample> sample(const Query& query) = 0;
    // Fills the texts that `extras` (extra::*) asks for. What can be learned once only is kept.
    virtual void describe(Row& row, unsigned extras) = 0;
    virtual Result<std::vector<leash_start_info>> starts() = 0;
    virtual Result<leash_stats> stats() = 0;
};

using OpenTaskSource = std::function<std::expected<std::unique_ptr<TaskSource>, Refusal>()>;

// /dev/leash as an observer.
[[nodiscard]] std::expected<std::unique_ptr<TaskSource>, Refusal> open_kernel_source();

} // namespace leash::taskview
