// SPDX-License-Identifier: MIT
// The step `dump`: evidence about a service that is in trouble, before anything is done to it.
#include "init/executor.h"

#include "base/log.h"
#include "base/text.h"
#include "lineage/cgroup_folder.h"

namespace leash {
namespace {

constexpr std::size_t kMostNamed = 20;

void add_processes(const std::string& folder, std::string& text, std::size_t& count) {
    for (pid_t pid : group_processes(folder)) {
        if (++count > kMostNamed) continue;
        auto name = read_small_file(fmt::format("/proc/{}/comm", pid)).value_or("?");
        text += fmt::format(" {} ({})", pid, printable(name.substr(0, name.find('\n'))));
    }
    for (const auto& name : subgroups(folder)) add_processes(folder + "/" + name, text, count);
}

} // namespace

// Nothing here waits for the service: the worker reads names only.
void Executor::dump_evidence(const action::DumpStart& wanted) {
    if (!tree_) return;
    workers_.run({.name = "evidence of " + wanted.service,
                  .work = [folder = tree_->path_of(wanted.service)](int out) {
                      std::string text;
                      std::size_t count = 0;
                      add_processes(folder, text, count);
                      return tell(out, fmt::format("{} processes:{}", count, text)) ? 0 : 1;
                  },
                  .line = [service = wanted.service](std::string_view line) {
                      log::notice("{}: {}", service, line);
                  },
                  .done = [](int, const std::string&) {},
                  .keep_fds = {}});
}

} // namespace leash
