// SPDX-License-Identifier: MIT
// Tells the core when the calendars of its services come next. A worker finds out, since time zones
// are files. The core gets a deadline on its own clock; this keeps an eye on the clock on the wall:
// when somebody sets it, all is found out anew, and what came due while the machine slept comes at
// once. Nothing of this has to survive init: it is found out again. What `persistent = yes` makes up for
// is in files: calendar_stamps.h.
#pragma once

#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "init/core_loop.h"
#include "init/workers.h"
#include "service/manager.h"

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>

namespace leash {

class Calendars {
  public:
    // To be made when the descriptors of an earlier life have been taken over.
    Calendars(EventLoop& loop, Manager& manager, CoreLoop& core, Workers& workers);

    void ask(const action::AskNextRun& wanted);
    // After a reload (the time zone may have changed, too), or in a new life of init.
    void ask_for_all();

  private:
    void find_out();
    void take(const std::string& answers);
    void arm();
    void on_wall_clock();
    void clock_was_set();

    EventLoop& loop_;
    Manager& manager_;
    CoreLoop& core_;
    Workers& workers_;
    std::set<std::string> asked_;
    std::set<std::string> came_; // of them, those whose time has come
    std::map<std::string, std::int64_t> due_; // seconds since 1970
    std::map<std::string, std::int64_t>
        last_due_; // a clock set back a little does not bring it again
    Ms armed_offset_{0}; // of the wall clock, when the timer was set
    Timer soon_;
    UniqueFd wall_clock_;
    std::unique_ptr<IoWatch> watch_;
};

} // namespace leash
