// SPDX-License-Identifier: MIT
// The files of Leash: read by a worker, since a disk can hang; parsed here. At boot, at every
// reload, and when an instance of a template is asked for that is not there yet.
#include "base/fixed_text.h"
#include "base/log.h"
#include "config/files.h"
#include "config/schema.h"
#include "init/init.h"
#include "init/scratch_memory.h"

#include <algorithm>
#include <cstring>

namespace leash {

namespace {

// init.conf of any layer, or a drop-in of it.
bool is_init_conf(std::string_view path) {
    if (path.find("services.d/") != std::string_view::npos) return false;
    return path == "init.conf" || path.ends_with("/init.conf") || drop_in_owner(path) == "init";
}

} // namespace

void Init::read_tree(std::function<void(Result<std::vector<SourceFile>>)> done) {
    WorkerJob job;
    job.name = "read-configuration";
    job.limit = Ms{15'000};
    job.work = [](int out) {
        return write_all(out, serialize(read_config_layers(config_layers("")))) ? 0 : 1;
    };
    job.done = [done = std::move(done)](int status, const std::string& bytes) {
        if (status != 0)
            return done(fail("/usr/lib/leash, /etc/leash, /run/leash: they cannot be read"));
        ScratchMemory scratch;
        auto files = deserialize(bytes);
        scratch.end();
        done(std::move(files));
    };
    workers_.run(std::move(job));
}

void Init::read_configuration() {
    read_tree([this](Result<std::vector<SourceFile>> files) {
        if (!files) note(fmt::format("no configuration: {}", files.error().text));
        take_configuration(files ? std::move(*files) : std::vector<SourceFile>{});
    });
}

// What is to stay of it is copied: see ScratchMemory.
Catalog Init::load_apart(const std::vector<SourceFile>& files, const std::vector<std::string>& wanted) {
    ScratchMemory scratch;
    auto catalog = load(files, wanted);
    forget_schemas();
    return catalog;
}

Catalog Init::load_tree(const std::vector<SourceFile>& files, std::vector<std::string> wanted) {
    auto catalog = load_apart(files, wanted);
    masked_ = catalog.masked;
    templates_.clear();
    for (const auto& file : files)
        if (drop_in_owner(file.path).empty() && is_template(service_name_of(file.path)))
            templates_.emplace(service_name_of(file.path));
    return catalog;
}

// Instances that no file asks for, but somebody did; also in an earlier life of init.
std::vector<std::string> Init::instances_to_keep() const {
    std::vector<std::string> names;
    for (const auto& record : recovery_->services()) {
        auto name = get_text(record.name);
        if (record.scope || template_of(name).empty()) continue;
        auto life = unpack(record.life);
        if (is_alive(life.state) || life.wanted_up || life.timed) names.push_back(std::move(name));
    }
    return names;
}

// New and changed files count from the next start of their service on; a service whose file has
// errors stays as it was; one whose file is gone is forgotten unless it lives. [system] is read at
// boot only; the sections of plugins are handed to them.
void Init::reload(std::function<void(const ReloadReport&)> done) {
    read_tree(
        [this, read = ++reads_, done = std::move(done)](Result<std::vector<SourceFile>> files) {
            ReloadReport report;
            if (!files) {
                report.failed = true;
                report.complaints.push_back(files.error().text);
                return done(report);
            }
            if (read < newest_read_)
                return done(report); // one that began later has been taken already
            newest_read_ = read;
            auto catalog = load_tree(*files, instances_to_keep());
            report.failed = catalog.has_errors();
            for (const auto& complaint : catalog.complaints) {
                report.complaints.push_back(format(complaint));
                log::warning("{}", report.complaints.back());
            }
            // Before that there are no plugins: the boot goes on still.
            if (plugins_ && take_sections(*files, catalog)) {
                plugins_->configured();
                configure_deadman();
            }
            auto services = catalog.services.size();
            take_changes(std::move(catalog), report);
            keep_configuration(*files);
            for (const auto& change : report.changes)
                log::notice("{}: {}{}{}", change.service, change.what,
                            change.text.empty() ? "" : ": ", change.text);
            log::notice("configuration read again: {} services", services);
            done(report);
        });
}

// Not with an error in any file of init.conf: what is wrong there would count as its default.
bool Init::take_sections(const std::vector<SourceFile>& files, const Catalog& catalog) {
    for (const auto& complaint : catalog.complaints) {
        if (complaint.severity != Complaint::Severity::error) continue;
        if (!is_init_conf(complaint.file)) continue;
        log::warning("init.conf has errors: the settings of plugins stay as they were");
        return false;
    }
    bool there = std::ranges::any_of(files, [](const SourceFile& file) {
        return is_init_conf(file.path) && file.error.empty();
    });
    if (!there) return false;
    system_.watchdog = catalog.system.watchdog;
    system_.plugin_config = catalog.system.plugin_config;
    system_.plugin_sections = catalog.system.plugin_sections;
    system_.deadman = catalog.system.deadman; // a copy: what was read lies in memory that goes back
    return true;
}

// What the new edition does not describe goes on under the last one that did, and so does a start that
// was spawned under another description.
void Init::take_changes(Catalog catalog, ReloadReport& report) {
    auto& kept = recovery_->configuration();
    kept.prune([this](const std::string& name) { return is_under_older(name); });
    forget_what_is_gone(catalog, report);
    for (const auto& name : catalog.left_out) {
        if (!manager_.view(name)) continue;
        kept.describe(name, kept.describing(name));
        report.changes.push_back({"refused", name, "it stays as it was"});
    }
    std::vector<std::string> to_start, to_time;
    for (const auto& [name, settings] : catalog.services) {
        const auto* known = manager_.settings(name);
        bool automatic = settings.start == StartMode::automatic;
        bool timer = automatic && !settings.calendar->rules.empty();
        if (!known) {
            bool start = automatic && !timer && !catalog.from_template.contains(name);
            report.changes.push_back({"new", name,
                                      start   ? "it is started"
                                      : timer ? "it waits for its time"
                                              : ""});
            if (start) to_start.push_back(name);
            if (timer) to_time.push_back(name);
        } else {
            auto before = *known;
            before.file = settings.file; // a layer more or less makes no difference
            bool same = before == settings;
            auto view = manager_.view(name);
            if (!same && is_alive(view->state)) kept.hold(name);
            kept.describe_by_newest(name);
            if (same) continue;
            if (timer && (known->start != settings.start || known->calendar != settings.calendar))
                to_time.push_back(name);
            report.changes.push_back(
                {"changed", name, is_alive(view->state) ? "counts from its next start on" : ""});
        }
        manager_.define(ServiceSettings(settings)); // a copy: see load_tree
    }
    if (!calendars_) return; // still booting
    conditions_->update();
    if (state_.phase != Phase::going_down) {
        for (const auto& name : to_start)
            core_.post(event::StartRequested{name, false});
        for (const auto& name : to_time)
            core_.post(event::TimerRequested{name});
    }
    core_.post(event::Tick{}); // what waits may wait for something else now
    calendars_->ask_for_all();
}

void Init::forget_what_is_gone(const Catalog& catalog, ReloadReport& report) {
    for (const auto& name : manager_.names()) {
        const auto* settings = manager_.settings(name);
        bool described = catalog.services.contains(name) || catalog.left_out.contains(name);
        if (described || settings->scope || name == kRescueConsole) continue;
        auto& kept = recovery_->configuration();
        auto masked = catalog.masked.find(name);
        auto why = masked != catalog.masked.end() ? "masked by " + masked->second : std::string();
        if (!manager_.forget(name)) {
            kept.describe(name, kept.describing(name));
            report.changes.push_back({"kept", name,
                                      fmt::format("{}, but it lives: gone after a stop and a "
                                                  "reload",
                                                  why.empty() ? "its file is gone" : why)});
            continue;
        }
        report.changes.push_back({"gone", name, why});
        kept.describe_by_newest(name);
        executor_->sockets().close(name);
        logs_.forget(name);
        executor_->forget(name);
        recovery_->forget(name);
    }
}

bool Init::make_instance(const std::string& name, std::function<void(const Result<void>&)> done) {
    if (!templates_.contains(std::string(template_of(name)))) return false;
    read_tree([this, name, done = std::move(done)](Result<std::vector<SourceFile>> files) {
        if (!files) return done(std::unexpected(files.error()));
        auto catalog = load(*files, {name});
        forget_schemas();
        recovery_->configuration().add(*files, false);
        done(define_instance(name, std::move(catalog)));
        record_system();
    });
    return true;
}

// And what is new to the core among the services that it names. All else waits for a reload.
Result<void> Init::define_instance(const std::string& name, Catalog catalog) {
    if (manager_.view(name)) return {}; // somebody else has asked, too
    if (!catalog.services.contains(name)) {
        const auto& files = catalog.files[name];
        for (const auto& complaint : catalog.complaints)
            if (std::ranges::find(files, complaint.file) != files.end())
                return fail("{}", format(complaint));
        return fail("{} cannot be made: see initctl verify", name);
    }
    std::vector<std::string> todo{name};
    while (!todo.empty()) {
        auto found = catalog.services.find(todo.back());
        todo.pop_back();
        if (found == catalog.services.end() || manager_.view(found->first)) continue;
        const auto& settings = found->second;
        for (const auto& list : kNameLists)
            if (list.makes)
                todo.insert(todo.end(), (settings.*list.names).begin(), (settings.*list.names).end());
        recovery_->configuration().describe(settings.name, recovery_->configuration().newest());
        manager_.define(std::move(found->second));
    }
    if (conditions_) conditions_->update(); // it may name some that nobody has looked at
    return {};
}

} // namespace leash
