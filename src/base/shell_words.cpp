// SPDX-License-Identifier: MIT
#include "base/shell_words.h"

#include "base/text.h"

namespace leash {
namespace {

constexpr std::string_view kBlanks = " \t\n\r";

bool keeps_meaning(char c) { // after a backslash within "…"
    return c == '"' || c == '\\' || c == '$' || c == '`';
}

bool ordinary(char c) { // needs no quotes when written out
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           std::string_view("%+-./:=@_^").find(c) != std::string_view::npos;
}

} // namespace

Result<std::vector<std::string>> split_command(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    bool in_word = false; // '' is a word, too
    char quote = 0;
    std::size_t opened_at = 0;

    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        bool last = i + 1 == text.size();
        if (c == 0) return fail("a command cannot hold a NUL byte");
        if (quote == '\'') {
            if (c == quote) quote = 0;
            else word += c;
        } else if (quote == '"') {
            if (c == quote) quote = 0;
            else if (c == '\\' && !last && keeps_meaning(text[i + 1])) word += text[++i];
            else word += c;
        } else if (kBlanks.find(c) != std::string_view::npos) {
            if (in_word) words.push_back(std::move(word));
            word.clear();
            in_word = false;
        } else {
            in_word = true;
            if (c == '\'' || c == '"') {
                quote = c;
                opened_at = i;
            } else if (c == '\\') {
                if (last) return fail("a backslash at the end has nothing to quote: write \\\\");
                if (text[i + 1] == 0) return fail("a command cannot hold a NUL byte");
                word += text[++i];
            } else {
                word += c;
            }
        }
    }
    if (quote != 0)
        return fail("the quote {} opened before '{}' is never closed", quote,
                    printable(text.substr(opened_at + 1, 20)));
    if (in_word) words.push_back(std::move(word));
    return words;
}

std::string join_command(const std::vector<std::string>& words) {
    std::string text;
    for (const auto& word : words) {
        if (&word != &words.front()) text += ' ';
        bool plain = !word.empty();
        for (char c : word) plain = plain && ordinary(c);
        if (plain) {
            text += word;
            continue;
        }
        text += '\'';
        for (char c : word) {
            if (c == '\'') text += "'\\''";
            else text += c;
        }
        text += '\'';
    }
    return text;
}

std::size_t find_unquoted(std::string_view text, std::string_view separators) {
    char quote = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        if (quote == 0 && separators.find(c) != std::string_view::npos) return i;
        if (quote == 0 && (c == '\'' || c == '"')) quote = c;
        else if (quote != 0 && c == quote) quote = 0;
        else if (c == '\\' && quote == 0) ++i;
        else if (c == '\\' && quote == '"' && i + 1 < text.size() && keeps_meaning(text[i + 1]))
            ++i;
    }
    return text.size();
}

} // namespace leash
