// SPDX-License-Identifier: MIT
// What the processes of a service may do and take, where its file says more than the user.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace leash {

inline constexpr std::uint64_t kUnlimited = ~std::uint64_t{0};

struct ResourceLimit {
    std::string name;     // "nofile"
    int resource = 0;     // RLIMIT_NOFILE
    std::uint64_t soft = 0, hard = 0; // kUnlimited: none
    friend bool operator==(const ResourceLimit&, const ResourceLimit&) = default;
};

struct ProcessRights {
    std::optional<std::uint64_t> capabilities; // bit N: CAP_N. Unset: all of root's, none of others
    bool no_new_privileges = false;
    bool delegate = false; // of its cgroup
    std::optional<unsigned> umask;
    std::optional<int> nice;
    std::optional<int> oom_score_adjust;
    std::vector<ResourceLimit> limits; // of a resource at most one
    friend bool operator==(const ProcessRights&, const ProcessRights&) = default;
};

} // namespace leash
