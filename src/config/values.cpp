// SPDX-License-Identifier: MIT
#include "config/values.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/shell_words.h"
#include "base/text.h"
#include "config/complaint.h"

namespace leash {

bool only_of(std::string_view text, std::string_view more_than_letters_and_digits) {
    return std::ranges::all_of(text, [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               more_than_letters_and_digits.find(c) != std::string_view::npos;
    });
}

Checked<std::vector<std::string>> split_items(std::string_view text) {
    std::vector<std::string> items;
    text = trim(text);
    if (text.empty()) return items;
    while (true) {
        auto end = find_unquoted(text, ",");
        auto item = trim(text.substr(0, end));
        if (item.empty())
            return fault("there is nothing between two commas or after the last one");
        if (auto words = split_command(item); !words)
            return fault(fmt::format("{} in {}", words.error().text, quote(item)),
                         "a quote begins a text that may hold commas and ends with the next quote");
        items.emplace_back(item);
        if (end >= text.size()) return items;
        text.remove_prefix(end + 1);
    }
}

Checked<std::pair<std::string, std::string>> parse_pair(const std::string& item) {
    auto words = split_command(item);
    if (!words) return fault(words.error().text);
    if (words->size() != 1)
        return fault(fmt::format("{} has blanks outside of quotes", quote(item)),
                     "items are separated by commas; write NAME=\"a value with blanks\"");
    const auto& word = words->front();
    auto at = word.find('=');
    if (at == std::string::npos || at == 0)
        return fault(fmt::format("{} is not NAME=VALUE", quote(item)));
    return std::pair{word.substr(0, at), word.substr(at + 1)};
}

Checked<std::string> parse_path(std::string_view text) {
    if (!text.starts_with('/'))
        return fault(fmt::format("{} is not an absolute path", quote(text)),
                     "it has to begin with '/'");
    if (text.size() > 1 && text.ends_with('/')) text.remove_suffix(1);
    if (text.size() == 1) return std::string(text);
    for (auto part : split(text.substr(1), '/'))
        if (part.empty() || part == "." || part == "..")
            return fault(fmt::format("{} has an empty, '.' or '..' part", quote(text)));
    if (text.size() > 4000) return fault(fmt::format("{} is too long for a path", quote(text)));
    return std::string(text);
}

Checked<std::string> parse_device_name(std::string_view text) {
    auto name = text;
    if (name.starts_with("/dev/")) name.remove_prefix(5);
    bool good = !name.empty() && name.size() <= 64 && only_of(name, "/._:-") &&
                std::ranges::none_of(split(name, '/'), [](auto part) {
                    return part.empty() || part == "." || part == "..";
                });
    if (!good)
        return fault(fmt::format("{} is not a device", quote(text)),
                     "a name below /dev, for example ttyS0, tty1 or console");
    return std::string(name);
}

Checked<std::string> parse_account(std::string_view text) {
    if (auto number = parse_unsigned(text)) {
        if (*number <= 4'294'967'294) return std::string(text);
        return fault(fmt::format("{} is too large; allowed: a name or 0..4294967294",
                                 quote(text)));
    }
    bool good = !text.empty() && text.size() <= 32 && only_of(text, "._-") && text[0] != '-' &&
                !(text[0] >= '0' && text[0] <= '9') && text[0] != '.';
    if (!good)
        return fault(fmt::format("{} is not a name of a user or group; allowed: letters, digits, "
                                 "'.', '_', '-', or a number", quote(text)));
    return std::string(text);
}

Checked<std::string> fill_in(std::string_view text, std::string_view service) {
    auto at = service.find('@');
    std::string filled;
    for (std::size_t i = 0; i < text.size(); ++i) {
        char next = text[i] == '%' && i + 1 < text.size() ? text[i + 1] : '\0';
        if (next != '%' && next != 'n' && next != 'i') {
            filled += text[i];
            continue;
        }
        if (next == 'i' && at == std::string_view::npos)
            return fault("%i stands for what follows the @ of the service's name, and this name has "
                         "none",
                         "name the file NAME@INSTANCE.conf, or NAME@.conf for all instances, or write "
                         "%%i for a plain %i");
        if (next == '%') filled += '%';
        if (next == 'n') filled += service;
        if (next == 'i') filled += service.substr(at + 1);
        ++i;
    }
    return filled;
}

} // namespace leash
