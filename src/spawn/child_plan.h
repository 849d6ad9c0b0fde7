// SPDX-License-Identifier: MIT
// What a child does between clone and execve, worked out beforehand: pointers and numbers, so that the
// child has nothing left to compute and needs neither memory nor the C library.
//
// A plan is carried out in one of two ways:
//   share_memory  the child runs in init's own memory, on a stack inside the plan, until it executes.
//                 Nothing is copied, and init goes on at once. The plan must live until the child is
//                 through, which the end of its outcome pipe tells.
//   forked        the child is a copy of init and makes its plan itself. Where that takes reading files
//                 (users, terminals), or where the other way is not to be had.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "spawn/child.h"
#include "spawn/spawn.h"

namespace leash {

struct Account;

class ChildPlan {
  public:
    // `tty_fd`: the terminal of a console, else -1. `outcome`: the pipe's end to write to. Everything
    // that `request` points to must outlive the fork, but not more.
    ChildPlan(const SpawnRequest& request, const InitialLimits& limits, const Account& account,
              int tty_fd, std::string_view tty_type, int outcome);
    ~ChildPlan();
    ChildPlan(const ChildPlan&) = delete;
    ChildPlan& operator=(const ChildPlan&) = delete;

    // Whether that needs no file and no terminal.
    [[nodiscard]] static bool can_share_memory(const SpawnRequest& request);

    // The stack of a child that shares memory; null: there is none to be had.
    [[nodiscard]] void* stack();
    static constexpr std::size_t kStack = 16 * 1024;

    // In the child, all signals blocked. `shared`: in init's memory; then what cannot be executed is
    // explained by a program of its own (main.cpp, --execute).
    [[noreturn]] void carry_out(bool shared);

    // Bit N-1: of signal N.
    static void default_dispositions(std::uint64_t which = kAllSignals);

    // The child is made with no handlers: only what is ignored has to be set back. Before the clone.
    void handlers_are_cleared(bool cleared) { resets_ = cleared ? limits_.ignored : kAllSignals; }

  private:
    struct Failure {
        const char* what = nullptr; // "cannot enter the directory '/x'"
        int code = 0;
        int number = -1;            // of a descriptor, behind the text
    };
    [[noreturn]] void give_up(const Failure& failure);
    [[noreturn]] void give_up(const char* what, long answer, int number = -1);
    void unblock_signals() const;
    int lift(int fd);
    void lift_descriptors();
    void place(int fd, int number);
    void take_terminal();
    void set_standard_descriptors();
    void plain_scheduling() const;
    void restore_limits() const;
    void take_rights(const ProcessRights& rights); // child_rights.cpp
    void set_limits();
    void own_group();
    void bound_capabilities();
    void become();
    void give_capabilities();
    void place_descriptors();
    void close_others();
    void tell_own_pid();
    void execute(bool shared);
    [[nodiscard]] int passed() const { return static_cast<int>(passed_.size()); }

    const InitialLimits& limits_;
    std::string folder_, folder_fault_, user_fault_, group_fault_, groups_fault_,
        conflict_; // of descriptors
    bool becomes_ = false; // somebody else was asked for
    uid_t uid_ = 0;
    gid_t gid_ = 0;
    std::vector<gid_t> groups_;
    ProcessRights rights_;
    std::vector<std::string> limit_faults_; // one for each limit
    std::string oom_score_;
    int own_group_ = -1; // the folder of the cgroup that is to be the service's own
    std::vector<std::string> words_, environment_; // the command; NAME=VALUE
    std::vector<std::string> files_;               // what to try to execute, in this order
    std::vector<char*> arguments_, variables_;     // as execve takes them
    std::vector<char*> explain_;                   // likewise, for --execute
    std::vector<char*> pid_places_;                // where the child's own pid goes
    std::string outcome_digits_;
    std::vector<int> passed_;
    int outcome_ = -1, output_ = -1, notify_ = -1, target_ = -1, tty_ = -1;
    void* stack_ = nullptr;
    std::uint64_t resets_ = kAllSignals;
};

} // namespace leash
