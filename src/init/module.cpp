// SPDX-License-Identifier: MIT
// PID 1 is the kernel module's controller. There can be only one, so its descriptor has to survive
// every life of init: by the state page, else by looking at every open descriptor.
#include "init/init.h"

#include <unistd.h>

#include "base/log.h"
#include "init/crash.h"

namespace leash {
UniqueFd Init::find_module_descriptor() const {
    // The page may be older than the open, or the number used for something else since.
    if (int fd = system_record_.module_fd; fd > 2 && KernelLineage::is_controller(fd))
        return UniqueFd(fd);
    return UniqueFd(KernelLineage::find_controller(kMostDescriptors));
}

void Init::take_over_module(UniqueFd fd) {
    auto device = KernelLineage::take_over(std::move(fd));
    if (!device) {
        note(fmt::format("the kernel module is lost: {}", device.error().text));
        return;
    }
    // The exec has disarmed it already; a descriptor that came here in another way has not.
    if (auto disarmed = device->arm(0); !disarmed) note(disarmed.error().text);
    module_.emplace(std::move(*device));
    deadman_.take_over(&*module_);
}

// Does not wait: the device is there, or it is not.
void Init::open_module() {
    bool there = access(kLeashDevice, F_OK) == 0;
    if (!module_ && there && !asked_.no_module && !state_.in_container) {
        auto device = KernelLineage::open(KernelLineage::Role::controller);
        if (device) {
            module_.emplace(std::move(*device));
            deadman_.take_over(&*module_); // what a life has armed that lost its descriptor
        }
        else if (device.error().code == EBUSY)
            state_.module_text = "loaded, but another process is its controller";
        else state_.module_text = "loaded, but not to be used: " + device.error().text;
        if (!module_) note("kernel module " + state_.module_text);
    }
    if (there && asked_.no_module)
        state_.module_text = "loaded, but left alone: leash.nomodule on the kernel command line";
    if (module_) {
        auto abi = fmt::format(", ABI {}", module_->version().abi);
        if (!state_.module_text.starts_with("loaded")) state_.module_text = "loaded";
        if (!state_.module_text.contains(abi)) state_.module_text.insert(6, abi);
    }
    executor_->use_module(module_ ? &*module_ : nullptr);
    configure_deadman();
    record_system();
}

void Init::configure_deadman() {
    if (state_.phase == Phase::going_down) {
        deadman_.take_over(module_ ? &*module_ : nullptr); // what is armed goes on to the end
        return;
    }
    deadman_.configure(system_.deadman, module_ ? &*module_ : nullptr);
}

// The handler has written that init stood still, for the next boot to tell why the machine was reset.
// Now it was not. Where a slow disk lets the handler write only later, that one finds that the first of
// the two is gone.
void Init::forget_trouble_record() {
    WorkerJob job;
    job.name = "forget-trouble";
    job.limit = Ms{30'000};
    job.work = [](int) {
        unlink("/run/leash/reset-trouble");
        unlink("/var/lib/leash/reset-trouble");
        return 0;
    };
    job.done = [](int, const std::string&) {};
    workers_.run(std::move(job));
}

std::string Init::module_status() const {
    if (!module_) return state_.module_text;
    auto stats = module_->stats();
    if (!stats) return fmt::format("{}; it does not answer: {}", state_.module_text,
                                   stats.error().text);
    auto text = fmt::format("{}; {} starts, {} processes", state_.module_text, stats->starts,
                            stats->processes);
    text += deadman_.status();
    if (stats->state & LEASH_STATE_INCOMPLETE)
        text += fmt::format("; INCOMPLETE: of {} forks in all no record could be made, a search for "
                            "those processes is due", stats->lost);
    if (auto left_out = executor_ ? executor_->unfollowed() : 0; left_out > 0)
        text += fmt::format("; {} starts are known: further ones are not followed ({} now)",
                            LEASH_MAX_STARTS, left_out);
    return text;
}

// Where forks came faster than records could be made, processes are missing that parent, cgroup or
// tag give away. The search reads the memory of others and so may wait: a worker does it. Where it does
// not help, the next one has to wait for ever longer.
void Init::look_after_module() {
    if (!module_ || searching_) return;
    auto stats = module_->stats();
    if (!stats) return;
    if (!(stats->state & LEASH_STATE_INCOMPLETE)) return search_pause_.helped();
    if (!search_pause_.over(monotonic_now())) return;
    searching_ = true;
    WorkerJob job;
    job.name = "rescan";
    job.limit = Ms{30'000};
    job.keep_fds.push_back(module_->fd());
    job.work = [this](int out) {
        auto found = module_->rescan();
        tell(out, found ? fmt::format("{} processes found again", *found) : found.error().text);
        return found ? 0 : 1;
    };
    job.line = [](std::string_view line) {
        log::warning("the kernel module could not record all forks: {}", line);
    };
    job.done = [this](int status, const std::string&) {
        searching_ = false;
        auto after = module_->stats();
        bool helped = status == 0 && after && !(after->state & LEASH_STATE_INCOMPLETE);
        if (helped) search_pause_.helped();
        else search_pause_.failed(monotonic_now());
    };
    workers_.run(std::move(job));
}

// What was reaped is nobody's main process: an orphan that a service left to PID 1.
void Init::tell_whose_was(pid_t pid, const std::optional<leash_whois>& whose) const {
    if (!whose || whose->start == 0) return;
    log::debug("reaped process {} of {} (start {})", pid, whose->name,
               format_start_id(whose->start));
}

} // namespace leash
