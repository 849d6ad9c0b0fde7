// SPDX-License-Identifier: MIT
#include "config/complaint.h"

#include <fmt/format.h>

#include "base/text.h"

namespace leash {

std::string format(const Complaint& complaint) {
    std::string line = complaint.file;
    if (complaint.line > 0) line += fmt::format(":{}", complaint.line);
    line += ": ";
    if (complaint.severity == Complaint::Severity::warning) line += "warning: ";
    if (!complaint.key.empty()) line += complaint.key + ": ";
    line += complaint.text;
    if (!complaint.hint.empty()) line += "; " + complaint.hint;
    return printable(line);
}

std::string quote(std::string_view text) {
    constexpr std::size_t kLongest = 60;
    if (text.size() <= kLongest) return fmt::format("'{}'", text);
    auto end = kLongest;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
    return fmt::format("'{}...'", text.substr(0, end));
}

std::string did_you_mean(std::string_view word) {
    return word.empty() ? std::string{} : fmt::format("did you mean {}?", quote(word));
}

FileComplaints::~FileComplaints() {
    if (count_ > kMaxPerFile)
        all_.push_back({Complaint::Severity::error, file_, 0, "",
                        fmt::format("{} more faults, not shown", count_ - kMaxPerFile), ""});
}

void FileComplaints::error(int line, std::string_view key, std::string text, std::string hint) {
    ++errors_;
    add({Complaint::Severity::error, file_, line, std::string(key), std::move(text),
         std::move(hint)});
}

void FileComplaints::warning(int line, std::string_view key, std::string text, std::string hint) {
    add({Complaint::Severity::warning, file_, line, std::string(key), std::move(text),
         std::move(hint)});
}

void FileComplaints::add(Complaint complaint) {
    if (++count_ <= kMaxPerFile) all_.push_back(std::move(complaint));
}

} // namespace leash
