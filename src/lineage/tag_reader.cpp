// SPDX-License-Identifier: MIT
#include "lineage/tag_reader.h"

#include <algorithm>
#include <cstring>

#include <fcntl.h>

namespace leash {
namespace {

// -1: unreadable. Reads page by page, since init puts the tag first.
long read_environment(const ProcFolder& folder, std::optional<Tag>& tag) {
    UniqueFd file(::openat(folder.fd(), "environ", O_RDONLY | O_CLOEXEC));
    if (!file) return -1;
    constexpr std::size_t kPage = 4096;
    char buffer[kPage + 256]; // a tag is at most 63 + 1 + 16 characters long
    std::size_t kept = 0, total = 0;
    bool inside = false; // in a variable that is longer than the buffer: not ours
    while (total < kEnvironmentLimit) {
        auto got = ::read(file.get(), buffer + kept, sizeof buffer - kept);
        if (got < 0) return total == 0 ? -1 : static_cast<long>(total);
        total += static_cast<std::size_t>(got);
        bool end = static_cast<std::size_t>(got) < sizeof buffer - kept;
        std::string_view text(buffer, kept + static_cast<std::size_t>(got));
        if (inside) {
            auto next = text.find('\0');
            if (next == std::string_view::npos) {
                if (end) break;
                kept = 0;
                continue;
            }
            text.remove_prefix(next + 1);
            inside = false;
        }
        // The last variable may go on in the next page.
        auto last = end ? std::string_view::npos : text.rfind('\0');
        auto whole = end ? text : text.substr(0, last == std::string_view::npos ? 0 : last + 1);
        tag = find_tag(whole);
        if (tag || end) break;
        auto rest = text.substr(whole.size());
        inside = rest.size() > 256;
        kept = inside ? 0 : rest.size();
        if (kept > 0) std::memmove(buffer, rest.data(), kept);
    }
    return static_cast<long>(total);
}

} // namespace

std::optional<Tag> find_tag(std::string_view environment) {
    while (!environment.empty()) {
        auto variable = environment.substr(0, environment.find('\0'));
        if (variable.starts_with(kTagVariable) && variable.size() > kTagVariable.size() &&
            variable[kTagVariable.size()] == '=')
            return parse_tag(variable.substr(kTagVariable.size() + 1));
        environment.remove_prefix(std::min(environment.size(), variable.size() + 1));
    }
    return std::nullopt;
}

TagReading read_tag(const ProcFolder& process, const ProcessStat& stat) {
    TagReading reading;
    if (stat.kernel) return reading;
    auto thread = living_thread(process, stat);
    if (thread == 0) return reading;
    long size = 0;
    if (thread == stat.pid) {
        size = read_environment(process, reading.tag);
    } else if (auto task = process.task(thread)) { // a dead main thread has no memory to show
        size = read_environment(*task, reading.tag);
    }
    if (size == 0 && !stat.environment_is_empty) {
        auto now = process.stat();
        reading.unsure = now && !now->environment_is_empty && living_thread(process, *now) != 0;
    }
    return reading;
}

} // namespace leash
