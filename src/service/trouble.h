// SPDX-License-Identifier: MIT
// Which steps of a policy come next, and what is left of their budgets. Values only; the life-cycle
// does what the steps say.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "service/policy.h"
#include "service/restart.h"
#include "service/settings.h"

namespace leash {

// The line of the file that answers `kind`: on-trouble is shared by all kinds that have no line of
// their own, and so are the budgets of its steps; so is on-memory.
[[nodiscard]] int policy_line(const ServiceSettings& settings, TroubleKind kind);

// Budgets of one service, by line and step. They outlive its starts.
class Budgets {
  public:
    static constexpr std::size_t kMost = 16; // beyond, the one unused for longest is forgotten
    bool take(int line, std::size_t step, const RateLimit& limit, Ms now);
    void clear() { uses_.clear(); }

    struct Use {
        int line = 0;
        std::size_t step = 0;
        RateWindow window;
    };
    // For a saved record: the last used ones, at most `most`.
    [[nodiscard]] std::vector<Use> newest(std::size_t most) const;
    void restore(const Use& use) { uses_.push_back(use); }

  private:
    std::vector<Use> uses_; // at most kMost
};

// What a policy says to do now.
struct Answer {
    std::vector<Step> steps;         // to take at once, in order; a final one can only be the last
    std::optional<std::size_t> next; // the step that waits for its `after` ...
    Ms due{0};                       // ... until then
    bool exhausted = false;          // there are final steps, but all of their budgets are used up
    [[nodiscard]] bool is_final() const {
        return !steps.empty() && leash::is_final(steps.back().kind);
    }
};

// Percent of a limit: which steps have their turn. The step's own level (`at 60%`, else 100) lies above
// `below` and is not above `level`.
struct Levels {
    int below = 0, level = 100;
    [[nodiscard]] bool hold(const Step& step) const {
        int own = step.at_percent.value_or(100);
        return own > below && own <= level;
    }
};

// Reads `policy` from step `from` on. `waited`: the time of that step's `after` has passed.
// Takes from the budgets of the steps it returns in `steps`.
[[nodiscard]] Answer next_steps(const Policy& policy, std::size_t from, bool waited,
                                Budgets& budgets, int line, Ms now, Levels levels = {});

// "report, signal SIGABRT; then restart after 5s": for messages.
[[nodiscard]] std::string describe(const Answer& answer, const Policy& policy);

// A trouble that stands: a step of it may wait, one with a level has been answered up to there. Value
// type, part of Life. Most kinds end with their start; a crash loop, which is seen between two starts,
// when one has lasted (`calming`: until `due`), has been asked for, or when the service is given up.
struct PendingTrouble {
    bool pending = false; // step `next` waits until `due`
    std::size_t next = 0;
    Ms due{0};
    std::string evidence;
    Levels waiting{};  // of the step that waits and those behind it
    int answered = 0;  // percent; 0: of no level, or over
    bool standing = false, calming = false;
    Ms since{0};
};

} // namespace leash
