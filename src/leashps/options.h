// SPDX-License-Identifier: MIT
// The command line of leashps.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/tag.h"
#include "taskview/columns.h"

namespace leash::leashps {

struct Options {
    enum class Show { tasks, starts, stats, columns, help, version };
    Show show = Show::tasks;
    std::string service; // "": all
    StartId start = 0;   // 0: all
    bool attributed = false, kernel = false, threads = false;
    bool json = false, heading = true;
    std::optional<taskview::Columns> columns; // not given: the usual ones
    std::vector<taskview::SortKey> sort;
};

// Without the program's name. An error is a sentence for people.
[[nodiscard]] Result<Options> parse_options(const std::vector<std::string>& args);

[[nodiscard]] std::string help_text();

} // namespace leash::leashps
