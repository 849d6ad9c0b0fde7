// SPDX-License-Identifier: MIT
// Scopes: starts that `initctl run --scope NAME` makes of a process that is there already. For the
// functional core a scope is a service that is described on the fly and forgotten when it is over.
#pragma once

#include <set>
#include <string>

#include "init/core_loop.h"
#include "init/executor.h"
#include "init/log_link.h"
#include "init/recovery.h"
#include "service/manager.h"

namespace leash {

[[nodiscard]] ServiceSettings scope_settings(const std::string& name);

class Scopes {
  public:
    Scopes(Manager& manager, CoreLoop& core, Executor& executor, LogLink& logs, Recovery& recovery)
        : manager_(manager), core_(core), executor_(executor), logs_(logs), recovery_(recovery) {}

    // `pid` becomes the main process of a scope called `name`. `client` is the connection that it
    // asks through: as long as that is open, the number is its own.
    Result<StartId> make(const std::string& name, pid_t pid, int client);
    // One that an earlier life of init has made; to be called before Manager::resume.
    void resume(const std::string& name);
    // Forgets the scopes that are over. Not while the core handles events.
    void sweep();

  private:
    Manager& manager_;
    CoreLoop& core_;
    Executor& executor_;
    LogLink& logs_;
    Recovery& recovery_;
    std::set<std::string> names_;
    bool making_ = false;
};

} // namespace leash
