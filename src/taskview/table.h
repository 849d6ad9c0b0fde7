// SPDX-License-Identifier: MIT
// Columns of text that line up. Colours are words of a small set and mean the same everywhere:
// green is well, yellow is on its way, red needs somebody.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "taskview/terminal.h"

namespace leash::taskview {

class Table {
  public:
    struct Column {
        std::string_view name;
        bool right = false; // numbers
        bool state = false; // coloured by what it says
    };
    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    // As many cells as there are columns; what comes from outside has gone through printable().
    void row(std::vector<std::string> cells);
    [[nodiscard]] bool empty() const { return rows_.empty(); }
    // Heading and rows, each with its '\n'; where a width is given, the last column is cut to fit.
    [[nodiscard]] std::string text(const Terminal& terminal, bool heading = true) const;

  private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

[[nodiscard]] std::size_t columns_of(std::string_view text); // characters, not bytes
[[nodiscard]] std::string cut(std::string_view text, std::size_t columns); // "abcdef" 4: "ab.."
[[nodiscard]] std::string colour_state(std::string_view state, std::string_view text,
                                       const Terminal& terminal);

} // namespace leash::taskview
