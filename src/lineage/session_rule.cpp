// SPDX-License-Identifier: MIT
#include "lineage/session_rule.h"

#include <vector>

namespace leash {

SessionAnswer apply_session_rule(const SessionQuestion& question) {
    SessionAnswer answer;
    const auto& all = question.all;
    auto main = all.find(question.main);
    pid_t main_session = main == all.end() ? 0 : main->second.session;
    std::unordered_multimap<pid_t, pid_t> children;
    for (const auto& [pid, kin] : all) {
        children.emplace(kin.parent, pid);
        bool foreign = kin.tty != 0 && kin.tty != question.own_tty;
        if (foreign && kin.session != 0 && kin.session != main_session)
            answer.sessions.insert(kin.session);
    }

    PidSet seen = question.remains;
    std::vector<pid_t> open(seen.begin(), seen.end());
    for (pid_t pid : question.covered) {
        auto kin = all.find(pid);
        if (pid == question.main || kin == all.end()) continue;
        if (answer.sessions.contains(kin->second.session) && seen.insert(pid).second)
            open.push_back(pid);
    }
    auto seeds = open;
    while (!open.empty()) {
        auto [first, last] = children.equal_range(open.back());
        open.pop_back();
        for (auto child = first; child != last; ++child)
            if (child->second != question.main && seen.insert(child->second).second)
                open.push_back(child->second);
    }
    for (pid_t seed : seeds) {
        auto kin = all.find(seed);
        while (kin != all.end()) {
            pid_t parent = kin->second.parent;
            if (parent <= 1 || parent == question.main || !seen.insert(parent).second) break;
            answer.bridges.insert(parent);
            kin = all.find(parent);
        }
    }
    for (pid_t pid : question.covered)
        if (seen.contains(pid)) answer.spared.insert(pid);
    return answer;
}

} // namespace leash
