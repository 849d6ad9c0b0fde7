// SPDX-License-Identifier: MIT
// What a service's cgroup says it has used, without what remains of its earlier starts: that sits in
// subgroups of its own (remains.ID), and whatever it uses counts in the group above it.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

namespace leash::finder {

class GroupFigures {
  public:
    // CPU time of all that ever ran in the group `folder`, in ns. Nothing: the kernel does not say.
    std::optional<std::uint64_t> cpu_ns(const std::string& folder, std::uint64_t start);
    // Shared memory that the group is charged for, in bytes. What was charged before the start began
    // stays so (the kernel moves no charge): where remains show that there was somebody before, what is
    // found at first beyond `mapped`, which the start's own processes map, is not the start's.
    std::optional<std::uint64_t> shmem(const std::string& folder, std::uint64_t start,
                                       std::uint64_t mapped);
    // After the last start of a look: who was not asked about since the one before is forgotten.
    void end_look();

  private:
    struct Memory { // of a start
        // When a subgroup is gone, what it had used stays in the group above it.
        std::map<std::string, std::uint64_t> cpu_of_remains; // us, by name
        std::optional<std::uint64_t> shmem_before;
        std::uint64_t round = 0;
    };
    Memory& memory_of(std::uint64_t start);

    std::map<std::uint64_t, Memory> memories_;
    std::uint64_t round_ = 0;
};

} // namespace leash::finder
