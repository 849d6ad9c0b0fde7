// SPDX-License-Identifier: MIT
// Writes one JSON object or array as a single line, keys in the order given. Reading is left to a
// library, outside PID 1.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace leash {

class JsonWriter {
  public:
    JsonWriter& begin_object();
    JsonWriter& end_object();
    JsonWriter& begin_array();
    JsonWriter& end_array();
    JsonWriter& key(std::string_view name);

    JsonWriter& string(std::string_view value); // escaped; broken UTF-8 becomes U+FFFD
    JsonWriter& number(std::int64_t value);
    JsonWriter& amount(std::uint64_t value); // what may be above the range of `number`
    JsonWriter& decimal(double value);       // two digits behind the point
    JsonWriter& boolean(bool value);
    JsonWriter& null();

    [[nodiscard]] const std::string& text() const { return text_; }

  private:
    void comma();
    std::string text_;
    bool need_comma_ = false;
};

} // namespace leash
