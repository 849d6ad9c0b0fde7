// SPDX-License-Identifier: MIT
// A terminal that a program draws on: keys come as they are pressed, and whatever ends the program
// leaves the terminal as it was.
#pragma once

#include <memory>
#include <optional>

#include "base/clock.h"
#include "taskview/terminal.h"

namespace leash::initctl {

class Screen {
  public:
    enum class Event {
        nothing, // the time is over
        key,
        resized, // or back from the background: all has to be drawn again
        ended,   // by a signal, or the terminal is gone
    };
    struct Input {
        Event event = Event::nothing;
        char key = '\0';
    };

    virtual ~Screen() = default; // puts the terminal back
    [[nodiscard]] virtual taskview::Terminal terminal() const = 0;
    virtual Input wait(Ms time) = 0;
    // The number of the signal that ended it, for the exit status; 0: none did.
    [[nodiscard]] virtual int signal() const = 0;
};

// Of standard input and output, or, in batch mode or where the output is no terminal, something
// that has no keys and no size, and waits.
[[nodiscard]] std::unique_ptr<Screen> open_real_screen(bool batch);

} // namespace leash::initctl
