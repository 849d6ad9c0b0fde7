// SPDX-License-Identifier: MIT
#include "records/record.h"

#include <array>
#include <cctype>
#include <ctime>
#include <set>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"

namespace leash::records {
namespace {

constexpr std::string_view kCheck = ",\"check\":\"";
constexpr std::size_t kCheckDigits = 8, kTail = kCheck.size() + kCheckDigits + 2; // "}
constexpr std::string_view kNumber = "{\"seq\":", kBoot = ",\"boot\":\"";
constexpr std::size_t kMostBoot = 64;

constexpr auto kTable = [] {
    std::array<std::uint32_t, 256> table{};
    for (std::uint32_t i = 0; i < table.size(); ++i) {
        auto value = i;
        for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ (value & 1 ? 0xEDB88320U : 0U);
        table[i] = value;
    }
    return table;
}();

std::string checksum(std::string_view text) {
    std::uint32_t crc = ~0U;
    for (unsigned char byte : text) crc = (crc >> 8) ^ kTable[(crc ^ byte) & 0xFF];
    return fmt::format("{:08x}", ~crc);
}

// Not in the middle of a character.
std::string_view cut(std::string_view text) {
    if (text.size() <= kMostText) return text;
    auto end = kMostText;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return text.substr(0, end);
}

// As key_of() takes it out again, without any escapes: whoever goes on with it would escape those.
std::string plain(std::string_view boot) {
    std::string word;
    for (char c : boot.substr(0, kMostBoot))
        if (std::isalnum(static_cast<unsigned char>(c)) || c == '-') word += c;
    return word;
}

class Writer {
  public:
    void text(std::string_view key, std::string_view value) {
        if (!value.empty()) json.key(key).string(cut(value));
    }
    template <class T> void number(std::string_view key, const std::optional<T>& value) {
        if (value) json.key(key).number(static_cast<std::int64_t>(*value));
    }
    JsonWriter json;
};

} // namespace

std::string show_date(std::int64_t date) {
    auto seconds = static_cast<std::time_t>(date);
    std::tm parts{};
    if (gmtime_r(&seconds, &parts) == nullptr) return {};
    char text[40];
    return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

std::string encode(const Record& record, const Key& key, std::int64_t date, Ms uptime) {
    Writer to;
    to.json.begin_object();
    to.json.key("seq").amount(key.number);
    to.json.key("boot").string(plain(key.boot));
    to.json.key("date").string(show_date(date));
    to.json.key("uptime_ms").number(uptime.count());
    to.json.key("event").string(cut(record.event));
    to.text("service", record.service);
    to.text("source", record.source);
    if (record.start != 0) to.json.key("start_id").string(format_start_id(record.start));
    to.text("kind", record.kind);
    to.number("level", record.level);
    to.text("evidence", record.evidence);
    to.text("answer", record.answer);
    to.text("next", record.next);
    if (record.due) to.json.key("due_ms").number(record.due->count());
    to.text("state", record.state);
    to.number("main_pid", record.main_pid);
    to.number("restarts", record.restarts);
    to.text("result", record.result);
    to.text("file", record.file);
    if (record.dropped > 0) to.json.key("dropped").amount(record.dropped);
    auto line = to.json.text();
    bool one_line = record.facts.find('\n') == std::string::npos;
    if (record.facts.starts_with('{') && record.facts.ends_with('}') && one_line &&
        line.size() + record.facts.size() + kTail + 16 < kMostLine)
        line += ",\"facts\":" + record.facts;
    auto check = checksum(line);
    return fmt::format("{}{}{}\"}}", line, kCheck, check);
}

std::optional<Key> key_of(std::string_view line) {
    if (line.size() <= kTail || line.size() > kMostLine || !line.ends_with("\"}")) return {};
    auto body = line.substr(0, line.size() - kTail);
    auto tail = line.substr(body.size());
    if (!tail.starts_with(kCheck) || tail.substr(kCheck.size(), kCheckDigits) != checksum(body))
        return {};
    if (!body.starts_with(kNumber)) return {};
    auto comma = body.find(',');
    if (comma == std::string_view::npos) return {};
    auto number = parse_unsigned(body.substr(kNumber.size(), comma - kNumber.size()));
    auto rest = body.substr(comma);
    if (!number || *number == 0 || !rest.starts_with(kBoot)) return {};
    rest.remove_prefix(kBoot.size());
    auto end = rest.find('"');
    if (end == std::string_view::npos || end > kMostBoot) return {};
    return Key{std::string(rest.substr(0, end)), *number};
}

Lines lines_of(std::string_view text) {
    Lines lines;
    std::set<Key> known;
    while (!text.empty()) {
        auto end = text.find('\n');
        auto line = text.substr(0, end);
        bool ended = end != std::string_view::npos;
        text.remove_prefix(ended ? end + 1 : text.size());
        if (line.empty()) continue;
        auto key = key_of(line);
        // The end of a line is written with it; without one, it may have been all the same.
        if (!ended) lines.torn = true;
        if (!key) ++lines.damaged;
        else if (known.insert(std::move(*key)).second) lines.whole.push_back(line);
    }
    return lines;
}

} // namespace leash::records
