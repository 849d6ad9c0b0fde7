// SPDX-License-Identifier: MIT
// The configuration as init has taken it, kept for its next life. After a crash nobody can say whether
// the files can be read, or what has been done to them meanwhile; and what was not taken by a reload
// must not come into force by a crash.
//
// An edition is the text of all files at one reading, in a memory file that stays open across the exec.
// The newest whole one describes the services, but for those that it leaves out (their file had errors
// or was gone) while they live, and the instances that were made since. A start that was spawned before
// its description changed goes on under an older one. What nobody needs any more is closed.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/unique_fd.h"
#include "config/source_file.h"

namespace leash {

// In the state page: by increasing number. number 0: a free place.
struct EditionRecord {
    static constexpr std::size_t kMost = 16;
    std::uint32_t number;
    std::int32_t fd;
    std::uint32_t whole; // else it was read for the sake of an instance
};
using EditionRecords = std::array<EditionRecord, EditionRecord::kMost>;

class KeptConfiguration {
  public:
    using Number = std::uint32_t; // 0: the newest whole one

    struct Edition {
        Number number = 0;
        bool whole = true;
        UniqueFd fd;
    };

    // Keeps `files`, which init takes now. What is the same as the newest is not kept twice. Where it
    // cannot be kept, nothing is, and the next life reads the files: false.
    bool add(const std::vector<SourceFile>& files, bool whole);

    // ---- of services ----
    // What describes it now.
    [[nodiscard]] Number describing(const std::string& service) const;
    // It goes on being described by that, whatever newer whole ones say.
    void describe(const std::string& service, Number by);
    void describe_by_newest(const std::string& service) { described_.erase(service); }
    // Its living start was spawned under what describes it now, which is about to change.
    void hold(const std::string& service);
    // What its record says of it; 0: the newest.
    [[nodiscard]] Number kept_description(const std::string& service) const;
    [[nodiscard]] Number held(const std::string& service) const;

    // Lets go of what nobody needs: `holds` tells whether the living start of a service is under
    // older settings than its newest ones.
    void prune(const std::function<bool(const std::string&)>& holds);

    // ---- across lives ----
    [[nodiscard]] EditionRecords records() const;
    void adopt(const EditionRecords& records);
    void adopt(const std::string& service, Number description, Number held);
    void clear();

    [[nodiscard]] const std::vector<Edition>& editions() const { return editions_; }
    [[nodiscard]] const Edition* newest_whole() const;
    [[nodiscard]] Number newest() const { return editions_.empty() ? 0 : editions_.back().number; }
    [[nodiscard]] static Result<std::vector<SourceFile>> read(const Edition& edition);

  private:
    [[nodiscard]] bool is_needed(const Edition& edition) const;
    void forget_oldest();

    std::vector<Edition> editions_; // the first one is the boot's: what [system] says
    std::map<std::string, Number> described_, held_;
};

} // namespace leash
