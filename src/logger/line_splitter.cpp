// SPDX-License-Identifier: MIT
#include "logger/line_splitter.h"

namespace leash {
namespace {

bool inside_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

// How much of a text of more than kMaxLogLine bytes becomes a piece.
std::size_t piece_of(std::string_view text) {
    std::size_t size = kMaxLogLine - 1; // room for the mark
    std::size_t back = 0;
    while (back < 4 && inside_character(text[size - back])) ++back;
    return back < 4 ? size - back : size; // no UTF-8: anywhere
}

void give_piece(std::string_view piece, const LineSplitter::Line& line) {
    std::string marked(piece);
    marked += kContinued;
    line(marked);
}

} // namespace

void LineSplitter::feed(std::string_view bytes, const Line& line) {
    std::string text = std::move(partial_);
    text += bytes;
    std::string_view rest = text;
    while (true) {
        auto newline = rest.find('\n');
        if (newline <= kMaxLogLine) {
            line(rest.substr(0, newline));
            rest.remove_prefix(newline + 1);
        } else if (rest.size() > kMaxLogLine) {
            auto size = piece_of(rest);
            give_piece(rest.substr(0, size), line);
            rest.remove_prefix(size);
        } else {
            partial_ = rest;
            return;
        }
    }
}

void LineSplitter::give_partial(bool at_end, const Line& line) {
    if (partial_.empty()) return;
    if (at_end) line(partial_);
    else if (partial_.size() < kMaxLogLine) give_piece(partial_, line);
    else return; // its next byte brings it out
    partial_.clear();
}

} // namespace leash
