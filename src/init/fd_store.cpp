// SPDX-License-Identifier: MIT
#include "init/fd_store.h"

#include <algorithm>
#include <array>

#include <linux/kcmp.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/process.h"

namespace leash {
namespace {

// The same open file, not only the same file. Without CONFIG_KCMP nothing is: kept twice then.
bool same(int a, int b) {
    auto self = ::getpid();
    return ::syscall(SYS_kcmp, self, self, KCMP_FILE, a, b) == 0;
}

// Polling a file of a FUSE file system waits for the process that serves it.
bool may_be_polled(int fd) {
    auto kind = kind_of_descriptor(fd);
    return kind == DescriptorKind::socket || kind == DescriptorKind::pipe;
}

} // namespace

FdStores::FdStores(EventLoop& loop, Recovery& recovery, Closer& closer)
    : recovery_(recovery), closer_(closer), poll_(::epoll_create1(EPOLL_CLOEXEC)) {
    if (poll_)
        watch_ = std::make_unique<IoWatch>(loop, poll_.get(), UEV_READ, [this](int) { on_hang_up(); });
}

FdStores::~FdStores() = default;

FdStores::Outcome FdStores::add(const std::string& service, const std::string& name, bool poll,
                                std::vector<UniqueFd>& descriptors, int most) {
    Outcome outcome;
    auto& kept = services_[service];
    for (auto& fd : descriptors) {
        auto is_same = [&](const Stored& each) { return same(each.fd.get(), fd.get()); };
        if (std::ranges::any_of(kept, is_same)) {
            ++outcome.known;
            continue;
        }
        int place = kept.size() < static_cast<std::size_t>(std::max(most, 0))
                        ? recovery_.keep_descriptor(service, name, fd.get(), poll)
                        : -1;
        if (place < 0) {
            ++outcome.refused;
            continue;
        }
        kept.push_back({std::move(fd), name, place, ++last_id_});
        if (poll) watch(kept.back());
        ++outcome.kept;
    }
    std::erase_if(descriptors, [](const UniqueFd& fd) { return !fd; });
    if (kept.empty()) services_.erase(service);
    return outcome;
}

int FdStores::remove(const std::string& service, const std::string& name) {
    auto found = services_.find(service);
    if (found == services_.end()) return 0;
    auto count = std::erase_if(found->second, [&](Stored& each) {
        if (each.name != name) return false;
        forget(each);
        return true;
    });
    if (found->second.empty()) services_.erase(found);
    return static_cast<int>(count);
}

void FdStores::drop(const std::string& service) {
    auto found = services_.find(service);
    if (found == services_.end()) return;
    for (auto& each : found->second) forget(each);
    services_.erase(found);
}

void FdStores::adopt(const std::function<bool(const std::string&)>& wanted) {
    for (auto& each : recovery_.kept_descriptors()) {
        Stored stored{UniqueFd(each.fd), each.name, each.place, ++last_id_};
        if (!wanted(each.service)) {
            forget(stored);
            continue;
        }
        if (each.poll) watch(stored);
        services_[each.service].push_back(std::move(stored));
    }
}

std::vector<PassedDescriptor> FdStores::of(const std::string& service) const {
    std::vector<PassedDescriptor> all;
    if (auto found = services_.find(service); found != services_.end())
        for (const auto& each : found->second) all.push_back({each.fd.get(), each.name});
    return all;
}

std::vector<std::string> FdStores::names(const std::string& service) const {
    std::vector<std::string> all;
    for (const auto& each : of(service)) all.push_back(each.name);
    return all;
}

// Without an event asked for, the kernel tells of hang-ups and errors alone.
void FdStores::watch(const Stored& stored) {
    if (!poll_ || !may_be_polled(stored.fd.get())) return;
    epoll_event event{};
    event.data.u64 = stored.id;
    (void)::epoll_ctl(poll_.get(), EPOLL_CTL_ADD, stored.fd.get(), &event);
}

void FdStores::forget(Stored& stored) {
    recovery_.release_descriptor(stored.place);
    // Or the service's own copy would go on telling. Not watched: an error that says nothing.
    if (poll_) (void)::epoll_ctl(poll_.get(), EPOLL_CTL_DEL, stored.fd.get(), nullptr);
    std::vector<UniqueFd> last;
    last.push_back(std::move(stored.fd));
    closer_.close(std::move(last));
}

void FdStores::on_hang_up() {
    std::array<epoll_event, 16> events{};
    int count = ::epoll_wait(poll_.get(), events.data(), static_cast<int>(events.size()), 0);
    for (int i = 0; i < count; ++i) {
        for (auto& [service, kept] : services_)
            std::erase_if(kept, [&](Stored& each) {
                if (each.id != events[static_cast<std::size_t>(i)].data.u64) return false;
                log::info("{}: kept descriptor {} is hung up, letting it go", service, each.name);
                forget(each);
                return true;
            });
        std::erase_if(services_, [](const auto& each) { return each.second.empty(); });
    }
}

} // namespace leash
