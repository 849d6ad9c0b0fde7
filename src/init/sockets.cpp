// SPDX-License-Identifier: MIT
#include "init/sockets.h"

#include <algorithm>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>

#include "base/fixed_text.h"
#include "base/log.h"

namespace leash {
namespace {

constexpr Ms kOpenLimit{10'000};

// What a worker sends along with each descriptor.
struct Delivery {
    std::uint32_t index = 0; // in `listen`
    SocketFile file;
};

bool send_socket(int channel, const Delivery& delivery, int fd) {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
    iovec data{const_cast<Delivery*>(&delivery), sizeof delivery};
    msghdr header{};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    auto* part = CMSG_FIRSTHDR(&header);
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(part), &fd, sizeof fd);
    return sendmsg(channel, &header, MSG_NOSIGNAL) == static_cast<ssize_t>(sizeof delivery);
}

// Empty: there is none.
UniqueFd receive_socket(int channel, Delivery& delivery) {
    alignas(cmsghdr) char control[CMSG_SPACE(sizeof(int))] = {};
    iovec data{&delivery, sizeof delivery};
    msghdr header{};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control;
    header.msg_controllen = sizeof control;
    if (recvmsg(channel, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) != sizeof delivery) return {};
    auto* part = CMSG_FIRSTHDR(&header);
    if (!part || part->cmsg_type != SCM_RIGHTS || part->cmsg_len != CMSG_LEN(sizeof(int))) return {};
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(part), sizeof fd);
    return UniqueFd(fd);
}

// For the state page, where there is no room for the text.
std::uint32_t hash_of(std::string_view text) {
    std::uint32_t hash = 2'166'136'261U; // FNV-1a
    for (unsigned char c : text) hash = (hash ^ c) * 16'777'619U;
    return hash;
}

// Where to remove a name cannot wait for a disk.
bool in_memory(std::string_view path) {
    return path.starts_with("/run/") || path.starts_with("/dev/");
}

constexpr auto is_open = [](const auto& socket) { return static_cast<bool>(socket->fd); };

// In the worker: all of them, or a line about the first that cannot be had.
int open_all(const Listen& listen, const std::vector<std::uint32_t>& missing, int channel, int out) {
    auto owner = socket_owner(listen);
    if (!owner) return tell(out, owner.error().text), 1;
    for (auto index : missing) {
        auto opened = open_listening(listen, listen.sockets[index], *owner);
        if (!opened) return tell(out, opened.error().text), 1;
        if (!send_socket(channel, {index, opened->file}, opened->fd.get()))
            return tell(out, "init did not take its sockets"), 1;
    }
    return 0;
}

} // namespace

ListeningSockets::ListeningSockets(EventLoop& loop, Manager& manager, CoreLoop& core,
                                   Workers& workers, Recovery& recovery)
    : loop_(loop), manager_(manager), core_(core), workers_(workers), recovery_(recovery) {}

const ListeningSockets::Set* ListeningSockets::find(const std::string& service) const {
    auto found = sets_.find(service);
    return found == sets_.end() ? nullptr : &found->second;
}

std::string ListeningSockets::owner_of(const std::string& address, const std::string& but) const {
    for (const auto& [service, set] : sets_)
        for (const auto& socket : set.sockets)
            if (service != but && socket->fd && address_of(socket->what) == address) return service;
    return {};
}

void ListeningSockets::drop(Socket& socket) {
    socket.watch.reset();
    socket.fd.reset();
    const auto& path = socket.what.address;
    if (!path.starts_with('/')) return;
    if (in_memory(path)) return remove_socket(path, socket.file);
    WorkerJob job;
    job.name = "unlink-socket";
    job.work = [path, file = socket.file](int) {
        remove_socket(path, file);
        return 0;
    };
    workers_.run(std::move(job));
}

void ListeningSockets::open(const std::string& service) {
    const auto* settings = manager_.settings(service);
    if (!settings) return;
    const auto& listen = *settings->listen;
    auto& set = sets_[service];
    set.serial = ++serial_;
    set.odd = false;
    auto before = std::exchange(set.sockets, {});
    for (const auto& what : listen.sockets) {
        auto identity = identity_of(listen, what);
        auto same = std::ranges::find_if(before, [&](const auto& old) {
            return old && old->fd && old->identity == identity;
        });
        if (same != before.end()) {
            set.sockets.push_back(std::move(*same));
            set.sockets.back()->what = what; // its name may be another
            set.sockets.back()->watch.reset();
        } else {
            set.sockets.push_back(std::make_unique<Socket>());
            set.sockets.back()->what = what;
            set.sockets.back()->identity = std::move(identity);
        }
    }
    record(service);
    for (auto& old : before)
        if (old && old->fd) drop(*old);
    open_missing(service, set);
}

void ListeningSockets::open_missing(const std::string& service, Set& set) {
    auto refuse = [&](std::string reason) {
        close(service);
        core_.post(event::ListenFailed{service, std::move(reason)});
    };
    std::vector<std::uint32_t> missing;
    for (std::uint32_t i = 0; i < set.sockets.size(); ++i) {
        if (set.sockets[i]->fd) continue;
        missing.push_back(i);
        const auto& what = set.sockets[i]->what;
        if (auto other = owner_of(address_of(what), service); !other.empty())
            return refuse(fmt::format("cannot listen on {}: {} does", to_string(what), other));
    }
    if (missing.empty()) return core_.post(event::Listening{service});
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
        return refuse(fail_errno(errno, "cannot make a socket pair").error().text);
    auto ours = std::make_shared<UniqueFd>(ends[0]), theirs = std::make_shared<UniqueFd>(ends[1]);
    WorkerJob job;
    job.name = "listen";
    job.limit = kOpenLimit;
    job.keep_fds = {theirs->get()};
    job.work = [listen = *manager_.settings(service)->listen, missing, theirs](int out) {
        return open_all(listen, missing, theirs->get(), out);
    };
    job.done = [this, service, serial = set.serial, ours](int status, const std::string& complaint) {
        opened(service, serial, ours->get(), status, complaint);
    };
    workers_.run(std::move(job));
}

void ListeningSockets::opened(const std::string& service, unsigned serial, int channel, int status,
                              const std::string& complaint) {
    auto found = sets_.find(service);
    bool wanted = found != sets_.end() && found->second.serial == serial;
    Delivery delivery;
    while (auto fd = receive_socket(channel, delivery)) {
        bool fits = wanted && delivery.index < found->second.sockets.size();
        if (!fits) continue; // a path that it leaves behind is stale, and gives way
        auto& socket = *found->second.sockets[delivery.index];
        socket.fd = std::move(fd);
        socket.file = delivery.file;
    }
    if (!wanted) return;
    record(service);
    bool all = std::ranges::all_of(found->second.sockets, is_open);
    if (status == 0 && all) return core_.post(event::Listening{service});
    auto reason = complaint.substr(0, complaint.find('\n'));
    if (reason.empty()) reason = "cannot listen: its sockets could not be opened in time";
    close(service);
    core_.post(event::ListenFailed{service, std::move(reason)});
}

void ListeningSockets::close(const std::string& service) {
    auto found = sets_.find(service);
    if (found == sets_.end()) return;
    recovery_.forget_sockets(service);
    for (auto& socket : found->second.sockets)
        if (socket->fd) drop(*socket);
    sets_.erase(found);
}

void ListeningSockets::watch(const std::string& service) {
    auto found = sets_.find(service);
    if (found == sets_.end()) return;
    for (auto& socket : found->second.sockets) {
        if (!socket->fd) continue;
        const auto& what = socket->what;
        socket->watch = std::make_unique<IoWatch>(
            loop_, socket->fd.get(), UEV_READ,
            [this, service, label = what.name.empty() ? address_of(what) : what.name](int) {
                unwatch(service);
                core_.post(event::Traffic{service, label});
            });
    }
}

void ListeningSockets::unwatch(const std::string& service) {
    auto found = sets_.find(service);
    if (found == sets_.end()) return;
    for (auto& socket : found->second.sockets) socket->watch.reset();
}

std::vector<PassedDescriptor> ListeningSockets::passed(const ServiceSettings& settings) const {
    std::vector<PassedDescriptor> fds;
    if (const auto* set = find(settings.name))
        for (const auto& socket : set->sockets) {
            const auto& name = socket->what.name;
            fds.push_back({socket->fd.get(), name.empty() ? settings.name + ".socket" : name});
            // An earlier start may have changed what all share.
            int flags = fcntl(socket->fd.get(), F_GETFL);
            if (flags >= 0 && (flags & O_NONBLOCK))
                fcntl(socket->fd.get(), F_SETFL, flags & ~O_NONBLOCK);
        }
    return fds;
}

bool ListeningSockets::has_traffic(const std::string& service) const {
    const auto* set = find(service);
    if (!set) return false;
    return std::ranges::any_of(set->sockets, [](const auto& socket) {
        pollfd poll{socket->fd.get(), POLLIN, 0};
        return ::poll(&poll, 1, 0) > 0 && (poll.revents & POLLIN) != 0;
    });
}

void ListeningSockets::record(const std::string& service) {
    const auto* set = find(service);
    if (!set) return recovery_.forget_sockets(service);
    SocketsRecord record{};
    service.copy(record.service, sizeof record.service - 1);
    for (auto& entry : record.sockets) entry.fd = -1;
    for (std::size_t i = 0; i < set->sockets.size() && i < kMostListening; ++i)
        record.sockets[i] = {set->sockets[i]->fd.get(), hash_of(set->sockets[i]->identity)};
    recovery_.record(record);
}

void ListeningSockets::take_over() {
    for (const auto& record : recovery_.sockets()) take_over(record);
}

void ListeningSockets::take_over(const SocketsRecord& record) {
    auto service = get_text(record.service);
    Set set;
    std::vector<SocketsRecord::Entry> left;
    for (const auto& entry : record.sockets)
        if (entry.fd >= 0 && fcntl(entry.fd, F_GETFD) >= 0) left.push_back(entry);
    if (const auto* settings = manager_.settings(service))
        for (const auto& what : settings->listen->sockets) {
            auto socket = std::make_unique<Socket>();
            socket->what = what;
            socket->identity = identity_of(*settings->listen, what);
            auto hash = hash_of(socket->identity);
            auto same = std::ranges::find(left, hash, &SocketsRecord::Entry::identity);
            if (same != left.end()) {
                socket->fd.reset(same->fd);
                left.erase(same);
            }
            set.sockets.push_back(std::move(socket));
        }
    set.odd = !left.empty();
    for (const auto& entry : left) ::close(entry.fd); // its path is stale, and gives way
    sets_[service] = std::move(set);
    this->record(service);
}

bool ListeningSockets::complete(const std::string& service) const {
    const auto* settings = manager_.settings(service);
    const auto* set = find(service);
    if (!settings || !set) return !settings || settings->listen->sockets.empty();
    return !set->odd && std::ranges::all_of(set->sockets, is_open);
}

} // namespace leash
