// SPDX-License-Identifier: MIT
// Descriptors that services have left with init for their next start (FDSTORE=1). They outlive a
// crash of PID 1: the state page names them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/event_loop.h"
#include "base/unique_fd.h"
#include "init/closer.h"
#include "init/recovery.h"
#include "spawn/spawn.h"

namespace leash {

class FdStores {
  public:
    FdStores(EventLoop& loop, Recovery& recovery, Closer& closer);
    ~FdStores();

    struct Outcome {
        int kept = 0, known = 0, refused = 0; // known: the same open file is kept already
    };
    // Takes what it keeps out of `descriptors`. `poll`: let go of once it is hung up (sockets and
    // pipes; asking anything else could wait).
    Outcome add(const std::string& service, const std::string& name, bool poll,
                std::vector<UniqueFd>& descriptors, int most);
    int remove(const std::string& service, const std::string& name); // how many
    void drop(const std::string& service);
    // In a next life: what the state page names. `wanted` decides by the service.
    void adopt(const std::function<bool(const std::string& service)>& wanted);

    [[nodiscard]] std::vector<PassedDescriptor> of(const std::string& service) const;
    [[nodiscard]] std::vector<std::string> names(const std::string& service) const;

  private:
    struct Stored {
        UniqueFd fd;
        std::string name;
        int place = -1; // in the state page
        std::uint64_t id = 0;
    };
    void watch(const Stored& stored);
    void forget(Stored& stored);
    void on_hang_up();

    Recovery& recovery_;
    Closer& closer_;
    UniqueFd poll_;
    std::unique_ptr<IoWatch> watch_;
    std::uint64_t last_id_ = 0;
    std::map<std::string, std::vector<Stored>> services_;
};

} // namespace leash
