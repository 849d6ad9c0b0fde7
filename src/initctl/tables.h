// SPDX-License-Identifier: MIT
// What people see. Every text from outside goes through printable(); colours are words of a small
// set and mean the same everywhere: green is well, yellow is on its way, red needs somebody.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "initctl/client.h"
#include "initctl/session.h"

namespace leash::initctl {

class Table {
  public:
    struct Column {
        std::string_view name;
        bool right = false; // numbers
        bool state = false; // coloured by what it says
    };
    explicit Table(std::vector<Column> columns) : columns_(std::move(columns)) {}

    void row(std::vector<std::string> cells); // as many as there are columns
    [[nodiscard]] bool empty() const { return rows_.empty(); }
    // Heading and rows, each with its '\n'; where a width is given, the last column is cut to fit.
    [[nodiscard]] std::string text(const Terminal& terminal) const;

  private:
    std::vector<Column> columns_;
    std::vector<std::vector<std::string>> rows_;
};

[[nodiscard]] std::size_t columns_of(std::string_view text); // characters, not bytes
[[nodiscard]] std::string cut(std::string_view text, std::size_t columns); // "abcdef" 4: "ab.."
[[nodiscard]] std::string age(Ms time);                      // 0s 59s 5m 47h 3d
[[nodiscard]] std::string colour_state(std::string_view state, std::string_view text,
                                       const Terminal& terminal);

[[nodiscard]] std::string service_table(const std::vector<Json>& services,
                                        const Terminal& terminal);
[[nodiscard]] std::string task_table(const std::vector<Json>& tasks, const Terminal& terminal);
[[nodiscard]] std::string service_page(const Json& service, const Terminal& terminal);
[[nodiscard]] std::string system_page(const Json& system, const Terminal& terminal);

} // namespace leash::initctl
