// SPDX-License-Identifier: MIT
// The next life on request: the path of a crash, but only after the binary on the disk has said that
// it can take over. A soft reboot takes the same path with nothing but the machine to take over.
#include "init/init.h"

#include <cerrno>
#include <cstring>

#include <fcntl.h>
#include <unistd.h>

#include "base/fixed_text.h"
#include "base/log.h"
#include "base/text.h"
#include "init/crash.h"

namespace leash {
namespace {

// In the worker.
int ask_binary(const std::string& program, int page, int out) {
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    fcntl(page, F_SETFD, 0);
    auto number = std::to_string(page);
    char name[] = "init", option[] = "--check-state";
    char* argv[] = {name, option, number.data(), nullptr};
    char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    char* environment[] = {path, nullptr};
    execve(program.c_str(), argv, environment);
    tell(out, std::strerror(errno));
    return 1;
}

} // namespace

// At boot, while the file has this name: whoever upgrades it may well rename the old one.
void Init::remember_program() {
    auto& path = system_record_.program;
    auto length = readlink("/proc/self/exe", path, sizeof path - 1);
    bool good = length > 0 && static_cast<std::size_t>(length) < sizeof path - 1;
    if (!good) std::strcpy(path, "/sbin/init");
}

void Init::reexec(std::function<void(const Result<void>&)> done) {
    if (state_.phase == Phase::going_down) return done(fail("the machine is going down"));
    if (recovery_->fd() < 0)
        return done(fail("there is no state page: init would lose its services"));
    std::string program = system_record_.program;
    WorkerJob job;
    job.name = "check-state";
    job.limit = Ms{10'000};
    job.keep_fds.push_back(recovery_->fd());
    job.work = [program, page = recovery_->fd()](int out) { return ask_binary(program, page, out); };
    job.done = [this, program, done = std::move(done)](int status, const std::string& answer) {
        if (status != 0 || !answer.starts_with(kStateIsGood)) {
            auto line = printable(std::string(answer.substr(0, answer.find('\n'))));
            if (line.empty()) line = "it did not answer";
            log::error("{} cannot take over: {}", program, line);
            done(fail("{} cannot take over, and nothing was changed: {}", program, line));
            return;
        }
        log::notice("init is to be executed anew: {}", program);
        done({});
        executor_->let_all_go();
        executor_->after_round(); // what waits for it would be lost
        // At once: a client that asks again gets its answer from the next life.
        execute_anew(ExecKind::planned);
    };
    workers_.run(std::move(job));
}

void Init::execute_anew(ExecKind kind) {
    system_record_.exec_kind = static_cast<std::int32_t>(kind);
    record_system();
    recovery_->alive(monotonic_now());
    exec_next_life(system_record_.program);
    auto why = errno;
    system_record_.exec_kind = 0;
    record_system();
    log::error("init cannot be executed anew: {}", std::strerror(why));
}

// Services, counters and whatever went wrong belong to the user space that ends here. What the next
// life takes over is what the machine has only one of: WDT and kicker, the module, the logger.
void Init::soft_reboot() {
    logs_.line(log::Level::notice, true, "Now: soft reboot");
    end_limit_.set_callback([this] {
        for (const auto& record : recovery_->services())
            recovery_->forget(get_text(record.name));
        for (const auto& kept : recovery_->kept_descriptors())
            recovery_->release_descriptor(kept.place); // the next life closes them
        recovery_->record_user_conditions({});
        recovery_->forget_machine_troubles();
        recovery_->configuration().clear(); // the next life reads the files
        state_.phase = Phase::booting;
        state_.target = asked_.target;
        end_kind_ = EndKind::reboot;
        end_deadline_ = Ms{0};
        system_record_.crashes = system_record_.reexecs = 0;
        put_text(system_record_.crash_text, "");
        put_text(system_record_.crash_report, "");
        execute_anew(ExecKind::soft_reboot);
        log::error("rebooting instead");
        state_.phase = Phase::going_down;
        last_act_begun_ = false;
        last_act();
    });
    end_limit_.in(Ms{50});
}

} // namespace leash
