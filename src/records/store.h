// SPDX-License-Identifier: MIT
// Where records lie: in a file that the loop of PID 1 writes to without ever waiting (the spool, in
// memory), and on the disk, to which a worker copies what is new in the spool. The worker finds out by
// itself what the disk has already, so it may be killed, run twice, or meet another disk than the last
// time, and nothing is lost or there twice.
//
// On the disk: FOLDER/troubles, and older ones in troubles.1, troubles.2, ...
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "records/record.h"

namespace leash::records {

inline constexpr const char* kFolder = "/var/lib/leash";
inline constexpr const char* kSpool = "/run/leash/troubles";

class Spool {
  public:
    static constexpr std::size_t kBytes = 96 * 1024; // beyond, the older half is dropped

    // A file at `path`, if its folder is in memory (tmpfs, ramfs), else one without a name. `mode` 0640.
    [[nodiscard]] static Result<Spool> open(const std::string& path);
    // Of an earlier life.
    [[nodiscard]] static Spool adopt(UniqueFd fd);

    // The line gets its '\n'. How many records that are newer than number `stored` had to go for it.
    [[nodiscard]] Result<std::size_t> append(std::string_view line, std::uint64_t stored);
    [[nodiscard]] std::uint64_t last_number() const { return last_; } // 0: it is empty
    [[nodiscard]] const std::string& boot() const { return boot_; } // of its last record
    [[nodiscard]] int fd() const { return fd_.get(); }
    // For the one process that copies it to the disk, until its end, however long that takes. False:
    // another one does.
    [[nodiscard]] bool claim() const;

  private:
    explicit Spool(UniqueFd fd);
    UniqueFd fd_;
    std::size_t size_ = 0;
    std::uint64_t last_ = 0;
    std::string boot_;
};

// A spool's or a file's text, at most `most` bytes.
[[nodiscard]] std::string read_all(int fd, std::size_t most);

struct StoreLimits {
    std::uint64_t bytes = 256 * 1024; // of one file
    unsigned files = 4;
};

// Copies what `spool` has and the folder has not, makes it durable, and begins a new file where the
// present one is full. Blocks as long as the disk does. The number of the newest record that is on the
// disk now. Error EAGAIN: another one is at it. After an error the file is as it was before.
[[nodiscard]] Result<std::uint64_t> store(const std::string& folder, std::string_view spool,
                                          const StoreLimits& limits);

// Everything that is left, the oldest first, each record once.
struct Found {
    std::vector<std::string> lines;
    std::size_t damaged = 0;
    int error = 0; // errno of the first file that is there and could not be read
};
[[nodiscard]] Found read_records(const std::string& folder, const std::string& spool);

} // namespace leash::records
