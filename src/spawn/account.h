// SPDX-License-Identifier: MIT
// Users and groups from /etc/passwd and /etc/group alone: a name service might need a network that
// is not up, or a service that is not started. Reads files: not for PID 1's loop.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <sys/types.h>

#include "base/result.h"

namespace leash {

struct Account {
    uid_t uid = 0;
    gid_t gid = 0;
    std::vector<gid_t> groups; // supplementary ones; gid is among them
    std::string name = "root", home = "/root", shell = "/bin/sh";
};

// `user` and `group` as in the service's file: names or numbers, empty = not given. A number needs
// no entry, but without one the user's group has to be given. Without a user it is root.
[[nodiscard]] Result<Account> find_account(const std::string& user, const std::string& group,
                                           const std::string& passwd_file = "/etc/passwd",
                                           const std::string& group_file = "/etc/group");

} // namespace leash
