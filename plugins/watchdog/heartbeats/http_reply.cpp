// SPDX-License-Identifier: MIT
#include "http_reply.h"

#include <cstring>

namespace leash_watchdog {

HttpReply::State HttpReply::fail(const char* why) {
    why_ = why;
    return state_ = State::bad;
}

HttpReply::State HttpReply::take(const char* bytes, std::size_t size) {
    for (std::size_t i = 0; i < size && state_ == State::more; ++i) {
        if (bytes[i] == '\n') return judge();
        if (length_ == kLongestLine) return fail("the first line of the answer is too long");
        line_[length_++] = bytes[i];
        // Told at once: whoever speaks something else may never send a line.
        static constexpr char kBegin[] = "HTTP/1.";
        if (length_ <= sizeof kBegin - 1 && line_[length_ - 1] != kBegin[length_ - 1])
            return fail("the answer is no HTTP");
    }
    return state_;
}

HttpReply::State HttpReply::end() {
    if (state_ != State::more) return state_;
    return fail(length_ == 0 ? "closed without an answer" : "closed within the first line");
}

// HTTP/1.x SP 3DIGIT [SP anything] [CR]
HttpReply::State HttpReply::judge() {
    if (length_ > 0 && line_[length_ - 1] == '\r') --length_;
    auto digit = [&](std::size_t at) { return line_[at] >= '0' && line_[at] <= '9'; };
    bool shaped = length_ >= 12 && digit(7) && line_[8] == ' ' && digit(9) && digit(10) && digit(11) &&
                  (length_ == 12 || line_[12] == ' ');
    if (!shaped) return fail("the first line of the answer has no status");
    status_ = (line_[9] - '0') * 100 + (line_[10] - '0') * 10 + (line_[11] - '0');
    if (status_ < 200 || status_ > 399) return fail("status");
    return state_ = State::good;
}

} // namespace leash_watchdog
