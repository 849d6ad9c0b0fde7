// SPDX-License-Identifier: MIT
#include "taskview/top_page.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "taskview/columns.h"
#include "taskview/figures.h"
#include "taskview/table.h"

namespace leash::taskview {
namespace {

constexpr std::size_t kLongestName = 20; // of a service, where the width is limited
constexpr std::size_t kHeadLines = 2;    // the machine, and a blank line
constexpr std::size_t kFewServices = 3;  // that are shown however low the terminal is

Columns page_columns() {
    return parse_columns("pid,service,state,cpu_percent,runtime_ns,rss,shmem,fds,command").value();
}

std::string_view sort_columns(SortBy by) {
    switch (by) {
    case SortBy::cpu: return "-cpu_percent,-runtime_ns,pid";
    case SortBy::memory: return "-rss,pid";
    case SortBy::descriptors: return "-fds,pid";
    }
    return "";
}

double weight(const Usage& usage, SortBy by) {
    switch (by) {
    case SortBy::cpu: return usage.cpu;
    case SortBy::memory: return static_cast<double>(usage.rss);
    case SortBy::descriptors: return static_cast<double>(usage.fds);
    }
    return 0;
}

std::string_view word_of(SortBy by) {
    switch (by) {
    case SortBy::cpu: return "CPU";
    case SortBy::memory: return "memory";
    case SortBy::descriptors: return "descriptors";
    }
    return "";
}

std::string name_of(const Usage& usage) {
    switch (usage.kind) {
    case Usage::Kind::service: return usage.service;
    case Usage::Kind::nobody: return "-";
    case Usage::Kind::kernel: return "[kernel]";
    }
    return "-";
}

std::string state_of(const Usage& usage, const Page& page) {
    auto found = page.states.find(usage.service);
    return usage.kind == Usage::Kind::service && found != page.states.end() ? found->second : "-";
}

std::string trouble_of(const Usage& usage, const Page& page) {
    auto found = page.troubles.find(usage.service);
    return usage.kind == Usage::Kind::service && found != page.troubles.end() ? found->second : "";
}

std::string head_line(const Page& page, SortBy by) {
    double cpu = 0;
    std::uint64_t tasks = 0, services = 0;
    for (const auto& usage : page.usage) {
        cpu += usage.cpu;
        tasks += usage.tasks;
        services += usage.kind == Usage::Kind::service && usage.processes > 0 ? 1 : 0;
    }
    return fmt::format("up {}, {} services with {} tasks in all, CPU {}% of {}%, by {}{}{}",
                       elapsed_figure(page.sample->time_ns), services, tasks, percent_figure(cpu),
                       page.cpus * 100, word_of(by),
                       page.init_answers ? "" : "; init does not answer",
                       page.sample->state & LEASH_STATE_INCOMPLETE
                           ? "; the module has lost track of some processes" : "");
}

std::vector<std::string> lines_of(const std::string& text) {
    std::vector<std::string> lines;
    for (std::size_t begin = 0; begin < text.size();) {
        auto end = text.find('\n', begin);
        lines.push_back(text.substr(begin, end - begin));
        begin = end + 1;
    }
    return lines;
}

std::string short_name(const std::string& name, const Terminal& terminal) {
    return printable(terminal.width > 0 ? cut(name, kLongestName) : name);
}

std::vector<std::string> service_lines(const Page& page, const PageSettings& settings) {
    std::vector<Table::Column> columns{{"SERVICE"}, {"STATE", false, true}, {"TASKS", true},
                                       {"%CPU", true}, {"RSS", true}, {"SHMEM", true}, {"FDS", true}};
    if (!page.troubles.empty()) columns.push_back({"TROUBLE"});
    Table table(columns);
    for (const auto& usage : page.usage) {
        std::vector<std::string> row{short_name(name_of(usage), settings.terminal),
                                     printable(state_of(usage, page)), std::to_string(usage.tasks),
                                     percent_figure(usage.cpu), bytes_figure(usage.rss),
                                     bytes_figure(usage.shmem), std::to_string(usage.fds)};
        if (!page.troubles.empty()) row.push_back(printable(trouble_of(usage, page)));
        table.row(row);
    }
    return lines_of(table.text(settings.terminal));
}

std::vector<std::string> process_lines(const Page& page, const PageSettings& settings) {
    std::span<const Row> all(page.sample->rows);
    std::vector<Row> rows;
    for (const auto& row : all.first(rows_shown(settings, all.size()))) {
        auto& shown = rows.emplace_back(row);
        if (shown.is(LEASH_TASK_KERNEL)) shown.service = "[kernel]";
        if (settings.terminal.width > 0) shown.service = cut(shown.service, kLongestName);
    }
    return lines_of(task_table(rows, page_columns(), settings.terminal));
}

} // namespace

void order_page(std::vector<Row>& rows, std::vector<Usage>& usage, SortBy by,
                const std::map<std::string, std::string>& troubles) {
    sort_rows(rows, parse_sort(sort_columns(by)).value());
    std::ranges::stable_sort(usage, [by](const Usage& a, const Usage& b) {
        return weight(a, by) > weight(b, by);
    });
    std::ranges::stable_partition(usage, [&](const Usage& each) {
        return each.kind == Usage::Kind::service && troubles.contains(each.service);
    });
}

void add_idle_services(std::vector<Usage>& usage,
                       const std::map<std::string, std::string>& states) {
    for (const auto& [name, state] : states) {
        if (state == "stopped" || state == "done" || state == "running") continue;
        auto same = [&](const Usage& known) {
            return known.kind == Usage::Kind::service && known.service == name;
        };
        if (std::ranges::none_of(usage, same)) usage.emplace_back().service = name;
    }
}

std::size_t rows_shown(const PageSettings& settings, std::size_t rows) {
    if (!settings.processes) return 0;
    return settings.terminal.height == 0 ? rows : std::min(rows, settings.terminal.height);
}

std::vector<std::string> page_lines(const Page& page, const PageSettings& settings) {
    const auto height = settings.terminal.height;
    std::vector<std::string> lines{head_line(page, settings.by), ""};
    auto append = [&](std::vector<std::string> more, std::size_t limit) {
        if (limit > 0 && more.size() > limit) more.resize(limit);
        std::ranges::move(more, std::back_inserter(lines));
    };
    if (settings.services) {
        auto room = height > kHeadLines ? height - kHeadLines : 1;
        // With both, services get half of the page.
        auto limit = settings.processes ? std::max(room / 2, kFewServices + 1) : room;
        append(service_lines(page, settings), height == 0 ? 0 : limit);
        if (settings.processes) lines.emplace_back();
    }
    if (settings.processes) append(process_lines(page, settings), 0);
    if (height > 0 && lines.size() > height) lines.resize(height);
    if (settings.terminal.width > 0)
        for (auto& line : lines) line = clip(line, settings.terminal.width);
    return lines;
}

std::string page_json(const Page& page, const PageSettings& settings) {
    JsonWriter json;
    json.begin_object();
    json.key("time_ns").amount(page.sample->time_ns);
    json.key("cpus").amount(page.cpus);
    json.key("services").begin_array();
    for (const auto& usage : page.usage) {
        auto state = state_of(usage, page);
        json.begin_object().key("service");
        if (usage.kind == Usage::Kind::nobody) json.null();
        else json.string(name_of(usage));
        json.key("state");
        if (state == "-") json.null();
        else json.string(state);
        json.key("tasks").amount(usage.tasks);
        json.key("processes").amount(usage.processes);
        json.key("cpu_percent").decimal(usage.cpu);
        json.key("rss").amount(usage.rss);
        json.key("shmem").amount(usage.shmem);
        json.key("fds").amount(usage.fds);
        json.key("trouble");
        if (auto trouble = trouble_of(usage, page); !trouble.empty()) json.string(trouble);
        else json.null();
        json.end_object();
    }
    json.end_array();
    // Rendered tasks are put in as they are: the text so far ends where the array's begins.
    auto text = json.text() + ",\"tasks\":[";
    const auto columns = record_columns();
    const auto count = rows_shown(settings, page.sample->rows.size());
    for (std::size_t i = 0; i < count; ++i)
        text += (i > 0 ? "," : "") + task_json(page.sample->rows[i], columns);
    return text + "]}";
}

std::string clip(std::string_view line, std::size_t width) {
    std::string clipped;
    std::size_t column = 0;
    for (std::size_t i = 0; i < line.size();) {
        if (line[i] == '\033') { // ESC [ ... m
            auto end = line.find('m', i);
            auto length = end == std::string_view::npos ? line.size() - i : end + 1 - i;
            clipped += line.substr(i, length);
            i += length;
            continue;
        }
        auto length = std::max<std::size_t>(1, utf8_length(line.substr(i)));
        if (column < width) clipped += line.substr(i, length);
        ++column;
        i += length;
    }
    return clipped;
}

std::string repaint(const std::vector<std::string>& shown,
                    const std::vector<std::string>& wanted) {
    std::string text;
    if (shown.empty()) text += "\033[H\033[2J";
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        if (i < shown.size() && shown[i] == wanted[i]) continue;
        if (wanted[i].empty() && i >= shown.size()) continue; // a blank line is there already
        text += fmt::format("\033[{};1H\033[K{}", i + 1, wanted[i]);
    }
    if (shown.size() > wanted.size()) text += fmt::format("\033[{};1H\033[J", wanted.size() + 1);
    return text;
}

} // namespace leash::taskview
