// SPDX-License-Identifier: MIT
// From the first instruction of PID 1 to the target. Each step that could block is a worker; the
// next step begins when it has ended or its time is up.
#include "init/init.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include <fcntl.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/log.h"
#include "init/black_box.h"
#include "init/bring_up.h"
#include "init/crash.h"
#include "init/early_mounts.h"
#include "spawn/spawn.h"

namespace leash {
namespace {

// Why a container does without the WDT and the like.
constexpr const char* kOfTheMachine = "in a container that is the machine's";

// The kernel gives the machine's own PID namespace always the same number; main has mounted /proc.
bool in_first_pid_namespace() {
    char name[64] = {};
    auto size = readlink("/proc/self/ns/pid", name, sizeof name - 1);
    return size < 0 || std::string_view(name) == "pid:[4026531836]";
}

bool in_container() {
    return getenv("container") || access("/run/.containerenv", F_OK) == 0 ||
           access("/.dockerenv", F_OK) == 0 || !in_first_pid_namespace();
}

} // namespace

void Init::first_acts() {
    if (asked_.debug) log::set_threshold(log::Level::debug);
    umask(022);
    [[maybe_unused]] int ignored = chdir("/");
    setsid();
    remember_initial_limits(resuming_ ? recovery_->system()->descriptor_limit : DescriptorLimit{});
    system_record_.descriptor_limit = initial_descriptor_limit();
    raise_descriptor_limit(kMostDescriptors);
    state_.in_container = in_container();
    // In a container the kernel does not spare this process when it ends one that shares its memory.
    if (!state_.in_container) share_memory_with_children("/proc/self/exe");
    auto mounts = mount_early_file_systems();
    make_runtime_folders(mounts.problems);
    open_standard_descriptors();
    if (!state_.in_container) {
        reboot(RB_DISABLE_CAD); // ctrl-alt-del becomes SIGINT
        // Before anything can go wrong: Debian's default is to hang for ever.
        if (auto problem = set_panic_behaviour(10); !problem.empty()) mounts.problems.push_back(problem);
    }
    signals_ = std::make_unique<Signals>(loop_, [this](int signal, int sender) {
        on_signal(signal, sender);
    });
    if (resuming_) {
        take_over_descriptors();
    } else {
        remember_program();
        logs_.start();
    }
    records_ = std::make_unique<TroubleRecords>(
        loop_, workers_, UniqueFd(std::exchange(system_record_.records_fd, -1)));
    logs_.set_changed([this] { record_system(); });
    start_black_box(recovery_->extra());
    log::set_sink([this](log::Level level, std::string_view text) {
        note_event(text);
        logs_.line(level, level <= log::Level::warning, text);
    });
    if (resuming_) count_this_life();
    else if (!lost_.empty()) tell_of_lost_state();
    utsname system{};
    uname(&system);
    if (!resuming_)
        logs_.line(log::Level::notice, true,
                   fmt::format("Leash {} on Linux {}{}", LEASH_VERSION, system.release,
                               state_.in_container ? ", in a container" : ""));
    record_system();
    // All of init lies in the frame of main: what was on the stack before it was made shines through.
    install_crash_handler(recovery_->fd(), this);
    for (auto& problem : mounts.problems) note(std::move(problem));
    if (auto tree = CgroupTree::open()) {
        cgroups_.emplace(std::move(*tree));
        state_.cgroup_text = "v2 at " + cgroups_->root();
    } else {
        state_.cgroup_text = "none: " + tree.error().text;
        note("no cgroup v2, the tag alone has to do: " + tree.error().text);
    }
    executor_ = std::make_unique<Executor>(
        loop_, manager_, core_, workers_, logs_, cgroups_ ? &*cgroups_ : nullptr, *recovery_,
        HeartbeatSink{
            [this](const std::string& service, StartId start, const std::string& timer,
                   pid_t sender) { plugins_->heartbeat(service, start, timer, sender); },
            [this](const std::string& service, StartId start) {
                plugins_->trigger(service, start);
            },
            [this](const std::string& service, StartId start) {
                plugins_->limit_changed(service, start);
            },
            [this](const std::string& service, StartId start, Ms time) {
                plugins_->time_asked(service, start, time);
            },
            [this](StartId start, int status, const std::string& why) {
                plugins_->probe_exited(start, status, why);
            }});
}

void Init::take_configuration(std::vector<SourceFile> files) {
    auto catalog = load_tree(files, instances_to_keep());
    recovery_->configuration().add(files, true);
    system_ = catalog.system; // copied, as the services are: see load_tree
    take_catalog(catalog);
    go_on_with_configuration();
}

void Init::take_catalog(const Catalog& catalog) {
    for (const auto& complaint : catalog.complaints) {
        if (complaint.severity == Complaint::Severity::error) log::error("{}", format(complaint));
        else log::warning("{}", format(complaint));
    }
    if (!catalog.left_out.empty())
        note(fmt::format("{} services are left out, their files have errors: see initctl verify",
                         catalog.left_out.size()));
    for (const auto& [name, settings] : catalog.services) manager_.define(ServiceSettings(settings));
}

void Init::go_on_with_configuration() {
    logs_.set_log_size(system_.log_size);
    system_record_.limit_count = system_.crash_limit.count;
    system_record_.limit_window = system_.crash_limit.window.count();
    record_system(); // a crash from here on is counted against that
    auto drain = [this](StartId start) { return executor_->drain_notify(start); };
    plugins_ = std::make_unique<Plugins>(
        loop_, manager_, core_, system_, *recovery_,
        PluginHooks{drain, [this](pid_t pid) { return executor_->whose(pid); },
                    [this](EndKind kind, const std::string& who, EndCause cause) {
                        return end_machine(kind, false, who, std::move(cause));
                    },
                    [this] { return state_.phase == Phase::going_down; },
                    [this](const std::string& target, const std::string& why) {
                        enter_target_by_policy(target, why);
                    },
                    [this](Hook hook) {
                        hook.ended = [this, who = hook.who](const std::string& result) {
                            note_result(who, "", "exec: " + result);
                        };
                        run_hook(workers_, std::move(hook));
                    },
                    [this](StartId start) { return executor_->run_probe(start); },
                    [this](StartId start) { return executor_->kill_probe(start); },
                    [this](const MachineNote& noted) { records_->machine(noted); }});
    std::vector<std::string> leave_out;
    if (asked_.no_wdt || state_.in_container) leave_out.emplace_back("watchdog");
    const char* why = state_.in_container ? kOfTheMachine : "the kernel command line says so";
    // Before all else that takes time: the WDT may be running already.
    auto restored = resuming_ ? recovery_->plugins() : std::vector<PluginState>{};
    for (auto& complaint : plugins_->load_all(leave_out, why, restored)) note(std::move(complaint));
    remember_own_changes();
    note_images();
    // A life that was cut short before the first service has its steps still to take; all of them may
    // be taken twice.
    bool brought_up = resuming_ && !recovery_->services().empty();
    if (brought_up) {
        open_module(); // if the earlier life's descriptor is lost
        open_for_service();
    } else {
        // A deadman goes on that the earlier life has armed, and the steps to come may take longer.
        if (resuming_ || !lost_.empty()) open_module();
        bring_up_machine();
    }
}

void Init::bring_up_machine() {
    if (auto problem = set_host_name(system_.hostname); !problem.empty()) note(problem);
    if (auto problem = bring_up_loopback(); !problem.empty()) note(problem);
    auto panic_seconds = static_cast<int>(system_.panic_reboot.count() / 1000);
    if (!state_.in_container)
        if (auto problem = set_panic_behaviour(panic_seconds); !problem.empty()) note(problem);

    // One after the other: a disk may need a module, a module's parameter a sysctl.
    auto step = [this](const char* name, bool anything, Ms limit, std::function<int(int)> work,
                       std::function<void()> next) {
        if (!anything) return next();
        WorkerJob job;
        job.name = name;
        job.limit = limit;
        job.work = std::move(work);
        job.line = [this](std::string_view line) { note(std::string(line)); };
        job.done = [this, name, next = std::move(next)](int status, const std::string&) {
            if (status < 0) note(fmt::format("{}: not finished in time, going on without it", name));
            next();
        };
        workers_.run(std::move(job));
    };
    auto mounts = [this, step] {
        step("mounts", !system_.mounts.empty(), Ms{60'000},
             [this](int out) { return mount_file_systems(system_.mounts, out); },
             [this] { load_kernel_module(); });
    };
    auto sysctls = [this, step, mounts] {
        step("sysctl", !system_.sysctl.empty(), Ms{10'000},
             [this](int out) { return apply_sysctls(system_.sysctl, out); }, mounts);
    };
    if (state_.in_container) {
        if (!system_.modules.empty() || !system_.sysctl.empty() || !system_.mounts.empty())
            note(fmt::format("modules, sysctl and mounts of init.conf are left out: {}", kOfTheMachine));
        state_.module_text = fmt::format("left alone: {}", kOfTheMachine);
        open_module();
        open_for_service();
        return;
    }
    step("modules", !system_.modules.empty(), Ms{30'000},
         [this](int out) { return load_modules(system_.modules, out); }, sysctls);
}

void Init::load_kernel_module() {
    WorkerJob job;
    job.name = "kernel-module";
    job.limit = Ms{30'000};
    job.work = [forbidden = asked_.no_module](int out) { return load_leash_module(forbidden, out); };
    job.done = [this](int, std::string text) {
        while (!text.empty() && text.back() == '\n') text.pop_back();
        state_.module_text = text.empty() ? "loading it did not finish" : text;
        open_module();
        logs_.line(log::Level::notice, false, "kernel module: " + state_.module_text);
        open_for_service();
    };
    workers_.run(std::move(job));
}

void Init::open_for_service() {
    // File systems are mounted.
    records_->open_disk({system_.trouble_log_size, system_.trouble_log_files});
    executor_->set_evidence([this](Executor::Evidence told) {
        records::Record record;
        record.event = told.facts.empty() ? "result" : "evidence";
        record.service = std::move(told.service);
        record.start = told.start;
        record.kind = to_string(told.kind);
        record.facts = std::move(told.facts);
        record.file = std::move(told.file);
        record.result = std::move(told.result);
        records_->note(std::move(record));
    });
    executor_->set_result([this](const std::string& service, const std::string& result) {
        note_result(service, "", "exec: " + result);
    });
    calendars_ = std::make_unique<Calendars>(loop_, manager_, core_, workers_);
    scopes_ = std::make_unique<Scopes>(manager_, core_, *executor_, logs_, *recovery_);
    conditions_ = std::make_unique<Conditions>(loop_, manager_, core_, workers_, *recovery_,
                                               asked_.text);
    requests_ = std::make_unique<Requests>(
        manager_, core_, workers_,
        RequestHooks{[this] { return system_view(); },
                     [this](EndKind kind, bool force, const std::string& who) {
                         return end_machine(kind, force, who);
                     },
                     [this](auto done) { reexec(std::move(done)); },
                     [this](auto done) { reload(std::move(done)); },
                     [this](const std::string& name, pid_t pid, int client) {
                         return scopes_->make(name, pid, client);
                     },
                     [this](ServiceView& view) {
                         executor_->tell_of_notify(view);
                         plugins_->tell_of_timers(view);
                     },
                     [this](const std::string& target, const std::string& why) {
                         return enter_target(target, why);
                     },
                     [this](const std::string& name, bool holds) {
                         return conditions_->set_user(name, holds);
                     },
                     [this] { return conditions_->user(); },
                     [this]() -> const std::map<std::string, std::string>& { return masked_; },
                     [this](const std::string& name, auto done) {
                         return make_instance(name, std::move(done));
                     },
                     [this](const std::string& plugin, const PluginCommand& command) {
                         return plugins_->command(plugin, command);
                     },
                     [this] { return plugins_->machine_troubles(); },
                     [this](const std::string& name, bool frozen, const std::string& who) {
                         return executor_->freeze_asked(name, frozen, who);
                     },
                     [this](const std::string& name) { return executor_->is_frozen(name); }});
    server_ = std::make_unique<control::ControlServer>(
        loop_, [this](const control::Request& request, std::shared_ptr<control::Reply> reply) {
            note_event("request: " + request.verb, request.args.empty() ? "" : " " + request.args[0]);
            requests_->handle(request, std::move(reply));
        });
    if (resuming_ && system_record_.control_fd >= 0) {
        server_->adopt(UniqueFd(system_record_.control_fd));
    } else if (auto opened = server_->open(std::string(control::kSocketPath)); !opened) {
        note("initctl will not reach init: " + opened.error().text);
    }
    record_system();
    // A soft reboot, or a life that was cut short before it had started anything: there is nothing to
    // resume but the machine.
    bool begins = !resuming_ || (state_.phase == Phase::booting && recovery_->services().empty());
    if (!begins) {
        resume_services();
        return;
    }
    if (resuming_) begin_anew();
    plugins_->brought_up();
    plugins_->wait_until_let_go(LEASH_HOLD_BOOT, [this] { start_target(); });
}

// Whatever the files say: somebody who sits at the console gets a shell to mend them.
void Init::ensure_console() {
    if (manager_.view(kRescueConsole)) return;
    for (const auto& name : manager_.names()) {
        const auto* settings = manager_.settings(name);
        if (settings->type == ServiceType::console && settings->start == StartMode::automatic) return;
    }
    if (state_.in_container) return;
    ServiceSettings console;
    console.name = kRescueConsole;
    console.file = "(built in)";
    console.description = "Shell on the console, since no service gives one";
    console.type = ServiceType::console;
    console.command = system_.rescue_shell;
    console.tty = system_.console.empty() ? "console" : system_.console;
    console.restart_delay = Ms{1'000};
    console.restart_limit = console.restart_limit_long = RateLimit{};
    manager_.define(std::move(console));
    note("no service of type console: a rescue console is started in its place");
}

void Init::start_target() {
    ensure_console();
    conditions_->update();
    if (target_entered_) return; // somebody was faster
    state_.target = asked_.target;
    if (const auto& wanted = plugins_->boot_target()) {
        note(fmt::format("booting into target {}, not {}: {}", wanted->target, asked_.target,
                         wanted->why));
        state_.target = wanted->target;
    }
    record_system();
    core_.post(event::TargetRequested{state_.target});
}

} // namespace leash
