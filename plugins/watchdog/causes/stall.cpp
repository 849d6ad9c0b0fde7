// SPDX-License-Identifier: MIT
#include "stall.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

namespace leash_watchdog {

namespace {

// PID 1's loop goes round once a second; where the kicker is gone as well, both are lost.
constexpr std::int64_t kStoodStill = 1500;
constexpr std::int64_t kSlack = 200;
constexpr int kFrames = 4;

// The file's text, without its last newline; empty if it cannot be read.
const char* read_small(const char* path, char* text, std::size_t size) {
    text[0] = '\0';
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return text;
    ssize_t got = read(fd, text, size - 1);
    close(fd);
    if (got <= 0) got = 0;
    text[got] = '\0';
    if (got > 0 && text[got - 1] == '\n') text[got - 1] = '\0';
    return text;
}

// "[<0>] do_wait+0x12/0x34" a line: the names of the innermost functions.
void add_stack(char* text, std::size_t size) {
    char stack[1024];
    char* rest = stack;
    read_small("/proc/1/stack", stack, sizeof stack);
    std::size_t length = std::strlen(text);
    for (int frame = 0; frame < kFrames && rest != nullptr; ++frame) {
        char* line = strsep(&rest, "\n");
        char* name = std::strchr(line, ' ');
        if (name == nullptr) break;
        name[1 + std::strcspn(name + 1, "+ ")] = '\0';
        int added = std::snprintf(text + length, size - length, "%s%s", frame == 0 ? " (" : " < ",
                                  name + 1);
        length += static_cast<std::size_t>(added);
        if (length >= size) return;
    }
    if (std::strchr(text, '(') != nullptr) std::snprintf(text + length, size - length, ")");
}

} // namespace

Danger danger(const leash_verdict_page& shared, std::int64_t now_ms) {
    const auto* page = &shared;
    bool fed = leash_page_get(page, command) == LEASH_COMMAND_KICK &&
               leash_page_get(page, last_kick_ms) != 0;
    if (!fed) return Danger::none; // not yet, or no more: on purpose
    std::int64_t interval = std::clamp<std::int64_t>(leash_page_get(page, interval_ms), 1, 86'400'000);
    std::int64_t kicker = now_ms - leash_page_get(page, alive_ms);
    std::int64_t loop = now_ms - leash_page_get(page, loop_beat_ms);
    // Without a kicker PID 1 kicks; beside one that stands still it does only once it has noticed.
    bool stands_in = leash_page_get(page, kicker_pid) == 0 && loop <= kStoodStill;
    if (kicker > interval + interval / 4 + kSlack && !stands_in) return Danger::kicker;
    if (leash_page_get(page, kicker_state) != LEASH_KICKER_STARVING) return Danger::none;
    switch (leash_page_get(page, starved_reason)) {
    case LEASH_STARVED_LOOP: return Danger::loop;
    case LEASH_STARVED_VERDICT: return Danger::verdict;
    case LEASH_STARVED_LIMIT: return Danger::limit;
    default: return Danger::none;
    }
}

void describe(Danger danger, const leash_verdict_page& shared, std::int64_t now_ms, char* text,
              std::size_t size) {
    const auto* page = &shared;
    auto seconds = [&](std::int64_t since) { return static_cast<double>(now_ms - since) / 1000; };
    double loop = seconds(leash_page_get(page, loop_beat_ms));
    switch (danger) {
    case Danger::none: text[0] = '\0'; break;
    case Danger::loop:
        std::snprintf(text, size, "PID 1's loop has stood still for %.1f s", loop);
        break;
    case Danger::verdict: std::snprintf(text, size, "the verdict is to starve the WDT"); break;
    case Danger::limit:
        std::snprintf(text, size, "the time for which the WDT is fed has been over for %.1f s",
                      seconds(leash_page_get(page, feed_until_ms)));
        break;
    case Danger::kicker:
        std::snprintf(text, size,
                      "the kicker has stood still for %.1f s; PID 1, which stands in for it, went round "
                      "%.1f s ago",
                      seconds(leash_page_get(page, alive_ms)), loop);
        break;
    }
}

void describe_pid1(char* text, std::size_t size) {
    char file[512];
    const char* stat = read_small("/proc/1/stat", file, sizeof file);
    const char* behind = std::strrchr(stat, ')'); // the name may hold anything
    char state = behind != nullptr && behind[1] == ' ' ? behind[2] : '?';
    char wchan[64];
    read_small("/proc/1/wchan", wchan, sizeof wchan);
    bool waits = wchan[0] != '\0' && std::strcmp(wchan, "0") != 0;
    char load[64];
    read_small("/proc/loadavg", load, sizeof load);
    std::snprintf(text, size, "; PID 1: %c%s%s", state, waits ? " in " : "", waits ? wchan : "");
    add_stack(text, size);
    std::size_t length = std::strlen(text);
    std::snprintf(text + length, size - length, "; load %s", load[0] != '\0' ? load : "?");
}

} // namespace leash_watchdog
