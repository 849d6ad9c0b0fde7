// SPDX-License-Identifier: MIT
#include "init/conditions.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/text.h"
#include "base/whole_file.h"

namespace leash {
namespace {

constexpr Ms kInMemory{500}; // between two looks at paths in memory
constexpr Ms kOnDisk{3'000}; // ... and elsewhere
constexpr Ms kWorkerLimit{5'000};

constexpr std::array<std::string_view, 18> kMemoryTypes{
    "tmpfs",   "ramfs",  "rootfs",     "devtmpfs", "proc",    "sysfs",    "cgroup",
    "cgroup2", "devpts", "securityfs", "debugfs",  "tracefs", "configfs", "mqueue",
    "bpf",     "pstore", "hugetlbfs",  "binfmt_misc"};

bool lives_in_memory(std::string_view type) {
    return std::ranges::find(kMemoryTypes, type) != kMemoryTypes.end();
}

bool leads_to(std::string_view folder, std::string_view path) {
    if (folder == "/" || folder == path) return true;
    return path.starts_with(folder) && path[folder.size()] == '/';
}

// Nothing: a symbolic link leads to who knows where.
std::optional<bool> is_there(const std::string& path) {
    open_how how{};
    how.flags = O_PATH | O_CLOEXEC;
    how.resolve = RESOLVE_NO_SYMLINKS;
    UniqueFd fd(static_cast<int>(::syscall(SYS_openat2, AT_FDCWD, path.c_str(), &how, sizeof how)));
    if (fd) return true;
    if (errno == ELOOP || errno == ENOSYS) return std::nullopt;
    return false;
}

} // namespace

bool lies_in_memory(std::string_view path, const std::vector<MountLine>& mounts) {
    const MountLine* covers = nullptr;
    for (const auto& mount : mounts) { // the newest first
        if (!leads_to(mount.target, path)) continue;
        if (mount.target != "/" && !lives_in_memory(mount.type)) return false;
        if (!covers || mount.target.size() > covers->target.size()) covers = &mount;
    }
    return covers && lives_in_memory(covers->type);
}

bool has_word(std::string_view command_line, std::string_view word) {
    while (!command_line.empty() && (command_line.back() == '\n' || command_line.back() == '\0'))
        command_line.remove_suffix(1);
    bool bare = word.find('=') == std::string_view::npos;
    return std::ranges::any_of(split(command_line, ' ', true), [&](std::string_view each) {
        return each == word || (bare && each.substr(0, each.find('=')) == word);
    });
}

Conditions::Conditions(EventLoop& loop, Manager& manager, CoreLoop& core, Workers& workers,
                       Recovery& recovery, std::string kernel_command_line)
    : loop_(loop), manager_(manager), core_(core), workers_(workers), recovery_(recovery),
      kernel_command_line_(std::move(kernel_command_line)),
      path_timer_(loop, [this] { look_at_paths(); }) {
    for (auto& name : recovery_.user_conditions()) user_.insert(std::move(name));
}

void Conditions::tell(const std::string& fact, bool holds) {
    auto [place, fresh] = known_.try_emplace(fact, holds);
    if (!fresh && place->second == holds) return;
    place->second = holds;
    log::debug("condition {} {}", fact, holds ? "holds" : "does not hold");
    core_.post(event::ConditionChanged{fact, holds});
}

void Conditions::update() {
    wanted_.clear();
    for (const auto& fact : manager_.conditions())
        if (auto condition = parse_condition(fact)) wanted_.push_back(std::move(*condition));
    auto any = [&](ConditionKind kind) {
        return std::ranges::find(wanted_, kind, &Condition::kind) != wanted_.end();
    };
    if (any(ConditionKind::net) && !links_) {
        links_ = std::make_unique<LinkWatch>(loop_, [this] { look_at(ConditionKind::net); });
        if (auto opened = links_->open(); !opened)
            log::error("conditions net: cannot be watched: {}", opened.error().text);
    }
    // Where paths lie is a question of what is mounted.
    if (any(ConditionKind::mount) || any(ConditionKind::path)) open_mounts();
    for (auto kind : {ConditionKind::user, ConditionKind::cmdline, ConditionKind::net,
                      ConditionKind::mount})
        look_at(kind);
    if (any(ConditionKind::path)) look_at_paths();
}

std::optional<bool> Conditions::at_once(const Condition& condition) const {
    switch (condition.kind) {
    case ConditionKind::net: return links_ && links_->up(condition.what);
    case ConditionKind::mount:
        return std::ranges::find(mounts_, condition.what, &MountLine::target) != mounts_.end();
    case ConditionKind::cmdline: return has_word(kernel_command_line_, condition.what);
    case ConditionKind::user: return user_.contains(condition.what);
    case ConditionKind::path:
        return lies_in_memory(condition.what, mounts_) ? is_there(condition.what) : std::nullopt;
    }
    return std::nullopt;
}

void Conditions::look_at(ConditionKind kind) {
    // Telling may lead back here: not in the list itself.
    for (const auto& condition : std::vector<Condition>(wanted_))
        if (condition.kind == kind) tell(condition.fact(), *at_once(condition));
}

// ---- mounts -------------------------------------------------------------------------------------

void Conditions::open_mounts() {
    if (mounts_fd_) return;
    mounts_fd_.reset(::open("/proc/self/mounts", O_RDONLY | O_CLOEXEC));
    if (!mounts_fd_) return log::error("conditions mount: /proc/self/mounts cannot be opened");
    // It is always readable; a change is a priority message and an error, on which libuev stops.
    mounts_watch_ = std::make_unique<IoWatch>(loop_, mounts_fd_.get(), UEV_PRI, [this](int) {
        mounts_watch_->set_events(UEV_PRI);
        read_mounts();
    });
    read_mounts();
}

void Conditions::read_mounts() {
    mounts_ = mounts_newest_first(read_whole_file("/proc/self/mounts"));
    look_at(ConditionKind::mount);
}

// ---- paths --------------------------------------------------------------------------------------

void Conditions::look_at_paths() {
    std::vector<std::string> others;
    bool any = false;
    for (const auto& condition : std::vector<Condition>(wanted_)) {
        if (condition.kind != ConditionKind::path) continue;
        any = true;
        if (auto there = at_once(condition)) tell(condition.fact(), *there);
        else others.push_back(condition.what);
    }
    if (!any) return;
    path_timer_.in(kInMemory);
    auto now = monotonic_now();
    if (others.empty() || worker_runs_ || now < worker_next_ || !worker_pause_.over(now)) return;
    worker_next_ = now + kOnDisk;
    ask_worker(std::move(others));
}

// Answers come one by one, so that a path that hangs hides only those behind it, and these come first
// next time.
void Conditions::ask_worker(std::vector<std::string> paths) {
    auto from = worker_from_ % paths.size();
    std::ranges::rotate(paths, paths.begin() + static_cast<std::ptrdiff_t>(from));
    auto answered = std::make_shared<std::size_t>(0);
    worker_runs_ = true;
    WorkerJob job;
    job.name = "look-at-paths";
    job.limit = kWorkerLimit;
    job.work = [paths](int out) {
        for (const auto& path : paths) {
            struct stat there{};
            if (!write_all(out, ::stat(path.c_str(), &there) == 0 ? "y\n" : "n\n")) return 1;
        }
        return 0;
    };
    job.line = [this, paths, answered](std::string_view line) {
        if (*answered < paths.size()) tell("path:" + paths[(*answered)++], line == "y");
    };
    job.done = [this, paths, answered](int status, const std::string&) {
        worker_runs_ = false;
        if (status == 0) return worker_pause_.helped();
        worker_from_ += *answered + 1;
        worker_pause_.failed(monotonic_now());
        // Nobody waits for ever for an answer that does not come.
        for (auto i = *answered; i < paths.size(); ++i)
            if (!known_.contains("path:" + paths[i])) tell("path:" + paths[i], false);
        log::warning("a path of a condition cannot be looked at in time");
    };
    workers_.run(std::move(job));
}

// ---- set by users -------------------------------------------------------------------------------

Result<void> Conditions::set_user(const std::string& name, bool holds) {
    if (!valid_user_condition(name))
        return fail("'{}' is no condition's name: 1 to {} of letters, digits and . _ @ -",
                    printable(name), kMaxUserCondition);
    if (holds && !user_.contains(name) && user_.size() >= UserConditions::kMost)
        return fail("{} conditions are set already; clear some first", user_.size());
    if (holds) user_.insert(name);
    else user_.erase(name);
    recovery_.record_user_conditions({user_.begin(), user_.end()});
    look_at(ConditionKind::user);
    return {};
}

} // namespace leash
