// SPDX-License-Identifier: MIT
// Who holds a device that is busy? /proc is looked through, a little at a time: PID 1's loop has
// other things to do. The names of open files are read, never the files themselves: what hangs on a
// dead server hangs nobody here.
#pragma once

#include <dirent.h>

#include <cstddef>
#include <cstdint>

namespace leash_watchdog {

class HolderSearch {
  public:
    HolderSearch() = default;
    HolderSearch(const HolderSearch&) = delete;
    HolderSearch& operator=(const HolderSearch&) = delete;
    ~HolderSearch() { end(); }

    // `path`: the device; its other name counts as well. `proc`: for tests.
    void begin(const char* path, const char* proc = "/proc");
    void end();
    [[nodiscard]] bool running() const { return folder_ != nullptr; }
    // Looks at some processes. True: there are more.
    bool step();

    [[nodiscard]] std::int32_t pid() const { return pid_; } // 0: not found
    [[nodiscard]] const char* name() const { return name_; }
    // "watchdogd (pid 712) holds it", or that it was not found.
    void describe(char* text, std::size_t size) const;

  private:
    bool look_at(std::int32_t pid, int& budget);
    [[nodiscard]] bool is_ours(const char* target) const;

    static constexpr int kLinksAtOnce = 300; // about a millisecond
    static constexpr int kMostLinks = 100'000;
    DIR* folder_ = nullptr;
    char proc_[64] = "";
    char path_[112] = "";
    int links_ = 0;
    std::int32_t pid_ = 0;
    char name_[32] = "";
};

} // namespace leash_watchdog
