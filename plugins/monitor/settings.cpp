// SPDX-License-Identifier: MIT
#include "settings.h"

#include <cstdlib>
#include <map>

namespace leash_monitor {

namespace {

constexpr const char* kTypeNames[kTypes] = {"load",        "memory", "files",    "filesystem",
                                            "temperature", "script", "pressure", "network",
                                            "processes",   "clock"};
constexpr const char* kKeys[] = {
    "type",     "enabled",  "interval",   "timeout",     "warning",     "critical",
    "clear",    "after",    "on-warning", "on-critical", "settle-time", "with-swap",
    "min-free", "allocate", "scope",      "path",        "limit",       "command",
    "resource", "kind",     "interface",  "ping",        "ping-count",  "fork-test"};

// What counts as a warning and as critical where the file says nothing.
struct Levels {
    std::optional<double> warning, critical;
};
Levels levels_of(Type type) {
    switch (type) {
    case Type::load:
        return {4.0, 8.0};
    case Type::memory:
    case Type::files:
    case Type::filesystem:
        return {90.0, 95.0};
    case Type::temperature:
        return {90.0, 100.0};
    case Type::script:
        return {1.0, 2.0};
    case Type::pressure:
        return {40.0, 80.0};
    case Type::network:
        return {50.0, 100.0};
    case Type::processes:
        return {80.0, 95.0};
    case Type::clock:
        return {5.0, std::nullopt};
    }
    return {};
}

std::string_view trimmed(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t'))
        text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t'))
        text.remove_suffix(1);
    return text;
}

// The digits at its front, at most 15 of them.
bool take_number(std::string_view& text, std::uint64_t& number) {
    std::size_t count = 0;
    number = 0;
    while (count < text.size() && text[count] >= '0' && text[count] <= '9') {
        if (count == 15) return false;
        number = number * 10 + static_cast<std::uint64_t>(text[count++] - '0');
    }
    text.remove_prefix(count);
    text = trimmed(text);
    return count > 0;
}

struct Reader {
    const Lookup& lookup;
    std::string fault;

    std::string_view text(const char* key) const {
        const char* value = lookup(key);
        return value == nullptr ? std::string_view{} : trimmed(value);
    }
    void refuse(const char* key, std::string_view value) {
        if (fault.empty())
            fault = std::string(key) + " = " + std::string(value) + " cannot be understood";
    }
    template <class Value, class Parse>
    void read(const char* key, Value& value, Parse parse) {
        auto given = text(key);
        if (given.empty()) return;
        Value read{};
        if (parse(given, read))
            value = read;
        else
            refuse(key, given);
    }
    void word(const char* key, std::string& value) {
        if (auto given = text(key); !given.empty()) value = given;
    }
    void flag(const char* key, bool& value) {
        read(key, value, [](std::string_view text, bool& is) {
            is = text == "yes";
            return is || text == "no";
        });
    }
    void level(const char* key, std::optional<double>& value) {
        auto given = text(key);
        if (given == "none") {
            value.reset();
            return;
        }
        double level = 0;
        if (given.empty()) return;
        if (parse_level(given, level))
            value = level;
        else
            refuse(key, given);
    }
    void after(Settings& settings) {
        auto given = text("after");
        if (given.empty()) return;
        auto rest = given;
        std::uint64_t number = 0;
        if (take_number(rest, number) && rest.empty() && number >= 1 && number <= 1000)
            settings.after_samples = static_cast<int>(number);
        else if (!parse_duration(given, settings.after_ms))
            refuse("after", given);
    }
};

} // namespace

const char* to_string(Type type) {
    return kTypeNames[static_cast<std::size_t>(type)];
}

std::optional<Type> type_named(std::string_view name) {
    for (std::size_t i = 0; i < kTypes; ++i)
        if (name == kTypeNames[i]) return static_cast<Type>(i);
    return std::nullopt;
}

double Settings::margin() const {
    auto least = warning ? warning : critical;
    if (!least) return 0;
    if (clear) return *least > *clear ? *least - *clear : 0;
    bool by_steps = type == Type::script || type == Type::network || type == Type::clock;
    return by_steps ? 0 : *least / 20;
}

bool parse_duration(std::string_view text, std::int64_t& ms) {
    std::uint64_t number = 0;
    text = trimmed(text);
    if (!take_number(text, number)) return false;
    std::uint64_t unit = text == "ms"  ? 1
                         : text == "s" ? 1000
                         : text == "m" ? 60'000
                         : text == "h" ? 3'600'000
                                       : 0;
    if (unit == 0 || number > 1'000'000'000'000 / unit)
        return number == 0 && text.empty() ? (ms = 0, true) : false;
    ms = static_cast<std::int64_t>(number * unit);
    return true;
}

bool parse_size(std::string_view text, std::uint64_t& bytes) {
    std::uint64_t number = 0;
    text = trimmed(text);
    if (!take_number(text, number)) return false;
    int shift = text.empty() ? 0 : text == "K" ? 10 : text == "M" ? 20 : text == "G" ? 30 : -1;
    if (shift < 0 || number > (std::uint64_t{1} << 50 >> shift)) return false;
    bytes = number << shift;
    return true;
}

bool parse_level(std::string_view text, double& level) {
    text = trimmed(text);
    if (text.ends_with('%')) text = trimmed(text.substr(0, text.size() - 1));
    std::uint64_t whole = 0, part = 0;
    if (!take_number(text, whole) || whole > 1'000'000) return false;
    level = static_cast<double>(whole);
    if (text.empty()) return true;
    if (text.front() != '.') return false;
    text.remove_prefix(1);
    auto digits = text.size();
    if (digits > 3 || !take_number(text, part) || !text.empty()) return false;
    double scale = digits == 1 ? 10 : digits == 2 ? 100 : 1000;
    level += static_cast<double>(part) / scale;
    return true;
}

std::string read_settings(const std::string& name, const Lookup& lookup, Settings& settings) {
    Reader reader{lookup, {}};
    settings = Settings{};
    settings.name = name;
    auto type = type_named(reader.text("type"));
    if (!type) return "type = " + std::string(reader.text("type")) + " is none";
    settings.type = *type;
    auto levels = levels_of(*type);
    settings.warning = levels.warning;
    settings.critical = levels.critical;
    reader.flag("enabled", settings.enabled);
    reader.read("interval", settings.interval_ms, parse_duration);
    reader.read("timeout", settings.timeout_ms, parse_duration);
    if (settings.interval_ms < 100) settings.interval_ms = 100;
    if (settings.timeout_ms < 100) settings.timeout_ms = 100;
    reader.level("warning", settings.warning);
    reader.level("critical", settings.critical);
    reader.level("clear", settings.clear);
    reader.after(settings);
    reader.word("on-warning", settings.on_warning);
    reader.word("on-critical", settings.on_critical);
    reader.read("settle-time", settings.settle_ms, parse_duration);
    reader.flag("with-swap", settings.with_swap);
    reader.read("min-free", settings.min_free, parse_size);
    reader.read("allocate", settings.allocate, parse_size);
    reader.word("scope", settings.scope);
    reader.word("path", settings.path);
    reader.read("limit", settings.limit, parse_level);
    if (settings.limit < 1) settings.limit = 1;
    reader.word("command", settings.command);
    reader.word("resource", settings.resource);
    reader.word("kind", settings.kind);
    reader.word("interface", settings.interface);
    reader.word("ping", settings.ping);
    reader.read("ping-count", settings.ping_count, [](std::string_view text, int& count) {
        std::uint64_t number = 0;
        if (!take_number(text, number) || !text.empty() || number < 1 || number > 20) return false;
        count = static_cast<int>(number);
        return true;
    });
    reader.flag("fork-test", settings.fork_test);
    if (*type == Type::script && split_command(settings.command).empty())
        return "it has no command";
    if (*type == Type::filesystem && settings.path.empty()) return "it has no path";
    if (*type == Type::network && settings.interface.empty() && settings.ping.empty())
        return "it has neither interface nor ping";
    return reader.fault;
}

std::string lines_of(const std::string& name, const Lookup& lookup) {
    std::string lines = "name=" + name + "\n";
    for (const char* key : kKeys) {
        const char* value = lookup(key);
        if (value == nullptr || *value == '\0') continue;
        if (std::string_view(value).find('\n') != std::string_view::npos) continue;
        lines += std::string(key) + "=" + value + "\n";
    }
    return lines;
}

std::vector<Settings> settings_of(std::string_view lines) {
    std::vector<Settings> all;
    std::string name;
    std::map<std::string, std::string, std::less<>> keys;
    auto finish = [&] {
        if (name.empty() || all.size() == kMostMonitors) return;
        Settings settings;
        auto fault = read_settings(
            name,
            [&](const char* key) {
                auto found = keys.find(key);
                return found == keys.end() ? nullptr : found->second.c_str();
            },
            settings);
        if (!fault.empty()) settings.enabled = false; // it keeps its place all the same
        all.push_back(std::move(settings));
    };
    while (!lines.empty()) {
        auto end = lines.find('\n');
        auto line = lines.substr(0, end);
        lines.remove_prefix(end == std::string_view::npos ? lines.size() : end + 1);
        auto equals = line.find('=');
        if (equals == std::string_view::npos) continue;
        std::string key(line.substr(0, equals)), value(line.substr(equals + 1));
        if (key == "name") {
            finish();
            name = value;
            keys.clear();
        } else {
            keys[key] = value;
        }
    }
    finish();
    return all;
}

std::vector<std::string> split_command(std::string_view text) {
    std::vector<std::string> words;
    std::string word;
    bool in_word = false;
    char quote = 0;
    for (std::size_t i = 0; i < text.size(); ++i) {
        char c = text[i];
        bool last = i + 1 == text.size();
        if (quote != 0) {
            if (c == quote)
                quote = 0;
            else if (c == '\\' && quote == '"' && !last &&
                     std::string_view("\"\\$`").find(text[i + 1]) != std::string_view::npos)
                word += text[++i];
            else
                word += c;
        } else if (c == ' ' || c == '\t') {
            if (in_word) words.push_back(word);
            word.clear();
            in_word = false;
        } else {
            in_word = true;
            if (c == '\'' || c == '"')
                quote = c;
            else if (c == '\\' && last)
                return {};
            else
                word += c == '\\' ? text[++i] : c;
        }
    }
    if (quote != 0) return {};
    if (in_word) words.push_back(word);
    if (!words.empty() && words.front().empty()) return {};
    return words;
}

} // namespace leash_monitor
