// SPDX-License-Identifier: MIT
#include "leashps/options.h"

#include <fmt/format.h>

#include "base/text.h"

namespace leash::leashps {
namespace {

using Show = Options::Show;

struct Option {
    std::string_view name, short_name;
    std::string_view value; // what it takes; "": nothing
    std::string_view text;
    // Gives back what is wrong with the value, or "".
    std::string (*set)(Options& options, const std::string& value);
};

std::string set_service(Options& options, const std::string& value) {
    if (!valid_service_name(value))
        return fmt::format("'{}' cannot be the name of a service", printable(value));
    options.service = value;
    return "";
}

std::string set_start(Options& options, const std::string& value) {
    auto id = parse_start_id(value);
    if (!id) return fmt::format("'{}' is no id of a start (16 hex digits)", printable(value));
    options.start = *id;
    return "";
}

std::string set_columns(Options& options, const std::string& value) {
    if (value == "help") {
        options.show = Show::columns;
        return "";
    }
    auto columns = taskview::parse_columns(value);
    if (!columns) return columns.error().text;
    // As for ps(1), -o may be given several times.
    if (!options.columns) options.columns.emplace();
    options.columns->insert(options.columns->end(), columns->begin(), columns->end());
    return "";
}

std::string set_sort(Options& options, const std::string& value) {
    auto keys = taskview::parse_sort(value);
    if (!keys) return keys.error().text;
    options.sort = std::move(*keys);
    return "";
}

template <auto member, auto value> std::string put(Options& options, const std::string&) {
    options.*member = value;
    return "";
}

constexpr Option kOptions[] = {
    {"--service", "", "NAME", "only tasks of this service", set_service},
    {"--start", "", "ID", "only tasks of this start", set_start},
    {"--attributed", "-a", "", "only tasks that belong to a start",
     put<&Options::attributed, true>},
    {"--kernel-threads", "-k", "", "kernel threads, too", put<&Options::kernel, true>},
    {"--threads", "-L", "", "a line a thread, not a process", put<&Options::threads, true>},
    {"--columns", "-o", "LIST", "these columns, separated by commas; `help` lists all",
     set_columns},
    {"--sort", "", "LIST", "by these columns; -COLUMN: the highest first", set_sort},
    {"--no-headers", "", "", "no heading", put<&Options::heading, false>},
    {"--json", "-j", "", "an object a line, with every fact unless --columns says which",
     put<&Options::json, true>},
    {"--starts", "", "", "a line a start, with its counters", put<&Options::show, Show::starts>},
    {"--stats", "", "", "the module's own counters", put<&Options::show, Show::stats>},
    {"--help", "-h", "", "this", put<&Options::show, Show::help>},
    {"--version", "-V", "", "the version", put<&Options::show, Show::version>},
};

std::unexpected<Error> unknown(std::string_view word) {
    std::vector<std::string_view> names;
    for (const auto& option : kOptions) names.push_back(option.name);
    auto near = closest_word(word, names);
    if (near.empty()) return fail("unknown option '{}'; see leashps --help", printable(word));
    return fail("unknown option '{}'; did you mean '{}'?", printable(word), near);
}

const Option* find_option(std::string_view name) {
    for (const auto& option : kOptions)
        if (option.name == name || (!option.short_name.empty() && option.short_name == name))
            return &option;
    return nullptr;
}

// Letters that stand together, -Lk, become words of their own, up to one that takes a value. What
// is the value of the word before is left alone: --sort -rss.
std::vector<std::string> spread(const std::vector<std::string>& args) {
    std::vector<std::string> words;
    bool is_value = false;
    for (const auto& arg : args) {
        bool letters = !is_value && arg.size() > 2 && arg[0] == '-' && arg[1] != '-';
        if (!letters) {
            const auto* option = is_value ? nullptr : find_option(arg);
            is_value = option != nullptr && !option->value.empty();
            words.push_back(arg);
            continue;
        }
        for (std::size_t i = 1; i < arg.size(); ++i) {
            const auto* option = find_option(std::string("-") + arg[i]);
            words.push_back(std::string("-") + arg[i]);
            if (option == nullptr || option->value.empty()) continue;
            if (i + 1 < arg.size()) words.push_back(arg.substr(i + 1));
            else is_value = true;
            break;
        }
    }
    return words;
}

} // namespace

Result<Options> parse_options(const std::vector<std::string>& args) {
    Options options;
    const auto words = spread(args);
    for (std::size_t i = 0; i < words.size(); ++i) {
        std::string_view word = words[i];
        if (!word.starts_with('-'))
            return fail("unknown argument '{}'; leashps takes options only, see leashps --help",
                        printable(word));
        auto equals = word.starts_with("--") ? word.find('=') : std::string_view::npos;
        auto name = word.substr(0, equals);
        const auto* option = find_option(name);
        if (option == nullptr) return unknown(name);
        std::string value;
        if (option->value.empty()) {
            if (equals != std::string_view::npos) return fail("{} takes no value", name);
        } else if (equals != std::string_view::npos) {
            value = word.substr(equals + 1);
        } else if (i + 1 < words.size()) {
            value = words[++i];
        } else {
            return fail("{} needs a value: {} {}", name, name, option->value);
        }
        if (auto wrong = option->set(options, value); !wrong.empty())
            return fail("{}: {}", name, wrong);
        // What was asked first; the rest of the line does not matter.
        if (options.show == Show::help || options.show == Show::version) return options;
    }
    return options;
}

std::string help_text() {
    std::string text =
        "usage: leashps [OPTION...]\n\n"
        "  All processes of the machine, and which start of which service each descends from,\n"
        "  as Leash's kernel module knows it. Needs no running init of Leash.\n\n";
    for (const auto& option : kOptions) {
        auto words = fmt::format("{:>3}{} {}{}{}", option.short_name,
                                 option.short_name.empty() ? " " : ",", option.name,
                                 option.value.empty() ? "" : " ", option.value);
        text += fmt::format("  {:<26}{}\n", words, option.text);
    }
    text += "\nExit status: 0 done, 1 failed, 2 usage, 4 no such service or start, 5 the kernel\n"
            "module is not loaded, 6 not permitted.\n";
    return text;
}

} // namespace leash::leashps
