// SPDX-License-Identifier: MIT
// Every fact about a task as a column: one table feeds --columns, --sort, --json, the headings and
// the man page.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/json.h"
#include "base/result.h"
#include "taskview/sample.h"
#include "taskview/terminal.h"

namespace leash::taskview {

// Nothing: the record does not hold it. A column's values are all of one kind but for that.
using Words = std::vector<std::string>;
using Value = std::variant<std::monostate, std::int64_t, std::uint64_t, double, std::string, Words>;

enum class Form { text, number, bytes, cpu_time, elapsed, percent };

struct Column {
    std::string_view name;    // the key in JSON, the word for --columns and --sort
    std::string_view heading; // --columns takes it, too, in any case
    Form form;
    std::uint64_t facts; // LEASH_FACT_* that it needs
    unsigned extras;     // extra::* that it needs
    Value (*value)(const Row& row);
    std::string_view meaning;
};

// In the order of the keys in JSON. Scripts rely on names and order: new ones go to the end.
[[nodiscard]] std::span<const Column> all_columns();
// Null: no such column.
[[nodiscard]] const Column* find_column(std::string_view name);

using Columns = std::vector<const Column*>;
// "pid,service,rss". The error names the word and what may have been meant.
[[nodiscard]] Result<Columns> parse_columns(std::string_view list);
[[nodiscard]] Columns default_columns(bool threads); // of leashps
// Of JSON where no columns were asked for: all that the record holds, and the command.
[[nodiscard]] Columns record_columns();

struct SortKey {
    const Column* column;
    bool descending = false;
};
// "-rss,pid", as for ps(1): + or nothing for the lowest first, - for the highest.
[[nodiscard]] Result<std::vector<SortKey>> parse_sort(std::string_view list);
// Tasks of which a column has nothing come last, whatever the direction.
void sort_rows(std::vector<Row>& rows, const std::vector<SortKey>& keys);

[[nodiscard]] std::uint64_t facts_of(const Columns& columns);
[[nodiscard]] unsigned extras_of(const Columns& columns);

[[nodiscard]] std::string cell(const Column& column, const Row& row); // "-" for nothing
[[nodiscard]] std::string task_table(std::span<const Row> rows, const Columns& columns,
                                     const Terminal& terminal, bool heading = true);
[[nodiscard]] std::string task_json(const Row& row, const Columns& columns); // without a '\n'
[[nodiscard]] std::string column_list(); // name, heading and meaning, for --columns help

} // namespace leash::taskview
