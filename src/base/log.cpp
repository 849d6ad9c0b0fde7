// SPDX-License-Identifier: MIT
#include "base/log.h"

#include <string>
#include <unistd.h>

namespace leash::log {
namespace {

Sink& sink() {
    static Sink the_sink;
    return the_sink;
}
Level the_threshold = Level::info;

} // namespace

void set_sink(Sink new_sink) { sink() = std::move(new_sink); }
void set_threshold(Level level) { the_threshold = level; }
Level threshold() { return the_threshold; }

void write(Level level, std::string_view text) {
    if (level > the_threshold) return;
    if (sink()) {
        sink()(level, text);
        return;
    }
    std::string line(text);
    line += '\n';
    [[maybe_unused]] auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

} // namespace leash::log
