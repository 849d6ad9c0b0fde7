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

// One line, safe to show on a terminal:
// services.d/httpd.conf:4: restrat: unknown key; did you mean 'restart'?
[[nodiscard]] std::string format(const Complaint& complaint);

// 'text', shortened if it is long: for quoting what a file says.
[[nodiscard]] std::string quote(std::string_view text);

// "did you mean 'WORD'?", or "" for an empty word.
[[nodiscard]] std::string did_you_mean(std::string_view word);

// Collects the complaints about one file. A file of nothing but rubbish must not cost PID 1 its
// memory: after kMaxPerFile complaints the rest is only counted.
class FileComplaints {
  public:
    static constexpr int kMaxPerFile = 50;

    FileComplaints(std::vector<Complaint>& all, std::string file)
        : all_(all), file_(std::move(file)) {}
    ~FileComplaints();
    FileComplaints(const FileComplaints&) = delete;
    FileComplaints& operator=(const FileComplaints&) = delete;

    void error(int line, std::string_view key, std::string text, std::string hint = {});
    void warning(int line, std::string_view key, std::string text, std::string hint = {});
    [[nodiscard]] int errors() const { return errors_; }
    // More would not be shown: no need to look for a hint.
    [[nodiscard]] bool full() const { return count_ >= kMaxPerFile; }

  private:
    void add(Complaint complaint);

    std::vector<Complaint>& all_;
    std::string file_;
    int errors_ = 0;
    int count_ = 0;
};

} // namespace leash
