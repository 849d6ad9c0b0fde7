// SPDX-License-Identifier: MIT
// The first line of an HTTP answer, from a peer that may send anything, a byte at a time, for ever. No
// more than that line is kept, and headers and body are never read.
#pragma once

#include <cstddef>

namespace leash_watchdog {

class HttpReply {
  public:
    static constexpr std::size_t kLongestLine = 256;
    enum class State { more, good, bad };

    // Takes what has arrived. Once it is not `more` it stays as it is.
    State take(const char* bytes, std::size_t size);
    // The peer has closed.
    State end();
    [[nodiscard]] State state() const { return state_; }
    [[nodiscard]] int status() const { return status_; }        // 0: none was seen
    [[nodiscard]] const char* why() const { return why_; }      // `bad`: for people

  private:
    State fail(const char* why);
    State judge();
    State state_ = State::more;
    char line_[kLongestLine];
    std::size_t length_ = 0;
    int status_ = 0;
    const char* why_ = "";
};

} // namespace leash_watchdog
