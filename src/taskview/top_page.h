// SPDX-License-Identifier: MIT
// One page of `initctl top`: the machine in a line, services, and below them the busiest processes.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "taskview/sample.h"
#include "taskview/terminal.h"
#include "taskview/usage.h"

namespace leash::taskview {

enum class SortBy { cpu, memory, descriptors };

struct PageSettings {
    SortBy by = SortBy::cpu;
    bool services = true, processes = true;
    // Both 0: everything, as wide as it is. Else no line is longer and no page has more lines.
    Terminal terminal;
};

struct Page {
    const Sample* sample = nullptr; // with CPU shares, in order_page's order
    std::vector<Usage> usage;       // in order_page's order
    // What init says about its services; empty if it did not answer.
    std::map<std::string, std::string> states;
    // Services with trouble that stands: its kinds. They come first.
    std::map<std::string, std::string> troubles;
    bool init_answers = false;
    unsigned cpus = 1;
};

// The busiest first; before them, services with trouble.
void order_page(std::vector<Row>& rows, std::vector<Usage>& usage, SortBy by,
                const std::map<std::string, std::string>& troubles = {});

// Services with something to tell that have no task, so that one which does not come up is seen.
void add_idle_services(std::vector<Usage>& usage,
                       const std::map<std::string, std::string>& states);

// How many rows of the sample a page shows at most: those need a command line.
[[nodiscard]] std::size_t rows_shown(const PageSettings& settings, std::size_t rows);

[[nodiscard]] std::vector<std::string> page_lines(const Page& page, const PageSettings& settings);

// {"time_ns","cpus","services":[{"service","state","tasks","processes","cpu_percent","rss","shmem",
//  "fds","trouble"}],"tasks":[...]}: tasks as of `ps --kernel`. `trouble` is null for none. `service`
// is null for nobody's and "[kernel]" for the kernel's own.
[[nodiscard]] std::string page_json(const Page& page, const PageSettings& settings);

// What brings a terminal from one page to the next with plain ANSI sequences: only the lines that
// differ, since a serial console is slow. An empty `shown`: all of it.
[[nodiscard]] std::string repaint(const std::vector<std::string>& shown,
                                  const std::vector<std::string>& wanted);

// Cut to that many characters; escape sequences take no room.
[[nodiscard]] std::string clip(std::string_view line, std::size_t width);

} // namespace leash::taskview
