// SPDX-License-Identifier: MIT
#include "base/json.h"

#include <cmath>

#include <fmt/format.h>

#include "base/text.h"

namespace leash {

void JsonWriter::comma() {
    if (need_comma_) text_ += ',';
    need_comma_ = false;
}

JsonWriter& JsonWriter::begin_object() {
    comma();
    text_ += '{';
    return *this;
}
JsonWriter& JsonWriter::end_object() {
    text_ += '}';
    need_comma_ = true;
    return *this;
}
JsonWriter& JsonWriter::begin_array() {
    comma();
    text_ += '[';
    return *this;
}
JsonWriter& JsonWriter::end_array() {
    text_ += ']';
    need_comma_ = true;
    return *this;
}

JsonWriter& JsonWriter::key(std::string_view name) {
    string(name);
    text_ += ':';
    need_comma_ = false;
    return *this;
}

JsonWriter& JsonWriter::string(std::string_view value) {
    comma();
    text_ += '"';
    for (std::size_t i = 0; i < value.size();) {
        auto byte = static_cast<unsigned char>(value[i]);
        auto length = utf8_length(value.substr(i));
        if (length == 0) {
            text_ += "\\ufffd";
            i += 1;
        } else if (auto next = length == 2 ? static_cast<unsigned char>(value[i + 1]) : 0;
                   byte == 0xC2 && next < 0xA0) {
            // The other control characters: U+009B is to terminals what ESC [ is.
            text_ += fmt::format("\\u{:04x}", next);
            i += 2;
        } else if (length > 1) {
            text_.append(value.substr(i, length));
            i += length;
        } else {
            switch (byte) {
            case '"': text_ += "\\\""; break;
            case '\\': text_ += "\\\\"; break;
            case '\n': text_ += "\\n"; break;
            case '\t': text_ += "\\t"; break;
            case '\r': text_ += "\\r"; break;
            default:
                if (byte < 0x20 || byte == 0x7F) text_ += fmt::format("\\u{:04x}", byte);
                else text_ += static_cast<char>(byte);
            }
            i += 1;
        }
    }
    text_ += '"';
    need_comma_ = true;
    return *this;
}

JsonWriter& JsonWriter::number(std::int64_t value) {
    comma();
    text_ += std::to_string(value);
    need_comma_ = true;
    return *this;
}
JsonWriter& JsonWriter::amount(std::uint64_t value) {
    comma();
    text_ += std::to_string(value);
    need_comma_ = true;
    return *this;
}
JsonWriter& JsonWriter::decimal(double value) {
    if (!std::isfinite(value)) return null(); // JSON has no word for it
    comma();
    text_ += fmt::format("{:.2f}", value);
    need_comma_ = true;
    return *this;
}
JsonWriter& JsonWriter::boolean(bool value) {
    comma();
    text_ += value ? "true" : "false";
    need_comma_ = true;
    return *this;
}
JsonWriter& JsonWriter::null() {
    comma();
    text_ += "null";
    need_comma_ = true;
    return *this;
}

} // namespace leash
