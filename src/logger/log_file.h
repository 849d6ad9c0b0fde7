// SPDX-License-Identifier: MIT
// FOLDER/NAME.log and, once that is full, one older generation: FOLDER/NAME.log.0.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/unique_fd.h"

namespace leash {

// "2026-11-22T02:50:12.345Z", now, UTC.
[[nodiscard]] std::string utc_stamp();

class LogFile {
  public:
    LogFile(std::string folder, std::string name, std::uint64_t log_size);

    // Whole lines, each with its '\n'. The file and its folder (mode 0700) are made as needed. What
    // cannot be written is counted, and told of in the file once it can be.
    void append(std::string_view lines);

    void set_log_size(std::uint64_t bytes) { log_size_ = bytes; }
    [[nodiscard]] std::uint64_t lost() const { return lost_; } // lines, since the beginning

  private:
    bool open();
    void rotate();
    bool write_all(std::string_view text);
    void lose(std::string_view lines);
    [[nodiscard]] std::string path(std::string_view suffix) const;

    std::string folder_, name_;
    std::uint64_t log_size_;
    UniqueFd fd_;
    std::uint64_t size_ = 0;
    Ms next_try_{0}; // while it cannot be opened
    std::uint64_t lost_ = 0, lost_untold_ = 0;
};

} // namespace leash
