// SPDX-License-Identifier: MIT
// Reading the configuration takes several times the memory of what is kept of it, and so does a start.
// From the common heap, the few things that stay would lie scattered over all of that, and hold its
// pages for good. While a ScratchMemory is open, `new` takes from pages apart instead, which go back to
// the kernel as soon as nothing lives in them: what is to stay is copied after end().
//
//     ScratchMemory scratch;
//     auto catalog = load(...);
//     scratch.end();
//     keep(Copy(catalog.services...));
//
// What is not copied costs memory, not safety: a page stays until the last thing in it is deleted. One
// at a time, in a program of one thread. Where no such pages are to be had, it is the common heap.
#pragma once

#include <cstddef>

namespace leash {

class ScratchMemory {
  public:
    ScratchMemory();
    ~ScratchMemory() { end(); }
    ScratchMemory(const ScratchMemory&) = delete;
    ScratchMemory& operator=(const ScratchMemory&) = delete;

    // From here on `new` is as usual.
    void end();

    [[nodiscard]] static bool holds(const void* object); // it lies there
    [[nodiscard]] static std::size_t live();             // objects that live there
    static constexpr std::size_t kMost = std::size_t{64} << 20; // bytes, all of them
    static constexpr std::size_t kSlab = std::size_t{32} << 10; // given back as one
    static constexpr std::size_t kLargest = kSlab / 4;          // what is larger is as usual
};

} // namespace leash
