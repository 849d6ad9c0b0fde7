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
        all_.push_back({Complaint::Severity::error, files_.front(), 0, "",
                        fmt::format("{} more faults, not shown", count_ - kMaxPerFile), ""});
}

int FileComplaints::begin_file(std::string file) {
    files_.push_back(std::move(file));
    return static_cast<int>(files_.size() - 1) * kLines;
}

Place FileComplaints::place(int line) const {
    return {files_[static_cast<std::size_t>(line / kLines)], line_in_file(line)};
}

void FileComplaints::error(int line, std::string_view key, std::string text, std::string hint) {
    ++errors_;
    add(Complaint::Severity::error, line, key, std::move(text), std::move(hint));
}

void FileComplaints::warning(int line, std::string_view key, std::string text, std::string hint) {
    add(Complaint::Severity::warning, line, key, std::move(text), std::move(hint));
}

void FileComplaints::add(Complaint::Severity severity, int line, std::string_view key,
                         std::string text, std::string hint) {
    if (++count_ > kMaxPerFile) return;
    auto at = place(line);
    all_.push_back({severity, std::move(at.file), at.line, std::string(key), std::move(text),
                    std::move(hint)});
}

} // namespace leash
