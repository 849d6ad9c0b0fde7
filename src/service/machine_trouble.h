// SPDX-License-Identifier: MIT
// Trouble with the machine, of no service: a full disk, a hot board. Who notices it brings the answer
// along, in the grammar of policy.h, of the steps that have to do with no service: report, exec, safe,
// reboot, poweroff, halt. Values only: what the steps say is done by init (init/machine_answers.h).
//
// A trouble is known by its source ("monitor memory") and its kind, a word. It stands from the first
// report until it is over; reports in between say nothing new. Its budgets outlive it, as long as its
// policy stays the same.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "service/policy.h"
#include "service/trouble.h"

namespace leash {

// What is to be done about a trouble now.
struct MachineAnswer {
    std::string source, kind, evidence;
    Policy policy;
    Answer answer;
};

// One trouble, for the state page. A record without a source is free. Of the budgets the last used.
struct MachineTroubleRecord {
    static constexpr std::size_t kBudgets = 6;
    char source[64], kind[32], policy[1024], evidence[160];
    std::int64_t due, since; // ms
    std::uint32_t standing, pending, next, budgets_used;
    Budgets::Use budgets[kBudgets];
};

// A policy of a machine: as parse_policy(), less the steps and clauses that mean nothing here.
[[nodiscard]] Result<Policy> parse_machine_policy(std::string_view text);

class MachineTroubles {
  public:
    // Beyond, one that is over and was heard of least lately is forgotten.
    static constexpr std::size_t kMost = 64;
    // Longer ones are refused (evidence: cut), so that each fits into its record.
    static constexpr std::size_t kMostSource = 63, kMostKind = 31, kMostPolicy = 1023;

    enum class Refusal { invalid, full };
    struct Refused {
        Refusal why;
        std::string text;
    };
    // Nothing: it stands already.
    using Seen = std::expected<std::optional<MachineAnswer>, Refused>;
    [[nodiscard]] Seen seen(std::string_view source, std::string_view kind, std::string_view policy,
                            std::string_view evidence, Ms now);
    // False: it did not stand.
    bool over(std::string_view source, std::string_view kind);

    // Its step `end` may not be at present (a reboot too many): it is taken again after a while, with
    // growing pauses, for as long as the trouble stands. Its budget is given back.
    static constexpr Ms kFirstRetry{60'000}, kLongestRetry{960'000};
    void refused(std::string_view source, std::string_view kind, StepKind end, Ms now);

    // Steps whose `after` has passed, and when the next one will have.
    [[nodiscard]] std::vector<MachineAnswer> tick(Ms now);
    [[nodiscard]] std::optional<Ms> next_deadline() const;

    [[nodiscard]] std::size_t standing() const;
    struct View {
        std::string source, kind, evidence;
        Ms since{0};
        std::string next; // the step that waits, "" for none ...
        Ms due{0};        // ... until then
    };
    [[nodiscard]] std::vector<View> views() const; // of those that stand

    // For the state page: places (below kMost) of which something has changed since the last call.
    [[nodiscard]] std::vector<std::size_t> take_changed();
    [[nodiscard]] MachineTroubleRecord record(std::size_t place) const;
    // In a next life, before anything else. What waits does so until `not_before` at least: whoever
    // could say that the trouble is over has not been heard yet. What makes no sense is left out.
    void restore(std::size_t place, const MachineTroubleRecord& record, Ms not_before);

  private:
    struct Trouble {
        std::string source, kind, policy_text, evidence;
        Policy policy;
        bool standing = false, changed = false;
        std::optional<std::size_t> next; // the step that waits
        Ms due{0}, heard{0}, since{0};
        Ms retry = kFirstRetry; // of a step that was refused
        Budgets budgets, before; // before: without what the last answer has taken
    };
    [[nodiscard]] Trouble* find(std::string_view source, std::string_view kind);
    [[nodiscard]] Trouble* place_for_another();
    [[nodiscard]] static MachineAnswer answer(Trouble& trouble, std::size_t from, bool waited, Ms now);

    std::vector<Trouble> troubles_; // at most kMost; an empty source is a free place
};

} // namespace leash
