// SPDX-License-Identifier: MIT
// Small files that are whole at any time, each the old or the new one, and durable once written.
#pragma once

#include <cstddef>
#include <string_view>

namespace leash_watchdog {

class Store {
  public:
    // The folder of `file`, made if it does not exist; where it cannot be written to, /run/leash, and
    // then the errno says why. 0: all is well.
    int open(const char* file);
    [[nodiscard]] bool is_open() const { return folder_[0] != '\0'; }
    [[nodiscard]] const char* folder() const { return folder_; }
    // Of `file` itself.
    [[nodiscard]] const char* name() const { return name_; }

    // Bytes read, or a negative errno: -ENOENT: there is none. What is longer than `size` is cut.
    [[nodiscard]] long read(const char* name, char* text, std::size_t size) const;
    // 0 or a negative errno; then the old one is still there.
    [[nodiscard]] int write(const char* name, std::string_view text) const;
    // Where its file system comes from: to be called while that is mounted.
    void note_mount();
    // Once that is unmounted or read-only: writable again, for the last words. 0 or a negative errno.
    [[nodiscard]] int open_again();
    void close_again();

  private:
    [[nodiscard]] bool still_there() const;
    char folder_[200] = "";
    char name_[64] = "";
    char source_[200] = "", target_[200] = "", type_[32] = ""; // of note_mount()
    bool mounted_again_ = false;
    unsigned long device_ = 0; // of the folder: what lies beneath a file system is not it
};

} // namespace leash_watchdog
