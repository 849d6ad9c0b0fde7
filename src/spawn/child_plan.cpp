// SPDX-License-Identifier: MIT
// Making a plan: in init, or in a child that is a copy of it.
#include "spawn/child_plan.h"

#include <algorithm>

#include <sys/mman.h>

#include "base/text.h"
#include "spawn/account.h"
#include "spawn/program.h"

namespace leash {
namespace {

std::vector<char*> pointers(std::vector<std::string>& words) {
    std::vector<char*> list;
    list.reserve(words.size() + 1);
    for (auto& word : words) list.push_back(word.data());
    list.push_back(nullptr);
    return list;
}

} // namespace

ChildPlan::ChildPlan(const SpawnRequest& request, const InitialLimits& limits, const Account& account,
                     int tty_fd, std::string_view tty_type, int outcome)
    : limits_(limits), outcome_(outcome), tty_(tty_fd) {
    const auto& settings = *request.settings;
    folder_ = settings.directory.empty() ? "/" : settings.directory;
    folder_fault_ = fmt::format("cannot enter the directory '{}'", folder_);
    becomes_ = !settings.user.empty() || !settings.group.empty();
    uid_ = account.uid;
    gid_ = account.gid;
    groups_ = account.groups;
    if (becomes_) {
        groups_fault_ = fmt::format("cannot set the groups of user '{}'", account.name);
        group_fault_ = fmt::format("cannot become group {}", account.gid);
        user_fault_ = fmt::format("cannot become user '{}'", account.name);
    }

    if (settings.rights.is_set()) take_rights(*settings.rights);
    if (rights_.delegate && becomes_ && !request.control) own_group_ = request.cgroup_fd;

    environment_ = build_environment(request, account, tty_type, kOwnPid);
    for (auto& variable : environment_)
        for (std::string_view name : {"WATCHDOG_PID=", "LISTEN_PID="})
            if (variable.starts_with(name) && variable.ends_with(kOwnPid))
                pid_places_.push_back(variable.data() + name.size());
    variables_ = pointers(environment_);

    words_ = request.control ? *request.control : settings.command;
    arguments_ = pointers(words_);
    if (words_.front().find('/') != std::string::npos) {
        files_.push_back(words_.front());
    } else if (!words_.front().empty()) {
        for (auto folder : split(search_path(environment_), ':'))
            files_.push_back(fmt::format("{}/{}", folder.empty() ? "." : folder, words_[0]));
    }
    static char name[] = "init", option[] = "--execute";
    outcome_digits_.assign(12, '\0');
    explain_ = {name, option, outcome_digits_.data()};
    explain_.insert(explain_.end(), arguments_.begin(), arguments_.end());

    output_ = request.output_fd;
    if (request.notify_fd >= 0 && settings.notify.kind == NotifyKind::s6) {
        target_ = settings.notify.fd;
        notify_ = request.notify_fd;
    }
    if (!request.control)
        for (const auto& each : request.passed) passed_.push_back(each.fd);
    if (target_ >= 3 && target_ < 3 + passed())
        conflict_ = fmt::format("notify = s6:{}: that descriptor is one of those that are passed to it",
                                target_);
}

ChildPlan::~ChildPlan() {
    if (stack_) ::munmap(stack_, kStack);
}

bool ChildPlan::can_share_memory(const SpawnRequest& request) {
    const auto& settings = *request.settings;
    bool console = settings.type == ServiceType::console && !request.control;
    return settings.user.empty() && settings.group.empty() && !console;
}

void* ChildPlan::stack() {
    if (!stack_) {
        stack_ = ::mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (stack_ == MAP_FAILED) stack_ = nullptr;
    }
    return stack_;
}

std::vector<std::string> build_environment(const SpawnRequest& request, const Account& account,
                                           std::string_view tty_type, std::string_view pid) {
    const auto& settings = *request.settings;
    std::vector<std::pair<std::string_view, std::string>> variables;
    variables.reserve(16);
    auto set = [&](std::string_view name, std::string_view value) {
        auto same = [&](const auto& variable) { return variable.first == name; };
        auto found = std::ranges::find_if(variables, same);
        if (found == variables.end()) variables.emplace_back(name, value);
        else if (name != kTagVariable) found->second = value;
    };
    set(kTagVariable, format_tag({settings.name, request.start}));
    set("PATH", kDefaultPath);
    set("HOME", account.home);
    set("USER", account.name);
    set("LOGNAME", account.name);
    set("SHELL", account.shell);
    if (!tty_type.empty()) set("TERM", tty_type);
    for (const auto& [name, value] : settings.environment) set(name, value);
    for (const auto& [name, value] : request.extra_environment) {
        set(name, value);
        if (name == "WATCHDOG_USEC") set("WATCHDOG_PID", pid);
    }
    if (!request.passed.empty() && !request.control) {
        std::string names;
        for (const auto& each : request.passed) {
            if (!names.empty()) names += ':';
            names += each.name;
        }
        set("LISTEN_FDS", std::to_string(request.passed.size()));
        set("LISTEN_FDNAMES", names);
        set("LISTEN_PID", pid);
    }
    std::vector<std::string> environment;
    environment.reserve(variables.size());
    for (const auto& [name, value] : variables) {
        auto& line = environment.emplace_back(name);
        line += '=';
        line += value;
    }
    return environment;
}

} // namespace leash
