// SPDX-License-Identifier: MIT
// Whom a service waits for, going up and going down.
#pragma once

#include <optional>
#include <string>

#include "service/roster.h"

namespace leash {

// May a waiting service start? What it needs has to be up; what it wants or comes after has to have
// settled (or be parked), where that is wanted up at all; what is bound to it, or steps back and needs
// it, has to have stopped; its
// conditions have to hold.
struct Clearance {
    Nodes waits_for;
    std::vector<std::string> conditions; // that do not hold, or of which nothing is known yet
    std::optional<std::string> refusal;  // it never may: "needs X, which has failed"
    bool parked = false;                 // for all that is known it may wait for ever
    Nodes stops_first;                   // what it conflicts with, and what lives or would
    [[nodiscard]] bool only_rivals() const {
        return !refusal && waits_for.empty() && conditions.empty() && !stops_first.empty();
    }
    [[nodiscard]] bool may() const {
        return !refusal && waits_for.empty() && conditions.empty() && stops_first.empty();
    }
};
[[nodiscard]] Clearance may_start(const Node& node, const Facts& facts);

// Why a service that is up, or on its way there, has to step back: something that it is bound to is
// not up, or a condition is lost. Empty: it has not.
[[nodiscard]] std::string lost(const Node& node, const Facts& facts);

// Lives on, or would by itself: what a stop has to take along.
[[nodiscard]] bool to_be_stopped(const Node& node);

// Going down, a service waits for everything alive that needs it (if it goes unasked: that is bound to
// it), and for everything ordered after it that is going down as well.
[[nodiscard]] bool may_stop(const Node& node);

// A target that was asked for, until all it pulls in has settled and all that has to go is gone.
class TargetWatch {
  public:
    TargetWatch(std::string name, Nodes members, Nodes leaving);
    [[nodiscard]] const std::string& name() const { return name_; }
    void forget(const Node& node) {
        std::erase(members_, &node);
        std::erase(leaving_, &node);
    }

    // up, done, failed, stopped, backing off, parked, or waiting for nothing but such or what is not a
    // member. Cheap while it is false: it looks at the one that was not settled last time first.
    [[nodiscard]] bool settled(const Facts& facts);
    [[nodiscard]] int failed() const; // failed or backing off

  private:
    [[nodiscard]] bool settled(const Node& node, const Facts& facts) const;
    std::string name_;
    std::vector<const Node*> members_; // sorted by address: only for look-up
    std::vector<const Node*> leaving_; // what it does not need
    const Node* unsettled_ = nullptr;
};

} // namespace leash
