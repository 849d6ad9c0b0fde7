// SPDX-License-Identifier: MIT
#include "finder/refused_lock.h"

#include <algorithm>
#include <cstring>

namespace leash::finder {

bool may_be_refused(const FutexWait& wait, const Surroundings& memory) {
    if (wait.pi || wait.shared || !wait.by_clock || wait.value != 0) return false;
    if (memory.at.size() < 8 || memory.before.size() < kBytesBefore) return false;
    auto word = [&](int offset) { // counted from the word
        std::uint32_t value = 0;
        const auto* from = offset < 0 ? memory.before.data() + memory.before.size() + offset
                                      : memory.at.data() + offset;
        std::memcpy(&value, from, sizeof value);
        return value;
    };
    if (word(0) != 0) return false;
    auto is_count = [](std::uint32_t value) { return value > 0 && value < 1U << 20; };
    // A semaphore of glibc's is {value, waiters} in one 64 bit word.
    bool first = wait.address % 8 == 0;
    if (first && is_count(word(4))) return false;
    // A condition variable is {sequence, start, [references[2],] size[2], size, 8 * waiters, signals[2]}:
    // until 2.40 with the references of this group, and in any version with a sequence that has begun.
    if (!is_count(word(first ? -4 : -8) >> 3)) return true;
    int base = first ? -32 : -36; // without references
    return word(-24) < 2 && word(base) == 0 && word(base + 4) == 0;
}

std::vector<std::uint64_t> pointers_in(std::string_view stack) {
    std::vector<std::uint64_t> found;
    for (std::size_t offset = 0; offset + sizeof(std::uintptr_t) <= stack.size();
         offset += sizeof(std::uintptr_t)) {
        std::uintptr_t value = 0;
        std::memcpy(&value, stack.data() + offset, sizeof value);
        if (value < 0x1000 || value % alignof(void*) != 0) continue;
        if (sizeof value == 8 && static_cast<std::uint64_t>(value) >> 56 != 0) continue;
        if (std::ranges::find(found, value) == found.end()) found.push_back(value);
    }
    return found;
}

std::vector<Hold> refused_locks(Reader& reader, pid_t pid, pid_t tid, const FutexWait& wait) {
    // A word's place is a multiple of 4, a pointer's one of its size.
    auto from = ((wait.address + 7) & ~std::uint64_t{7}) - kStackBefore;
    Piece stack{pid, from, kStackBytes};
    auto pointers = pointers_in(reader.read({&stack, 1}).front());
    std::vector<Piece> pieces;
    for (auto pointer : pointers) pieces.push_back({pid, pointer, 40});
    auto texts = reader.read(pieces);
    std::vector<Hold> found;
    for (std::size_t i = 0; i < texts.size(); ++i)
        if (auto hold = hold_of_pi_mutex(pointers[i], texts[i]); hold && hold->owner != tid)
            found.push_back(*hold);
    return found;
}

} // namespace leash::finder
