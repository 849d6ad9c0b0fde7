// SPDX-License-Identifier: MIT
// What a service waits for that is no service: a path, an interface, a mount, a word of the kernel's
// command line, a condition that somebody has set. Values only; src/init/conditions.h watches.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace leash {

enum class ConditionKind { path, net, mount, cmdline, user };
inline constexpr int kConditionKinds = 5;
[[nodiscard]] std::string_view to_string(ConditionKind kind); // as written: "net"

struct Condition {
    bool negated = false; // written with a '!' before it
    ConditionKind kind = ConditionKind::path;
    std::string what; // /run/x, eth0, /data, quiet or root=/dev/sda1, NAME

    // What is true or false of the world: "net:eth0". The same with and without '!'.
    [[nodiscard]] std::string fact() const;
    [[nodiscard]] std::string text() const; // as written: "!net:eth0"
    friend bool operator==(const Condition&, const Condition&) = default;
};

inline constexpr std::size_t kMaxConditionPath = 255;
inline constexpr std::size_t kMaxUserCondition = 31;

// Of user:NAME: letters, digits and . _ @ -
[[nodiscard]] bool valid_user_condition(std::string_view name);

// The error tells what is allowed.
[[nodiscard]] Result<Condition> parse_condition(std::string_view text);

// What is known of the world.
class Facts {
  public:
    // False: that was known already.
    bool set(const std::string& fact, bool holds);
    // Nothing: it has not been found out yet.
    [[nodiscard]] std::optional<bool> holds(const Condition& condition) const;

  private:
    std::map<std::string, bool> known_;
};

} // namespace leash
