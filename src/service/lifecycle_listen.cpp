// SPDX-License-Identifier: MIT
// The part of a service's life-cycle that is about its sockets. They are open from the moment in which
// the service is wanted until it is stopped or failed, over all its starts in between.
#include "service/lifecycle.h"

#include <algorithm>

#include "base/text.h"
#include "base/units.h"

namespace leash {

bool Service::sockets_due() const {
    if (life_.sockets == Sockets::stale) return true;
    return life_.sockets == Sockets::closed && !newest_->listen->sockets.empty();
}

bool Service::sockets_ready() const {
    return life_.sockets == (newest_->listen->sockets.empty() ? Sockets::closed : Sockets::open);
}

void Service::make_sockets(Turn& turn) {
    if (newest_->listen->sockets.empty()) {
        life_.sockets = Sockets::closed;
        turn.out.push_back(action::Unlisten{name()});
    } else {
        life_.sockets = Sockets::asked;
        turn.out.push_back(action::Listen{name()});
    }
}

void Service::sockets_open() {
    if (life_.sockets == Sockets::asked) life_.sockets = Sockets::open;
}

void Service::sockets_failed(Turn& turn, const std::string& reason) {
    if (life_.sockets != Sockets::asked) return;
    life_.sockets = Sockets::closed;
    give_up(turn, reason);
}

void Service::wait_for_traffic(Turn& turn) {
    if (std::exchange(life_.listens, true)) return;
    std::vector<std::string> where;
    for (const auto& socket : newest_->listen->sockets) where.push_back(address_of(socket));
    life_.reason = "listens on " + join(where, ", ");
    turn.out.push_back(action::Watch{name()});
    tell(turn, action::Severity::info, life_.reason);
}

// It was to stop, and is not any more. Traffic that came meanwhile was told, and ignored.
void Service::listen_on(Turn& turn) {
    life_.wanted_up = true;
    life_.again = false;
    forget_counters(turn);
    turn.out.push_back(action::Watch{name()});
}

void Service::traffic(Turn& turn, const std::string& socket) {
    if (!listens() || stop_pending()) return;
    life_.lazy = life_.listens = false;
    life_.reason = "traffic on " + socket;
    tell(turn, action::Severity::info, life_.reason + ", starting it");
}

// It ended well, which is an answer to nothing to do: traffic starts it again.
void Service::listen_again(Turn& turn, const std::string& reason) {
    life_.lazy = newest_->listen->on_demand();
    enter(turn, State::waiting, reason);
}

// What ends without taking what it was started for would be started again at once, and for ever.
void Service::refuse_busy_loop(Turn& turn) {
    if (life_.outcome != Outcome::listen || !life_.traffic_left) return;
    life_.outcome_reason += " and left traffic on its sockets";
    restart_by_policy_of_exits(turn, std::string(life_.outcome_reason));
    if (life_.outcome == Outcome::retry) life_.again_at = turn.now + life_.pause;
}

} // namespace leash
