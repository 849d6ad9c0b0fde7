// SPDX-License-Identifier: MIT
// Writes a man page from a template and the schema table: schema_man TEMPLATE > PAGE.
// A template is roff, with lines of its own for what the table knows: `@keys SECTION@`.
#include <fstream>
#include <iostream>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "config/schema.h"

using namespace leash;

namespace {

// Text as roff shows it unchanged. In what a user types, a '-' must stay a '-'.
std::string roff(std::string_view text, bool literal) {
    std::string out;
    for (char c : text) {
        if (c == '\\') out += "\\e";
        else if (c == '-' && literal) out += "\\-";
        else if (c == '\'') out += "\\(aq";
        else if (c == '.' && out.empty()) out += "\\&.";
        else out += c;
    }
    return out;
}

// Prose, with `...` in bold.
std::string prose(std::string_view text) {
    std::string out;
    bool literal = false;
    while (true) {
        auto end = text.find('`');
        out += roff(text.substr(0, end), literal);
        if (end == std::string_view::npos) return out + "\n";
        literal = !literal;
        out += literal ? "\\fB" : "\\fR";
        text.remove_prefix(end + 1);
    }
}

std::string types_of(const KeySpec& spec) {
    if (spec.section != "service" || spec.types == kEveryType) return {};
    if (spec.types == kProcess) return " Not for a `target`.";
    if (spec.types == kConsole) return " Only for a `console`.";
    if (spec.types == kOneshot) return " Only for a `oneshot`.";
    return {};
}

std::string fallback_of(const KeySpec& spec) {
    std::string text;
    if (!spec.fallback.empty()) text = fmt::format("`{}`", spec.fallback);
    if (!spec.fallback_note.empty())
        text += fmt::format("{}{}", text.empty() ? "" : "; ", spec.fallback_note);
    return text.empty() ? "none" : text;
}

void print_key(const KeySpec& spec) {
    std::cout << fmt::format(".TP\n\\fB{}\\fR = \\fI{}\\fR\n", roff(spec.key, true),
                             to_string(spec.type));
    std::cout << prose(spec.text) << ".br\n";
    auto facts = spec.type == ValueType::text || spec.type == ValueType::policy
                     ? std::string{}
                     : fmt::format("Allowed: {}. ", allowed(spec));
    std::cout << prose(fmt::format("{}Default: {}.{} Since {}.", facts, fallback_of(spec),
                                   types_of(spec), spec.since));
}

void print_keys(std::string_view section) {
    std::string_view group;
    for (const auto* schema : {&service_schema(), &system_schema()}) {
        for (const auto& spec : *schema) {
            if (spec.section != section) continue;
            if (spec.group != group) std::cout << ".SS " << roff(spec.group, false) << "\n";
            group = spec.group;
            print_key(spec);
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    std::ifstream source(argc == 2 ? argv[1] : "");
    if (!source) {
        std::cerr << "usage: schema_man TEMPLATE > PAGE\n";
        return 2;
    }
    for (std::string line; std::getline(source, line);) {
        constexpr std::string_view kKeys = "@keys ";
        if (line.starts_with(kKeys) && line.ends_with('@'))
            print_keys(std::string_view(line).substr(kKeys.size(), line.size() - kKeys.size() - 1));
        else if (auto at = line.find("@version@"); at != std::string::npos)
            std::cout << line.replace(at, 9, LEASH_VERSION) << "\n";
        else
            std::cout << line << "\n";
    }
    return std::cout.flush() ? 0 : 1;
}
