// SPDX-License-Identifier: MIT
// What an HTTP server answers, in any pieces; what a probe's target and a watched service are described
// by.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>

#include "watchdog/heartbeats/http_reply.h"
#include "watchdog/heartbeats/probe_target.h"
#include "watchdog/heartbeats/watch_spec.h"

using namespace leash_watchdog;

namespace {

void demand(bool holds) {
    if (!holds) std::abort();
}

// However it is cut into pieces, the verdict is the same.
void answer(const char* bytes, std::size_t size, std::size_t step) {
    HttpReply whole;
    HttpReply pieces;
    whole.take(bytes, size);
    for (std::size_t at = 0; at < size; at += step)
        pieces.take(bytes + at, size - at < step ? size - at : step);
    demand(whole.state() == pieces.state() && whole.status() == pieces.status());
    if (whole.state() == HttpReply::State::good) demand(whole.status() >= 200 && whole.status() < 400);
    demand(whole.end() != HttpReply::State::more);
}

void target(const char* text) {
    ProbeTarget target;
    if (!parse_target(text, target)) return;
    demand(target.length > 0 && target.length <= sizeof target.address);
    demand(target.http == (target.request_length > 0));
    if (!target.http) return;
    // One request, whatever the path says.
    const char* end = std::strstr(target.request, "\r\n\r\n");
    demand(end != nullptr && end + 4 == target.request + target.request_length);
}

void watch(const char* text) {
    WatchSpec spec;
    if (!parse_watch(text, spec)) return;
    demand(spec.timer_count > 0 && spec.timer_count <= kMostTimers);
    for (std::size_t i = 0; i < spec.timer_count; ++i)
        demand(spec.timers[i].limit > 0 && spec.timers[i].name[0] != '\0' &&
               std::memchr(spec.timers[i].name, 0, kTimerName) != nullptr);
    demand(probe_interval(spec) > 0 && probe_timeout(spec) > 0);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2) return 0;
    const std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
    answer(text.data(), text.size(), 1U + data[0] % 16U);
    target(text.c_str());
    watch(text.c_str());
    return 0;
}
