// SPDX-License-Identifier: MIT
// Fixed-size records in a MAP_SHARED memfd that outlive PID 1's own memory: a crash, an exec of the
// same binary in place. Each record is there twice, each copy with a sequence number and a checksum;
// the older one is overwritten, so that a writer that dies half-way leaves the newer one whole.
// Nothing is allocated when writing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"

namespace leash {

class StatePage {
  public:
    static constexpr std::uint32_t kMagic = 0x4C534831; // "LSH1"
    static constexpr std::size_t kRecordBytes = 3056;   // payload of a record
    // Room behind the header for what is written straight, without copies and sums, since the writer may
    // be dying. It lies at kExtraAt in the file, whatever else of the page is damaged.
    static constexpr std::size_t kExtraAt = 4096, kExtraBytes = 8192;

    // A fresh page for `records` records. `version` says what the records mean.
    static Result<StatePage> create(std::uint32_t version, std::uint32_t records);
    // The page of an earlier life. Refused where magic, version or size do not fit.
    static Result<StatePage> adopt(UniqueFd fd, std::uint32_t version);

    StatePage(StatePage&& other) noexcept;
    StatePage& operator=(StatePage&&) = delete;
    ~StatePage();

    [[nodiscard]] std::uint32_t records() const;
    [[nodiscard]] int fd() const { return fd_.get(); }
    [[nodiscard]] std::span<std::byte> extra() const; // 0 in a fresh page; stays where it is

    // At most kRecordBytes. The bytes that the record had behind them become 0.
    void write(std::uint32_t index, std::span<const std::byte> bytes);
    void clear(std::uint32_t index);
    // The newest whole copy, nothing where the record is empty or both copies are broken.
    [[nodiscard]] std::optional<std::span<const std::byte>> read(std::uint32_t index) const;
    // Records that were written, but of which no copy is whole. A writer in another process may have
    // its first one half done: look again before believing it.
    [[nodiscard]] std::uint32_t damaged() const;

    // When the writer was last known to be at work, in ms: as cheap as a store.
    void stamp(std::int64_t ms);
    [[nodiscard]] std::int64_t stamped() const; // 0: never

  private:
    struct Copy;
    struct Record;
    struct Header;
    StatePage(UniqueFd fd, std::byte* base, std::size_t size);
    [[nodiscard]] Record& record(std::uint32_t index) const;
    void find_touched();
    [[nodiscard]] static std::uint32_t checksum_of(const Copy& copy);
    [[nodiscard]] static bool is_whole(const Copy& copy);

    UniqueFd fd_;
    std::byte* base_ = nullptr;
    std::size_t size_ = 0;
    // Which records lie where anything was ever written. To look at the others would make the kernel
    // give them memory, and take a page fault each.
    std::vector<bool> touched_;
};

} // namespace leash
