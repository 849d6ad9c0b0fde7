// SPDX-License-Identifier: MIT
// Reads what the logger has written: FOLDER/NAME.log, and the older FOLDER/NAME.log.0.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.h"
#include "base/unique_fd.h"

namespace leash::initctl {

struct LogLine {
    std::string stamp; // "2026-11-22T02:50:12.345Z"; "" where there is none
    std::string name;
    std::string text; // as the service wrote it: not harmless
};

// "STAMP text"; without a stamp the whole line is text.
[[nodiscard]] LogLine parse_log_line(std::string_view name, std::string_view line);

class LogReader {
  public:
    LogReader(std::string folder, std::string name); // name "": all there are

    // What has been written since the last call (at first: everything), in the order of time.
    // Fails if the folder cannot be read; a log that does not exist has no lines.
    [[nodiscard]] Result<std::vector<LogLine>> read();

  private:
    struct Position {
        UniqueFd fd; // keeps a file that is rotated away
        ino_t inode = 0;
        std::string rest; // a line whose end is still to come
    };
    Result<void> read_one(const std::string& name, std::vector<LogLine>& lines);
    static void read_on(const std::string& name, Position& position, std::vector<LogLine>& lines);

    std::string folder_, name_;
    std::map<std::string, Position> positions_;
};

} // namespace leash::initctl
