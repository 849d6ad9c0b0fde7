// SPDX-License-Identifier: MIT
// Shutdown: services in reverse order, then everything else, then the machine. It always ends: each
// part has a time limit of its own, and the WDT is armed throughout.
#include "init/init.h"

#include <csignal>
#include <cstdlib>

#include <linux/reboot.h>
#include <sys/reboot.h>
#include <unistd.h>

#include "base/log.h"

namespace leash {
namespace {

// Worked out behind the time limits of services, should the core's own arithmetic ever fail.
constexpr Ms kGrace{15'000};

} // namespace

void Init::end_machine(EndKind kind, bool force, const std::string& who) {
    if (state_.phase == Phase::going_down) {
        log::notice("{} asked for by {}: the machine is going down already", to_string(kind), who);
        return;
    }
    if (!executor_ || !plugins_) { // so early that nothing has been started yet
        end_kind_ = kind;
        last_act();
        return;
    }
    if (!force && !state_.in_container) {
        if (auto allowed = plugins_->may_end(kind); !allowed) {
            log::error("{} asked for by {} is refused: {}", to_string(kind), who, allowed.error().text);
            return;
        }
    }
    state_.phase = Phase::going_down;
    end_kind_ = kind;
    record_system();
    logs_.line(log::Level::notice, true, fmt::format("Going down for {}: {}", to_string(kind), who));
    plugins_->shutdown(kind, system_.shutdown_timeout);
    Ms deadline = monotonic_now() + system_.shutdown_timeout;
    end_limit_.set_callback([this] {
        if (all_stopped_) return;
        log::error("services did not stop in time, going on without them");
        final_stage();
    });
    end_limit_.at(deadline + kGrace);
    core_.post(event::ShutdownRequested{deadline});
}

void Init::final_stage() {
    if (final_stage_) return;
    end_limit_.cancel();
    final_stage_ = std::make_unique<FinalStage>(
        loop_, workers_,
        FinalStageHooks{[this] {
                            auto spared = plugins_->helper_pids();
                            spared.push_back(logs_.pid());
                            return spared;
                        },
                        module_ ? &*module_ : nullptr,
                        [this](const std::string& text) { logs_.line(log::Level::notice, true, text); },
                        [this](std::function<void()> done) { logs_.flush(std::move(done)); },
                        [this] { last_act(); }});
    if (!state_.in_container) {
        final_stage_->run();
        return;
    }
    loop_.stop(); // the namespace takes the rest with it
}

void Init::last_act() {
    if (state_.in_container) {
        loop_.stop();
        return;
    }
    if (end_kind_ == EndKind::wdt_reset && plugins_) {
        auto wait = plugins_->delegate();
        if (wait) {
            logs_.line(log::Level::notice, true,
                       fmt::format("The WDT resets the machine, in {} s at most", wait->count() / 1000));
            wait_for_wdt(*wait);
            return;
        }
        log::warning("there is no WDT to delegate the reboot to ({}): rebooting at once",
                     wait.error().text);
    }
    if (plugins_) {
        if (auto released = plugins_->release(end_kind_); !released) {
            log::warning("{}", released.error().text);
            if (end_kind_ == EndKind::halt) {
                logs_.line(log::Level::notice, true,
                           "Parked: init stays and has the WDT kicked. The power may be cut now");
                return;
            }
        }
    }
    logs_.line(log::Level::notice, true, fmt::format("Now: {}", to_string(end_kind_)));
    // The logger needs a moment to write that; nothing is lost if it does not get it.
    end_limit_.set_callback([this] {
        sync();
        int how = end_kind_ == EndKind::poweroff ? RB_POWER_OFF
                  : end_kind_ == EndKind::halt   ? RB_HALT_SYSTEM
                                                 : RB_AUTOBOOT;
        reboot(how);
        // Refused or without effect: a reboot is better than a dead machine.
        reboot(RB_AUTOBOOT);
    });
    end_limit_.in(Ms{50});
}

void Init::wait_for_wdt(Ms limit) {
    end_limit_.set_callback([this, limit] {
        log::error("HARDWARE FAILURE: the WDT has not reset the machine within {} s; forcing a reboot",
                   limit.count() / 1000);
        end_limit_.set_callback([] { reboot(RB_AUTOBOOT); });
        end_limit_.in(Ms{200});
    });
    end_limit_.in(limit);
}

} // namespace leash
