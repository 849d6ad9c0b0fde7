// SPDX-License-Identifier: MIT
// The steps `limit` and `freeze`: what they do to a service's cgroup and processes.
#include "init/executor.h"

#include <algorithm>

#include <sys/resource.h>

#include "base/log.h"
#include "base/process.h"
#include "base/text.h"
#include "base/units.h"
#include "lineage/cgroup_delegation.h"
#include "lineage/cgroup_folder.h"
#include "lineage/cgroup_limits.h"
#include "lineage/start_members.h"
#include "service/finder_settings.h"

namespace leash {
namespace {

constexpr std::uint64_t kPlainShare = 50; // percent of one CPU, where nothing says more
constexpr std::uint64_t kLeastMemory = 64 * 1024; // less would only stop it

// "90/30000", "200,500/10000", "80%", "67108864": the number in front, and whether it is a share.
struct Allowed {
    std::uint64_t number = 0; // 0: none
    bool percent = false;
};
Allowed allowed_by(std::string_view value) {
    auto end = value.find_first_of(",/%");
    Allowed allowed;
    allowed.number = parse_unsigned(value.substr(0, end)).value_or(0);
    allowed.percent = end != std::string_view::npos && value[end] == '%';
    return allowed;
}

std::uint64_t machine_memory() {
    return number_behind(read_small_file("/proc/meminfo").value_or(""), "MemTotal:").value_or(0) * 1024;
}

// Both limits, so that it cannot help itself. 0: as many as it has.
int limit_descriptors(const std::set<pid_t>& processes, std::uint64_t number) {
    int limited = 0;
    for (pid_t pid : processes) {
        rlimit now{};
        if (prlimit(pid, RLIMIT_NOFILE, nullptr, &now) != 0) continue;
        rlim_t wanted = number != 0 ? number : open_descriptors(pid);
        if (wanted == 0) continue;
        rlimit tight{std::min(wanted, now.rlim_cur), std::min(wanted, now.rlim_max)};
        if (prlimit(pid, RLIMIT_NOFILE, &tight, nullptr) == 0) ++limited;
    }
    return limited;
}

// What a worker has to know.
struct LimitJob {
    LimitOf what = LimitOf::nothing;
    std::string root, folder; // LEASH_ROOT, and the service's group in it
    std::uint64_t number = 0; // percent, bytes, count; 0: as it is now
    bool of_machine = false;  // number is 1/100 percent of the machine's memory
    StartId start = 0;
    KernelLineage* kernel = nullptr;
};

Result<std::string> carry_out(LimitJob job) {
    auto enabled = job.what == LimitOf::descriptors ? Result<void>{} : enable_controllers(job.root);
    Result<void> done;
    switch (job.what) {
    case LimitOf::cpu:
        done = limit_cpu(job.folder, job.number);
        if (done) return fmt::format("limited to {} % of a CPU", job.number);
        break;
    case LimitOf::memory:
        if (job.of_machine) job.number = machine_memory() / 10'000 * job.number;
        if (job.number < kLeastMemory)
            return fail("{} is too little memory to limit anything to", format_size(job.number));
        done = limit_memory(job.folder, job.number);
        if (done) return fmt::format("memory limited to {}", format_size(job.number));
        break;
    case LimitOf::tasks:
        if (job.number == 0) job.number = std::max<std::uint64_t>(tasks_now(job.folder), 1);
        done = limit_tasks(job.folder, job.number);
        if (done) return fmt::format("limited to {} tasks", job.number);
        break;
    case LimitOf::descriptors: {
        auto members = start_members(job.folder, job.start, job.kernel);
        int limited = limit_descriptors(members, job.number);
        return fmt::format("descriptors of {} processes limited to {}", limited,
                           job.number == 0 ? "what they have" : std::to_string(job.number));
    }
    case LimitOf::nothing: break;
    }
    return fail("{}{}", enabled ? "" : enabled.error().text + "; ", done ? "" : done.error().text);
}

bool has_limit(const Policy& policy) {
    return std::ranges::any_of(policy, [](const Step& s) { return s.kind == StepKind::limit; });
}

} // namespace

void Executor::prepare_group(const ServiceSettings& settings) {
    if (!tree_) return;
    // Before the first step of that kind there is nothing to lift, as far as this life knows.
    if (tightened_.erase(settings.name) > 0 || is_resumed_) {
        auto folder = tree_->path_of(settings.name);
        thaw_group(folder);
        lift_limits(folder);
    }
    if (settings.rights->delegate)
        if (auto prepared = prepare_delegation(*tree_, settings.name); !prepared)
            log::warning("{}: delegate: {}", settings.name, prepared.error().text);
    bool wanted = (settings.on_trouble && has_limit(*settings.on_trouble)) ||
                  (settings.on_memory && has_limit(*settings.on_memory)) ||
                  (settings.on_kind.is_set() &&
                   std::ranges::any_of(*settings.on_kind, [](const std::optional<Policy>& policy) {
                       return policy && has_limit(*policy);
                   }));
    if (!wanted) return;
    // Before it takes any memory: what it has by then would never count as its own.
    if (auto enabled = enable_controllers(tree_->root()); !enabled)
        log::warning("{}: the step limit will not do all it should: {}", settings.name,
                     enabled.error().text);
}

void Executor::limit(const action::LimitStart& wanted) {
    const auto* settings = manager_.settings_of(wanted.start);
    auto what = limit_of(wanted.kind);
    auto record = [this, wanted](const std::string& result) {
        if (evidence_) evidence_({wanted.service, wanted.start, wanted.kind, "", "", result});
    };
    auto refuse = [&](std::string_view why) {
        log::error("{}: the step limit cannot be taken: {}", wanted.service, why);
        record(fmt::format("no limit: {}", why));
    };
    if (!settings) return;
    if (what == LimitOf::nothing)
        return refuse(fmt::format("{} is about nothing that could be limited", to_string(wanted.kind)));
    if (!tree_) return refuse("there is no cgroup v2");

    auto text = finder_value(*settings, wanted.kind);
    auto key = allowed_by(text);
    // Forks in a time say nothing of how many tasks there may be.
    if (what == LimitOf::tasks && text.find('/') != std::string::npos &&
        text.find(',') == std::string::npos)
        key = {};
    LimitJob job{.what = what, .root = tree_->root(), .folder = tree_->path_of(wanted.service),
                 .start = wanted.start, .kernel = kernel_};
    bool share = wanted.value && wanted.value->percent;
    if (what == LimitOf::cpu) {
        bool of_key = wanted.kind == TroubleKind::cpu_hog && key.number > 1;
        job.number = share ? wanted.value->number : of_key ? key.number / 2 : kPlainShare;
    } else if (wanted.value && !share) {
        job.number = wanted.value->number;
    } else if (what == LimitOf::memory) {
        if (key.number == 0) return refuse("neither it nor a key says how much memory it may have");
        job.of_machine = key.percent;
        auto part = share ? wanted.value->number : 100;
        job.number = key.percent ? key.number * part : key.number * part / 100;
    } else if (!key.percent && key.number != 0) {
        job.number = share ? std::max<std::uint64_t>(key.number * wanted.value->number / 100, 1)
                           : key.number;
    }
    tightened_.insert(wanted.service);
    workers_.run({.name = "limit of " + wanted.service,
                  .work = [job](int out) {
                      auto done = carry_out(job);
                      tell(out, done ? *done : done.error().text);
                      return done ? 0 : 1;
                  },
                  .line = {},
                  .done = [this, record, service = wanted.service, start = wanted.start,
                           folder = job.folder](int status, std::string output) {
                      // It came too late: the next start has nothing to do with it.
                      if (manager_.service_of(start) != service) {
                          lift_limits(folder);
                          return;
                      }
                      while (output.ends_with('\n')) output.pop_back();
                      if (status != 0 && output.empty()) output = "it takes too long";
                      record((status == 0 ? "limit: " : "no limit: ") + output);
                      if (status == 0) log::notice("{}: {}", service, output);
                      else log::error("{}: the step limit has failed: {}", service, output);
                  },
                  .keep_fds = kernel_ ? std::vector<int>{kernel_->fd()} : std::vector<int>{}});
}

void Executor::freeze(const action::FreezeStart& wanted) {
    if (!tree_) {
        log::error("{}: the step freeze cannot be taken: there is no cgroup v2", wanted.service);
        return;
    }
    tightened_.insert(wanted.service);
    auto done = freeze_group(tree_->path_of(wanted.service));
    if (done) log::notice("{}: frozen, until it is signalled, stopped or thawed", wanted.service);
    else log::error("{}: the step freeze has failed: {}", wanted.service, done.error().text);
}

Result<void> Executor::freeze_asked(const std::string& service, bool frozen, const std::string& who) {
    if (!tree_) return fail("there is no cgroup v2, which is what freezes");
    auto folder = tree_->path_of(service);
    if (frozen) {
        tightened_.insert(service);
        if (auto done = freeze_group(folder); !done) return done;
    } else {
        thaw_group(folder);
        if (leash::is_frozen(folder)) return fail("its cgroup stays frozen");
    }
    log::notice("{}: {} ({})", service, frozen ? "frozen" : "thawed", who);
    return {};
}

// The kernel keeps it, over crashes of init, too. Only groups that may be frozen are asked about.
bool Executor::is_frozen(const std::string& service) const {
    return tree_ && (is_resumed_ || tightened_.contains(service)) &&
           leash::is_frozen(tree_->path_of(service));
}

void Executor::thaw(const std::string& service) {
    if (tree_) thaw_group(tree_->path_of(service));
}

} // namespace leash
