// SPDX-License-Identifier: MIT
#include "base/state_page.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstring>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace leash {

struct StatePage::Copy {
    std::uint32_t checksum; // of everything behind it
    std::uint32_t length;   // 0: empty
    std::uint64_t sequence;
    std::byte bytes[kRecordBytes];
};
struct StatePage::Record {
    Copy copies[2];
};
struct StatePage::Header {
    std::uint32_t magic, version, records, record_bytes;
    std::int64_t alive_ms;
    std::byte reserved[4072];
    std::byte extra[kExtraBytes];
};

namespace {

// Eight bytes at a time, since a record is written several times for each start of a service. Each step
// maps different words to different sums, so that no damage to a single word can go unseen before the
// last fold; it guards against accidents, not against enemies.
std::uint32_t checksum(const std::byte* at, std::size_t length) {
    constexpr std::uint64_t kOdd = 0x9fb2'1c65'1e98'df25;
    std::uint64_t sum = length * kOdd + 1, word;
    auto add = [&sum](std::uint64_t next) { sum = (std::rotl(sum, 23) ^ next) * kOdd; };
    const auto* end = at + length / sizeof word * sizeof word;
    for (; at != end; at += sizeof word) {
        std::memcpy(&word, at, sizeof word);
        add(word);
    }
    if (auto rest = length % sizeof word; rest != 0) {
        word = 0;
        std::memcpy(&word, at, rest);
        add(word);
    }
    return static_cast<std::uint32_t>(sum >> 32 ^ sum);
}

} // namespace

StatePage::StatePage(UniqueFd fd, std::byte* base, std::size_t size)
    : fd_(std::move(fd)), base_(base), size_(size) {}

StatePage::StatePage(StatePage&& other) noexcept
    : fd_(std::move(other.fd_)), base_(std::exchange(other.base_, nullptr)), size_(other.size_),
      touched_(std::move(other.touched_)) {}

StatePage::~StatePage() {
    if (base_) munmap(base_, size_);
}

Result<StatePage> StatePage::create(std::uint32_t version, std::uint32_t records) {
    UniqueFd fd(memfd_create("leash-state", MFD_CLOEXEC));
    std::size_t size = sizeof(Header) + std::size_t{records} * sizeof(Record);
    if (!fd || ftruncate(fd.get(), static_cast<off_t>(size)) < 0)
        return fail_errno(errno, "cannot make the state page");
    void* base = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (base == MAP_FAILED) return fail_errno(errno, "cannot map the state page");
    auto* header = static_cast<Header*>(base);
    header->magic = kMagic;
    header->version = version;
    header->records = records;
    header->record_bytes = kRecordBytes;
    StatePage page(std::move(fd), static_cast<std::byte*>(base), size);
    page.touched_.resize(records);
    return page;
}

Result<StatePage> StatePage::adopt(UniqueFd fd, std::uint32_t version) {
    struct stat facts {};
    if (fstat(fd.get(), &facts) < 0) return fail_errno(errno, "no state page");
    auto size = static_cast<std::size_t>(facts.st_size);
    if (size < sizeof(Header)) return fail("the state page is too short: {} bytes", size);
    void* base = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd.get(), 0);
    if (base == MAP_FAILED) return fail_errno(errno, "cannot map the state page");
    StatePage page(std::move(fd), static_cast<std::byte*>(base), size);
    auto* header = static_cast<Header*>(base);
    if (header->magic != kMagic || header->record_bytes != kRecordBytes)
        return fail("this is no state page");
    if (header->version != version)
        return fail("the state page has version {}, not {}", header->version, version);
    if ((size - sizeof(Header)) / sizeof(Record) < header->records)
        return fail("the state page is cut off");
    page.find_touched();
    return page;
}

void StatePage::find_touched() {
    touched_.assign(records(), false);
    auto end = static_cast<off_t>(size_);
    for (off_t at = sizeof(Header); at < end;) {
        auto data = lseek(fd_.get(), at, SEEK_DATA);
        if (data < 0 && errno == ENXIO) return; // nothing but a hole
        auto hole = data < 0 ? -1 : lseek(fd_.get(), data, SEEK_HOLE);
        if (hole < 0) { // it cannot tell: all of them, then
            touched_.assign(records(), true);
            return;
        }
        auto index_of = [](off_t place) {
            return (static_cast<std::size_t>(place) - sizeof(Header)) / sizeof(Record);
        };
        for (auto i = index_of(data); i <= index_of(hole - 1) && i < touched_.size(); ++i)
            touched_[i] = true;
        at = hole;
    }
}

std::span<std::byte> StatePage::extra() const {
    static_assert(offsetof(Header, extra) == kExtraAt);
    return reinterpret_cast<Header*>(base_)->extra;
}

std::uint32_t StatePage::records() const { return reinterpret_cast<Header*>(base_)->records; }

// What lies behind the length says nothing, and need not cost anything.
std::uint32_t StatePage::checksum_of(const Copy& copy) {
    return checksum(reinterpret_cast<const std::byte*>(&copy) + sizeof copy.checksum,
                    offsetof(Copy, bytes) - sizeof copy.checksum + copy.length);
}

bool StatePage::is_whole(const Copy& copy) {
    return copy.length <= kRecordBytes && copy.sequence != 0 && copy.checksum == checksum_of(copy);
}

std::uint32_t StatePage::damaged() const {
    std::uint32_t count = 0;
    for (std::uint32_t i = 0; i < records(); ++i) {
        if (!touched_[i]) continue;
        const auto& both = record(i).copies;
        bool written = both[0].sequence != 0 || both[1].sequence != 0;
        if (written && !is_whole(both[0]) && !is_whole(both[1])) ++count;
    }
    return count;
}

void StatePage::stamp(std::int64_t ms) {
    std::atomic_ref(reinterpret_cast<Header*>(base_)->alive_ms).store(ms, std::memory_order_relaxed);
}

std::int64_t StatePage::stamped() const { return reinterpret_cast<Header*>(base_)->alive_ms; }

StatePage::Record& StatePage::record(std::uint32_t index) const {
    return reinterpret_cast<Record*>(base_ + sizeof(Header))[index];
}

void StatePage::write(std::uint32_t index, std::span<const std::byte> bytes) {
    if (index >= records() || bytes.size() > kRecordBytes) return;
    touched_[index] = true;
    auto& both = record(index).copies;
    auto& older = both[0].sequence <= both[1].sequence ? both[0] : both[1];
    auto& newer = both[0].sequence <= both[1].sequence ? both[1] : both[0];
    older.checksum = 0; // broken until it is whole again
    std::atomic_signal_fence(std::memory_order_seq_cst);
    auto before = std::min<std::size_t>(older.length, kRecordBytes);
    older.length = static_cast<std::uint32_t>(bytes.size());
    older.sequence = newer.sequence + 1;
    if (!bytes.empty()) std::memcpy(older.bytes, bytes.data(), bytes.size());
    if (before > bytes.size()) std::memset(older.bytes + bytes.size(), 0, before - bytes.size());
    std::atomic_signal_fence(std::memory_order_seq_cst);
    older.checksum = checksum_of(older);
}

void StatePage::clear(std::uint32_t index) { write(index, {}); }

std::optional<std::span<const std::byte>> StatePage::read(std::uint32_t index) const {
    if (index >= records() || !touched_[index]) return std::nullopt;
    const Copy* best = nullptr;
    for (const auto& copy : record(index).copies) {
        if (is_whole(copy) && (!best || copy.sequence > best->sequence)) best = &copy;
    }
    if (!best || best->length == 0) return std::nullopt;
    return std::span(best->bytes, best->length);
}

} // namespace leash
