// SPDX-License-Identifier: MIT
#include "watch_table.h"

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace leash_watchdog {

namespace {

constexpr std::uint32_t kMagic = 0x77647432; // "wdt2"
constexpr const char* kName = "watched";

} // namespace

struct WatchTable::Page {
    std::uint32_t magic, slot_size;
    std::int64_t noted_ms;
    std::int32_t prober, zero;
    SavedWatch slots[kSlots];
};

bool WatchTable::map(int fd) {
    struct stat facts {};
    if (fstat(fd, &facts) != 0 || facts.st_size != static_cast<off_t>(sizeof(Page))) return false;
    void* place = mmap(nullptr, sizeof(Page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (place == MAP_FAILED) return false;
    page_ = static_cast<Page*>(place);
    return true;
}

void WatchTable::open(const leash_host* host) {
    if (int fd = host->saved_fd(kName); fd >= 0 && map(fd)) {
        if (page_->magic == kMagic && page_->slot_size == sizeof(SavedWatch)) return;
        munmap(page_, sizeof(Page)); // another version's
        page_ = nullptr;
    }
    int fd = memfd_create("leash-watched", MFD_CLOEXEC);
    if (fd < 0) return;
    if (ftruncate(fd, sizeof(Page)) != 0 || !map(fd)) {
        close(fd);
        return;
    }
    page_->magic = kMagic;
    page_->slot_size = sizeof(SavedWatch);
    host->save_fd(kName, fd);
}

std::span<SavedWatch> WatchTable::slots() {
    if (page_ == nullptr) return {};
    return page_->slots;
}

void WatchTable::note(std::int64_t now) {
    if (page_ != nullptr) page_->noted_ms = now;
}

void WatchTable::note_prober(std::int32_t pid) {
    if (page_ != nullptr) page_->prober = pid;
}

std::int32_t WatchTable::prober() const { return page_ == nullptr ? 0 : page_->prober; }

std::int64_t WatchTable::noted() const { return page_ == nullptr ? 0 : page_->noted_ms; }

} // namespace leash_watchdog
