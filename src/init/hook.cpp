// SPDX-License-Identifier: MIT
#include "init/hook.h"

#include <cstdlib>

#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/units.h"
#include "service/lifecycle.h" // describe_exit

namespace leash {

std::string failure_of_hook(const WorkerEnd& end, Ms limit) {
    if (!end.started) return "could not be started";
    if (end.timed_out) return fmt::format("took longer than {} and was killed", format_duration(limit));
    if (end.wait_status == 0) return "";
    if (WIFEXITED(end.wait_status) && WEXITSTATUS(end.wait_status) == 127)
        return "exited with status 127: is there such a program?";
    return describe_exit(end.wait_status);
}

void run_hook(Workers& workers, Hook hook) {
    WorkerJob job;
    job.name = "exec";
    job.limit = hook.limit;
    job.own_group = true;
    job.ended = [who = hook.who, program = hook.command.front(), limit = hook.limit,
                 told = std::move(hook.ended)](const auto& end) {
        auto failure = failure_of_hook(end, limit);
        if (told) told(failure.empty() ? "done" : failure);
        if (!failure.empty())
            log::error("{}: exec {} {}", who, program, failure);
        else
            log::info("{}: exec {} is done", who, program);
    };
    job.work = [hook = std::move(hook)](int) {
        for (const auto& [name, value] : hook.environment) setenv(name.c_str(), value.c_str(), 1);
        std::vector<char*> argv;
        for (const auto& word : hook.command) argv.push_back(const_cast<char*>(word.c_str()));
        argv.push_back(nullptr);
        execvp(argv[0], argv.data());
        return 127;
    };
    workers.run(std::move(job));
}

} // namespace leash
