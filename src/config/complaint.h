// SPDX-License-Identifier: MIT
// What is wrong with the configuration: where, what, and what to do about it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace leash {

struct Complaint {
    enum class Severity { error, warning };
    Severity severity = Severity::error;
    std::string file;
    int line = 0;     // 0: the whole file
    std::string key;  // empty: no single key is to blame
    std::string text; // what is wrong, and what is allowed
    std::string hint; // what to do; may be empty
};

// Where a value was set: for later checks, and for people.
struct Place {
    std::string file;
    int line = 0;
    friend bool operator==(const Place&, const Place&) = default;
};

// One line, safe to show on a terminal:
// services.d/httpd.conf:4: restrat: unknown key; did you mean 'restart'?
[[nodiscard]] std::string format(const Complaint& complaint);

// 'text', shortened if it is long: for quoting what a file says.
[[nodiscard]] std::string quote(std::string_view text);

// "did you mean 'WORD'?", or "" for an empty word.
[[nodiscard]] std::string did_you_mean(std::string_view word);

// Collects the complaints about one file, or about several that make up one thing: a service and its
// drop-ins. Their lines are numbered through: line 3 of the second file is kLines + 3. Files of
// nothing but rubbish must not cost PID 1 its memory: after kMaxPerFile complaints the rest is only
// counted.
class FileComplaints {
  public:
    static constexpr int kMaxPerFile = 50;
    static constexpr int kLines = 1 << 17; // more than a file can have

    FileComplaints(std::vector<Complaint>& all, std::string file) : all_(all), files_{std::move(file)} {}
    ~FileComplaints();
    FileComplaints(const FileComplaints&) = delete;
    FileComplaints& operator=(const FileComplaints&) = delete;

    void error(int line, std::string_view key, std::string text, std::string hint = {});
    void warning(int line, std::string_view key, std::string text, std::string hint = {});
    [[nodiscard]] int errors() const { return errors_; }
    // The next file begins: what has to be added to its line numbers.
    [[nodiscard]] int begin_file(std::string file);
    [[nodiscard]] Place place(int line) const;
    [[nodiscard]] static int line_in_file(int line) { return line % kLines; }
    // More would not be shown: no need to look for a hint.
    [[nodiscard]] bool full() const { return count_ >= kMaxPerFile; }

  private:
    void add(Complaint::Severity severity, int line, std::string_view key, std::string text,
             std::string hint);

    std::vector<Complaint>& all_;
    std::vector<std::string> files_;
    int errors_ = 0;
    int count_ = 0;
};

} // namespace leash
