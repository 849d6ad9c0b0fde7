// SPDX-License-Identifier: MIT
// The recorder's books: three files beside each other, each whole at any time.
//
//     reset-cause    why the machine was reset last: for people and management systems
//     reset-history  the same of earlier resets
//     reset-next     what will be true should the machine end now; "unknown" as long as all is well
//
// An end that is known in time stands in reset-next and in reset-cause before it comes.
#pragma once

#include "budget.h"
#include "reconcile.h"
#include "record.h"
#include "store.h"

#include <cstdint>

namespace leash_watchdog {

class Ledger {
  public:
    // All of these return 0 or the negative errno of what could not be made durable; complaint() says
    // more, where there is more to say.
    int boot(const char* file, const Found& found, const BudgetRules& rules, bool anew);
    int arm(const Record& record, std::int64_t now_s, std::int64_t uptime_ms);
    int end(const Record& record, std::int64_t now_s, std::int64_t uptime_ms);
    int clear();
    // The WDT has not reset the machine in time. As end(); opens a file system that is read-only or
    // unmounted by then.
    int overdue(const Record& record, std::int64_t now_s, std::int64_t uptime_ms);
    // As arm(), until taken back.
    int stalled(const Record& record, std::int64_t now_s, std::int64_t uptime_ms);
    int stall_over();
    // This life was no failed boot.
    int lived(std::int64_t uptime_ms);

    [[nodiscard]] bool booted() const { return booted_; }
    [[nodiscard]] bool ending() const { return base_.end[0] != '\0'; }
    [[nodiscard]] const Record& last() const { return last_; }
    [[nodiscard]] const Record& armed() const { return base_; }
    [[nodiscard]] const History& history() const { return history_; }
    [[nodiscard]] Spent spent_now(std::int64_t now_s) const { return spent(history_, now_s, rules_); }
    [[nodiscard]] const BudgetRules& rules() const { return rules_; }
    void set_rules(const BudgetRules& rules) { rules_ = rules; }
    [[nodiscard]] const char* complaint() const { return complaint_; }

  private:
    [[nodiscard]] Record of_this_life(const Record& record, std::int64_t now_s,
                                      std::int64_t uptime_ms) const;
    int write(const char* name, const Record& record) const;
    int write_history();
    int write_end(const Record& record);
    void read_history();

    Store store_;
    BudgetRules rules_;
    History history_;
    Record last_, base_; // base_: armed, without a stall that may be over soon
    bool booted_ = false;
    char complaint_[240] = "";
    char text_[kRing * kRecordText + kRecordText];
};

} // namespace leash_watchdog
