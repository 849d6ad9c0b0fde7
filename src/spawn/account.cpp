// SPDX-License-Identifier: MIT
#include "spawn/account.h"

#include <algorithm>
#include <cstdio>
#include <memory>

#include <grp.h>
#include <pwd.h>

#include "base/text.h"

namespace leash {
namespace {

struct Close {
    void operator()(FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<FILE, Close>;

// (uid_t)-1 means "leave as it is" to the kernel: no number of a user.
std::optional<std::uint32_t> parse_id(const std::string& text) {
    auto number = parse_unsigned(text);
    if (!number || *number >= 0xFFFF'FFFF) return std::nullopt;
    return static_cast<std::uint32_t>(*number);
}

Result<bool> find_user(const std::string& user, const std::string& path, Account& account) {
    auto number = parse_id(user);
    File file(std::fopen(path.c_str(), "re"));
    if (!file) {
        if (number && errno == ENOENT) return false;
        return fail_errno(errno, "cannot look up user '{}' in {}", user, path);
    }
    while (auto* entry = ::fgetpwent(file.get())) {
        if (user != entry->pw_name && !(number && *number == entry->pw_uid)) continue;
        account.uid = entry->pw_uid;
        account.gid = entry->pw_gid;
        account.name = entry->pw_name;
        account.home = entry->pw_dir && *entry->pw_dir ? entry->pw_dir : "/";
        if (entry->pw_shell && *entry->pw_shell) account.shell = entry->pw_shell;
        return true;
    }
    return false;
}

// The group called `wanted` (if not empty) and all that list `member`.
Result<bool> find_groups(const std::string& wanted, const std::string& member,
                         const std::string& path, Account& account) {
    File file(std::fopen(path.c_str(), "re"));
    if (!file) {
        if (errno == ENOENT && wanted.empty()) return false;
        return fail_errno(errno, "cannot look up group '{}' in {}", wanted, path);
    }
    bool found = false;
    while (auto* entry = ::fgetgrent(file.get())) {
        if (!wanted.empty() && !found && wanted == entry->gr_name) {
            account.gid = entry->gr_gid;
            found = true;
        }
        for (char** name = entry->gr_mem; !member.empty() && name && *name; ++name)
            if (member == *name) account.groups.push_back(entry->gr_gid);
    }
    return found;
}

} // namespace

Result<Account> find_account(const std::string& user, const std::string& group,
                             const std::string& passwd_file, const std::string& group_file) {
    Account account;
    bool known = user.empty();
    if (!user.empty()) {
        auto found = find_user(user, passwd_file, account);
        if (!found) return std::unexpected(found.error());
        known = *found;
        if (!known) {
            auto number = parse_id(user);
            if (!number) return fail("user '{}' is not in {}", user, passwd_file);
            if (group.empty())
                return fail("user {} is not in {}, so its group is not known: add `group = …`",
                            user, passwd_file);
            account.uid = *number;
            account.name = user;
            account.home = "/";
        }
    }
    auto number = parse_id(group);
    auto wanted = number ? std::string() : group;
    auto member = known && !user.empty() ? account.name : std::string();
    Result<bool> found = false;
    // Most services of an appliance are root's and need no look into the file.
    if (!wanted.empty() || !member.empty()) found = find_groups(wanted, member, group_file, account);
    if (!found) return std::unexpected(found.error());
    if (!wanted.empty() && !*found) return fail("group '{}' is not in {}", group, group_file);
    if (number) account.gid = *number;
    if (!user.empty() || !group.empty()) account.groups.push_back(account.gid);
    std::ranges::sort(account.groups);
    auto [first, last] = std::ranges::unique(account.groups);
    account.groups.erase(first, last);
    return account;
}

} // namespace leash
