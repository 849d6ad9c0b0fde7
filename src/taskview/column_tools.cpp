// SPDX-License-Identifier: MIT
// What is done with columns: chosen by name, sorted by, shown to people and to programs.
#include <algorithm>
#include <numeric>

#include <fmt/format.h>
#include <strings.h>

#include "base/text.h"
#include "taskview/columns.h"
#include "taskview/figures.h"
#include "taskview/table.h"

namespace leash::taskview {
namespace {

bool same_word(std::string_view a, std::string_view b) {
    return a.size() == b.size() && ::strncasecmp(a.data(), b.data(), a.size()) == 0;
}

std::unexpected<Error> unknown(std::string_view word) {
    std::vector<std::string_view> names;
    for (const auto& column : all_columns()) names.push_back(column.name);
    auto near = closest_word(word, names);
    if (near.empty())
        return fail("no column '{}'; `--columns help` lists them", printable(word));
    return fail("no column '{}'; did you mean '{}'? `--columns help` lists them", printable(word),
                near);
}

std::string figure(Form form, std::uint64_t value) {
    switch (form) {
    case Form::bytes: return bytes_figure(value);
    case Form::cpu_time: return cpu_figure(value);
    case Form::elapsed: return elapsed_figure(value);
    case Form::text:
    case Form::number:
    case Form::percent: break;
    }
    return std::to_string(value);
}

bool nothing(const Value& value) { return std::holds_alternative<std::monostate>(value); }

// Negative: a before b.
int compare(const Value& a, const Value& b, bool descending) {
    if (nothing(a) || nothing(b)) return int{nothing(a)} - int{nothing(b)};
    if (a == b) return 0;
    return (a < b) != descending ? -1 : 1;
}

void write(JsonWriter& json, const Value& value) {
    if (const auto* text = std::get_if<std::string>(&value)) json.string(*text);
    else if (const auto* real = std::get_if<double>(&value)) json.decimal(*real);
    else if (const auto* number = std::get_if<std::int64_t>(&value)) json.number(*number);
    else if (const auto* amount = std::get_if<std::uint64_t>(&value)) json.amount(*amount);
    else if (const auto* words = std::get_if<Words>(&value)) {
        json.begin_array();
        for (const auto& word : *words) json.string(word);
        json.end_array();
    } else json.null();
}

} // namespace

const Column* find_column(std::string_view name) {
    for (const auto& column : all_columns())
        if (column.name == name || same_word(column.heading, name)) return &column;
    return nullptr;
}

Result<Columns> parse_columns(std::string_view list) {
    Columns columns;
    for (auto word : split(list, ',')) {
        const auto* column = find_column(word);
        if (column == nullptr) return unknown(word);
        columns.push_back(column);
    }
    return columns;
}

Columns default_columns(bool threads) {
    auto columns = parse_columns("pid,tid,ppid,service,start_id,source,state,runtime_ns,rss,shmem,"
                                 "fds,command").value();
    if (!threads) columns.erase(columns.begin() + 1);
    return columns;
}

Columns record_columns() {
    Columns columns;
    for (const auto& column : all_columns())
        if ((column.extras & ~extra::command) == 0) columns.push_back(&column);
    return columns;
}

Result<std::vector<SortKey>> parse_sort(std::string_view list) {
    std::vector<SortKey> keys;
    for (auto word : split(list, ',')) {
        bool descending = word.starts_with('-');
        if (descending || word.starts_with('+')) word.remove_prefix(1);
        const auto* column = find_column(word);
        if (column == nullptr) return unknown(word);
        keys.push_back({column, descending});
    }
    return keys;
}

void sort_rows(std::vector<Row>& rows, const std::vector<SortKey>& keys) {
    if (keys.empty()) return;
    // Each value is computed once, and numbers are moved about instead of rows.
    std::vector<Value> values;
    values.reserve(rows.size() * keys.size());
    for (const auto& row : rows)
        for (const auto& key : keys) values.push_back(key.column->value(row));
    std::vector<std::size_t> order(rows.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(order, [&](std::size_t a, std::size_t b) {
        for (std::size_t k = 0; k < keys.size(); ++k)
            if (int way = compare(values[a * keys.size() + k], values[b * keys.size() + k],
                                  keys[k].descending))
                return way < 0;
        return false;
    });
    std::vector<Row> sorted;
    sorted.reserve(rows.size());
    for (auto index : order) sorted.push_back(std::move(rows[index]));
    rows = std::move(sorted);
}

std::uint64_t facts_of(const Columns& columns) {
    std::uint64_t facts = 0;
    for (const auto* column : columns) facts |= column->facts;
    return facts;
}

unsigned extras_of(const Columns& columns) {
    unsigned extras = 0;
    for (const auto* column : columns) extras |= column->extras;
    return extras;
}

std::string cell(const Column& column, const Row& row) {
    auto value = column.value(row);
    if (const auto* text = std::get_if<std::string>(&value))
        return text->empty() ? "-" : printable(*text);
    if (const auto* words = std::get_if<Words>(&value))
        return words->empty() ? "-" : printable(join(*words, ","));
    if (const auto* percent = std::get_if<double>(&value)) return percent_figure(*percent);
    if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
    if (const auto* amount = std::get_if<std::uint64_t>(&value)) {
        auto text = figure(column.form, *amount);
        if (column.name == "fds" && row.is(LEASH_TASK_FDS_AT_LEAST)) text += '+';
        return text;
    }
    return "-";
}

std::string task_table(std::span<const Row> rows, const Columns& columns,
                       const Terminal& terminal, bool heading) {
    std::vector<Table::Column> heads;
    for (const auto* column : columns) heads.push_back({column->heading, column->form != Form::text});
    Table table(std::move(heads));
    for (const auto& row : rows) {
        std::vector<std::string> cells;
        cells.reserve(columns.size());
        for (const auto* column : columns) cells.push_back(cell(*column, row));
        table.row(std::move(cells));
    }
    return table.text(terminal, heading);
}

std::string task_json(const Row& row, const Columns& columns) {
    JsonWriter json;
    json.begin_object();
    for (const auto* column : columns) {
        json.key(column->name);
        write(json, column->value(row));
    }
    json.end_object();
    return json.text();
}

std::string column_list() {
    Table table({{"COLUMN"}, {"HEADING"}, {"MEANING"}});
    for (const auto& column : all_columns())
        table.row({std::string(column.name), std::string(column.heading),
                   std::string(column.meaning)});
    return table.text({});
}

} // namespace leash::taskview
