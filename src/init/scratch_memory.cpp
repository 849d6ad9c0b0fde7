// SPDX-License-Identifier: MIT
#include "init/scratch_memory.h"

#include <cstdint>
#include <cstdlib>
#include <new>

#include <sys/mman.h>

namespace leash {
namespace {

// Objects one behind the other, and a count of those that live for each slab. Nothing here may
// allocate, or need a constructor: `new` is called before any of them has run.
class Pool {
  public:
    void open() {
        if (base_ == 0) {
            void* region = ::mmap(nullptr, ScratchMemory::kMost, PROT_READ | PROT_WRITE,
                                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
            if (region == MAP_FAILED) return;
            base_ = reinterpret_cast<std::uintptr_t>(region);
        }
        open_ = true;
    }

    void close() {
        if (!open_) return;
        open_ = false;
        // What is open the next time goes on in the same slab.
        if (current_ != kNone && live_[current_] == 0) give_back(current_);
        drop_if_empty();
    }

    void* take(std::size_t bytes) {
        if (!open_ || bytes > ScratchMemory::kLargest) return nullptr;
        bytes = (bytes + kAlign - 1) / kAlign * kAlign;
        if (bytes == 0) bytes = kAlign;
        if ((current_ == kNone || used_ + bytes > ScratchMemory::kSlab) && !next_slab()) return nullptr;
        auto place = base_ + current_ * ScratchMemory::kSlab + used_;
        used_ += bytes;
        ++live_[current_];
        ++all_;
        return reinterpret_cast<void*>(place);
    }

    [[nodiscard]] bool holds(const void* object) const {
        return base_ != 0 && reinterpret_cast<std::uintptr_t>(object) - base_ < ScratchMemory::kMost;
    }

    void release(void* object) {
        auto slab = (reinterpret_cast<std::uintptr_t>(object) - base_) / ScratchMemory::kSlab;
        --all_;
        if (--live_[slab] != 0) return;
        if (slab == current_) used_ = 0;
        if (slab != current_ || !open_) give_back(slab);
        drop_if_empty();
    }

    [[nodiscard]] std::size_t live() const { return all_; }

  private:
    static constexpr std::size_t kSlabs = ScratchMemory::kMost / ScratchMemory::kSlab, kNone = kSlabs;
    static constexpr std::size_t kAlign = __STDCPP_DEFAULT_NEW_ALIGNMENT__;

    // The next one that is empty, round and round.
    bool next_slab() {
        auto from = current_ == kNone ? 0 : current_;
        for (std::size_t i = 0; i < kSlabs; ++i) {
            auto slab = (from + i) % kSlabs;
            if (live_[slab] != 0) continue;
            current_ = slab;
            used_ = 0;
            return true;
        }
        return false;
    }

    void give_back(std::size_t slab) {
        (void)::madvise(reinterpret_cast<void*>(base_ + slab * ScratchMemory::kSlab),
                        ScratchMemory::kSlab, MADV_DONTNEED);
    }

    void drop_if_empty() {
        if (open_ || all_ != 0 || base_ == 0) return;
        (void)::munmap(reinterpret_cast<void*>(base_), ScratchMemory::kMost);
        base_ = 0;
        current_ = kNone;
    }

    std::uintptr_t base_ = 0;
    std::size_t current_ = kNone, used_ = 0, all_ = 0;
    bool open_ = false;
    std::uint16_t live_[kSlabs] = {};
};

constinit Pool pool;

} // namespace

ScratchMemory::ScratchMemory() { pool.open(); }
void ScratchMemory::end() { pool.close(); }
bool ScratchMemory::holds(const void* object) { return pool.holds(object); }
std::size_t ScratchMemory::live() { return pool.live(); }

} // namespace leash

// The sanitizers have their own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
// Those for arrays and nothrow come down to these; aligned ones are a pair of their own.
void* operator new(std::size_t bytes) {
    if (void* place = leash::pool.take(bytes)) return place;
    if (void* place = std::malloc(bytes == 0 ? 1 : bytes)) return place;
    throw std::bad_alloc();
}
void operator delete(void* object) noexcept {
    if (leash::pool.holds(object)) leash::pool.release(object);
    else std::free(object);
}
void operator delete(void* object, std::size_t) noexcept { operator delete(object); }
#endif
