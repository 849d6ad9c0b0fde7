// SPDX-License-Identifier: MIT
// Bytes as a service writes them, to lines.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace leash {

inline constexpr std::size_t kMaxLogLine = 1024; // bytes
inline constexpr char kContinued = '\\';         // ends a piece whose line goes on in the next

class LineSplitter {
  public:
    using Line = std::function<void(std::string_view)>; // without '\n'

    // A longer line comes in pieces of at most kMaxLogLine bytes, the mark included. They are cut
    // between two characters of UTF-8 where there are any.
    void feed(std::string_view bytes, const Line& line);
    // Gives out what waits for its '\n': with the mark if more may come, without at the end.
    void give_partial(bool at_end, const Line& line);
    [[nodiscard]] bool has_partial() const { return !partial_.empty(); }

  private:
    std::string partial_;
};

} // namespace leash
