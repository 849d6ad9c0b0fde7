// SPDX-License-Identifier: MIT
#include "proc_text.h"

#include <charconv>

namespace leash_monitor {

namespace {

std::string_view take_line(std::string_view& text) {
    auto end = text.find('\n');
    auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return line;
}

std::string_view take_word(std::string_view& text) {
    auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) {
        text = {};
        return {};
    }
    text.remove_prefix(first);
    auto word = text.substr(0, text.find_first_of(" \t\n"));
    text.remove_prefix(word.size());
    return word;
}

template <class Number>
bool number_of(std::string_view word, Number& number) {
    auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), number);
    return error == std::errc{} && end == word.data() + word.size();
}

// "0.42": at most seven digits on either side.
bool decimal_of(std::string_view word, double& number) {
    auto dot = word.find('.');
    std::uint32_t whole = 0, part = 0;
    auto before = word.substr(0, dot);
    auto after = dot == std::string_view::npos ? std::string_view("0") : word.substr(dot + 1);
    if (after.size() > 7 || !number_of(before, whole) || !number_of(after, part)) return false;
    double scale = 1;
    for (std::size_t i = 0; i < after.size(); ++i)
        scale *= 10;
    number = whole + part / scale;
    return true;
}

// \040 and the like, as mountinfo writes blanks.
std::string unescaped(std::string_view text) {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); ++i) {
        auto octal = [&](std::size_t at) {
            return at < text.size() && text[at] >= '0' && text[at] <= '7';
        };
        if (text[i] == '\\' && octal(i + 1) && octal(i + 2) && octal(i + 3)) {
            plain += static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 +
                                       (text[i + 3] - '0'));
            i += 3;
        } else {
            plain += text[i];
        }
    }
    return plain;
}

bool has_option(std::string_view options, std::string_view wanted) {
    while (!options.empty()) {
        auto end = options.find(',');
        if (options.substr(0, end) == wanted) return true;
        options.remove_prefix(end == std::string_view::npos ? options.size() : end + 1);
    }
    return false;
}

} // namespace

std::optional<Memory> parse_meminfo(std::string_view text) {
    Memory memory;
    int found = 0;
    while (!text.empty()) {
        auto line = take_line(text);
        auto key = take_word(line);
        std::uint64_t* place = key == "MemTotal:"       ? &memory.total_kb
                               : key == "MemAvailable:" ? &memory.available_kb
                               : key == "SwapTotal:"    ? &memory.swap_total_kb
                                                        : nullptr;
        if (place != nullptr && number_of(take_word(line), *place)) ++found;
    }
    if (found < 3 || memory.total_kb == 0) return std::nullopt;
    return memory;
}

std::optional<Load> parse_loadavg(std::string_view text) {
    Load load;
    double fifteen = 0;
    if (!decimal_of(take_word(text), load.one) || !decimal_of(take_word(text), load.five) ||
        !decimal_of(take_word(text), fifteen))
        return std::nullopt;
    auto tasks = take_word(text); // running/all
    auto slash = tasks.find('/');
    if (slash == std::string_view::npos || !number_of(tasks.substr(slash + 1), load.tasks))
        return std::nullopt;
    return load;
}

std::optional<FileTable> parse_file_nr(std::string_view text) {
    std::uint64_t allocated = 0, unused = 0;
    FileTable table;
    if (!number_of(take_word(text), allocated) || !number_of(take_word(text), unused) ||
        !number_of(take_word(text), table.most) || table.most == 0 || unused > allocated)
        return std::nullopt;
    table.used = allocated - unused;
    return table;
}

std::optional<double> parse_pressure(std::string_view text, std::string_view kind) {
    while (!text.empty()) {
        auto line = take_line(text);
        if (take_word(line) != kind) continue;
        auto average = take_word(line);
        double value = 0;
        if (!average.starts_with("avg10=") || !decimal_of(average.substr(6), value))
            return std::nullopt;
        return value;
    }
    return std::nullopt;
}

std::optional<std::uint64_t> parse_received(std::string_view text, std::string_view interface) {
    while (!text.empty()) {
        auto line = take_line(text);
        auto colon = line.rfind(':'); // an alias has one in its name
        if (colon == std::string_view::npos) continue;
        auto name = line.substr(0, colon);
        if (take_word(name) != interface) continue;
        line.remove_prefix(colon + 1);
        std::uint64_t bytes = 0;
        if (!number_of(take_word(line), bytes)) return std::nullopt;
        return bytes;
    }
    return std::nullopt;
}

std::optional<std::uint64_t> parse_open_files_limit(std::string_view text) {
    constexpr std::string_view key = "Max open files";
    while (!text.empty()) {
        auto line = take_line(text);
        if (!line.starts_with(key)) continue;
        line.remove_prefix(key.size());
        auto soft = take_word(line);
        std::uint64_t limit = 0;
        if (soft == "unlimited") return UINT64_MAX;
        if (!number_of(soft, limit)) return std::nullopt;
        return limit;
    }
    return std::nullopt;
}

std::optional<bool> parse_read_only(std::string_view mountinfo, std::string_view place) {
    std::optional<bool> found;
    while (!mountinfo.empty()) {
        auto line = take_line(mountinfo);
        for (int i = 0; i < 4; ++i)
            take_word(line); // id, parent, device, root
        auto where = take_word(line);
        if (where.empty() || unescaped(where) != place) continue;
        bool read_only = has_option(take_word(line), "ro");
        auto dash = line.find(" - ");
        if (dash == std::string_view::npos) continue;
        line.remove_prefix(dash + 3);
        take_word(line); // type
        take_word(line); // source
        found = read_only || has_option(take_word(line), "ro");
    }
    return found;
}

std::optional<std::int64_t> parse_number(std::string_view text) {
    std::int64_t number = 0;
    if (!number_of(take_word(text), number)) return std::nullopt;
    if (text.find_first_not_of(" \t\n") != std::string_view::npos) return std::nullopt;
    return number;
}

std::optional<double> parse_uptime(std::string_view text) {
    double seconds = 0;
    if (!decimal_of(take_word(text), seconds)) return std::nullopt;
    return seconds;
}

} // namespace leash_monitor
