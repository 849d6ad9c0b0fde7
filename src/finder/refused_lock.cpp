// SPDX-License-Identifier: MIT
#include "finder/refused_lock.h"

#include <algorithm>
#include <cstring>

namespace leash::finder {

bool may_be_refused(const FutexWait& wait, std::string_view at_word) {
    std::uint32_t now = 1;
    if (at_word.size() >= sizeof now) std::memcpy(&now, at_word.data(), sizeof now);
    return !wait.pi && wait.value == 0 && now == 0;
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
    auto from = (wait.address + 7) & ~std::uint64_t{7};
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
