// SPDX-License-Identifier: MIT
#include "taskview/table.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"

namespace leash::taskview {
namespace {

constexpr std::string_view kGap = "  ";

} // namespace

std::size_t columns_of(std::string_view text) {
    return static_cast<std::size_t>(std::ranges::count_if(
        text, [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }));
}

std::string cut(std::string_view text, std::size_t columns) {
    if (columns_of(text) <= columns) return std::string(text);
    std::size_t keep = columns > 2 ? columns - 2 : 0, bytes = 0;
    while (keep > 0 && bytes < text.size()) {
        bytes += std::max<std::size_t>(1, utf8_length(text.substr(bytes)));
        --keep;
    }
    return std::string(text.substr(0, bytes)) + std::string(std::min<std::size_t>(columns, 2), '.');
}

std::string colour_state(std::string_view state, std::string_view text, const Terminal& terminal) {
    if (!terminal.colour) return std::string(text);
    std::string_view code;
    if (state == "running" || state == "done") code = "32";
    else if (state == "failed" || state == "backoff" || state == "degraded") code = "31";
    else if (state != "stopped") code = "33";
    if (code.empty()) return std::string(text);
    return fmt::format("\033[{}m{}\033[0m", code, text);
}

void Table::row(std::vector<std::string> cells) {
    cells.resize(columns_.size());
    rows_.push_back(std::move(cells));
}

std::string Table::text(const Terminal& terminal, bool heading) const {
    std::vector<std::size_t> widths;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
        auto width = columns_of(columns_[i].name);
        for (const auto& row : rows_) width = std::max(width, columns_of(row[i]));
        widths.push_back(width);
    }
    std::string all;
    auto add = [&](auto cell, bool is_heading) {
        std::string line;
        std::size_t at = 0; // column of the terminal
        for (std::size_t i = 0; i < columns_.size(); ++i) {
            std::string text(cell(i));
            if (i > 0) {
                line += kGap;
                at += kGap.size();
            }
            bool last = i + 1 == columns_.size();
            if (last && terminal.width > 0)
                text = cut(text, terminal.width > at ? terminal.width - at : 0);
            std::string blanks(widths[i] - std::min(widths[i], columns_of(text)), ' ');
            if (columns_[i].right) line += blanks;
            line += columns_[i].state && !is_heading ? colour_state(text, text, terminal) : text;
            if (!columns_[i].right && !last) line += blanks;
            at += widths[i];
        }
        while (line.ends_with(' ')) line.pop_back();
        all += line + "\n";
    };
    if (heading) add([&](std::size_t i) { return columns_[i].name; }, true);
    for (const auto& row : rows_)
        add([&](std::size_t i) { return std::string_view(row[i]); }, false);
    return all;
}

} // namespace leash::taskview
