// SPDX-License-Identifier: MIT
// Whom a service waits for, going up and going down.
#pragma once

#include <optional>
#include <string>

#include "service/roster.h"

namespace leash {

// May a waiting service start? What it needs has to be up; what it wants or comes after has to have
// settled, where that is wanted up at all.
struct Clearance {
    Nodes waits_for;                   // empty: it may
    std::optional<std::string> refusal; // it never may: "needs X, which has failed"
};
[[nodiscard]] Clearance may_start(const Node& node);

// Going down, a service waits for everything alive that needs it, and for everything ordered after
// it that is going down as well.
[[nodiscard]] bool may_stop(const Node& node);

// A target that was asked for, until all it pulls in has settled.
class TargetWatch {
  public:
    TargetWatch(std::string name, Nodes members);
    [[nodiscard]] const std::string& name() const { return name_; }
    void forget(const Node& node) { std::erase(members_, &node); }

    // up, done, failed, stopped, backing off, or waiting for nothing but such or what is not a
    // member. Cheap while it is false: it looks at the one that was not settled last time first.
    [[nodiscard]] bool settled();
    [[nodiscard]] int failed() const; // failed or backing off

  private:
    [[nodiscard]] bool settled(const Node& node) const;
    std::string name_;
    std::vector<const Node*> members_; // sorted by address: only for look-up
    const Node* unsettled_ = nullptr;
};

} // namespace leash
