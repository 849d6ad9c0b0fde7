// SPDX-License-Identifier: MIT
#include "notify/notify_socket.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

namespace leash {
namespace {

constexpr int kMessagesPerRound = 64;
constexpr double kTokensPerMs = NotifySocket::kRate / 1000.0;
constexpr double kMostTokens = NotifySocket::kBurst;
constexpr double kLeastTokens = -NotifySocket::kRate; // however much was drained
constexpr std::size_t kMostDescriptors = 253; // what AF_UNIX lets pass at once

struct Received {
    ssize_t size = -1; // < 0: nothing there
    bool whole = false;
    ucred sender{};
    bool has_sender = false;
    std::vector<UniqueFd> descriptors;
};

Received receive(int fd, char* buffer, std::size_t room) {
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(ucred)) +
                                          CMSG_SPACE(sizeof(int) * kMostDescriptors)> control{};
    iovec data{buffer, room};
    msghdr header{};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();

    Received received;
    received.size = ::recvmsg(fd, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (received.size < 0) return received;
    received.whole = (header.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0;
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
         part = CMSG_NXTHDR(&header, part)) {
        if (part->cmsg_level != SOL_SOCKET) continue;
        if (part->cmsg_type == SCM_CREDENTIALS) {
            std::memcpy(&received.sender, CMSG_DATA(part), sizeof received.sender);
            received.has_sender = true;
        } else if (part->cmsg_type == SCM_RIGHTS) {
            std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
            for (std::size_t i = 0; i < count; ++i) {
                int passed = -1;
                std::memcpy(&passed, CMSG_DATA(part) + i * sizeof passed, sizeof passed);
                received.descriptors.emplace_back(passed);
            }
        }
    }
    return received;
}

} // namespace

struct NotifySocket::Core : std::enable_shared_from_this<NotifySocket::Core> {
    EventLoop& loop;
    NotifyCallback callback;
    Discard discard;
    std::function<void()> flooded;
    bool flood = false; // since it had its whole burst last
    UniqueFd fd;
    std::string path;
    ino_t inode = 0; // of the path: not to unlink a successor's
    std::unique_ptr<IoWatch> watch;
    Timer resume;
    bool alive = true;
    double tokens = kMostTokens;
    Ms filled{monotonic_now()};
    Counts counts;

    Core(EventLoop& the_loop, NotifyCallback the_callback, Discard the_discard)
        : loop(the_loop), callback(std::move(the_callback)), discard(std::move(the_discard)),
          resume(the_loop, [this] { listen(); }) {}

    void listen() {
        watch = std::make_unique<IoWatch>(loop, fd.get(), UEV_READ, [this](int) { on_readable(); });
    }

    void on_readable() {
        auto self = shared_from_this();
        receive_some();
        if (!alive || tokens >= 0) return;
        // Its own fault: the queue fills up, and then its senders wait.
        ++counts.pauses;
        watch.reset();
        resume.in(NotifySocket::kPause);
        if (!std::exchange(flood, true) && flooded) flooded();
    }

    void receive_some() {
        Ms now = monotonic_now();
        tokens = std::min(kMostTokens,
                          tokens + static_cast<double>((now - filled).count()) * kTokensPerMs);
        filled = now;
        if (tokens >= kMostTokens) flood = false;
        for (int i = 0; i < kMessagesPerRound && alive; ++i)
            if (!receive_one()) return;
    }

    // False: nothing there.
    bool receive_one() {
        char buffer[kMaxNotifyMessage + 1];
        auto received = receive(fd.get(), buffer, sizeof buffer);
        if (received.size < 0) return errno == EINTR;
        tokens = std::max(tokens - 1, kLeastTokens);
        std::optional<NotifyMessage> message;
        if (received.whole && received.has_sender && received.sender.pid > 0)
            message = parse_notify({buffer, static_cast<std::size_t>(received.size)});
        if (message && !match_descriptors(*message, received.descriptors.size())) message.reset();
        if (message) {
            ++counts.received;
            callback(*message, {received.sender.pid, received.sender.uid}, received.descriptors);
        } else {
            ++counts.dropped;
        }
        // Here a barrier's descriptor is closed, which wakes its sender.
        if (discard && !received.descriptors.empty()) discard(std::move(received.descriptors));
        return true;
    }
};

NotifySocket::NotifySocket(EventLoop& loop, NotifyCallback callback, Discard discard)
    : core_(std::make_shared<Core>(loop, std::move(callback), std::move(discard))) {}

NotifySocket::~NotifySocket() {
    core_->alive = false;
    core_->watch.reset();
    core_->resume.cancel();
    struct stat info{};
    // What lies unread in it may hold descriptors.
    char first = 0;
    if (core_->discard && core_->fd &&
        ::recv(core_->fd.get(), &first, 1, MSG_PEEK | MSG_DONTWAIT) >= 0) {
        std::vector<UniqueFd> last;
        last.push_back(std::move(core_->fd));
        core_->discard(std::move(last));
    }
    if (core_->inode != 0 && ::lstat(core_->path.c_str(), &info) == 0 &&
        info.st_ino == core_->inode)
        ::unlink(core_->path.c_str());
}

Result<void> NotifySocket::open(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return fail("{}: path too long", path);
    path.copy(address.sun_path, path.size());

    UniqueFd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return fail_errno(errno, "notify socket");
    // Before the bind: no message may come in without its sender.
    int on = 1;
    if (::setsockopt(fd.get(), SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0)
        return fail_errno(errno, "notify socket: SO_PASSCRED");
    if (::unlink(path.c_str()) < 0 && errno != ENOENT) return fail_errno(errno, "{}", path);
    if (::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
        return fail_errno(errno, "{}", path);
    if (::chmod(path.c_str(), 0666) < 0) return fail_errno(errno, "{}", path);
    adopt(std::move(fd), path);
    return {};
}

void NotifySocket::adopt(UniqueFd bound, const std::string& path) {
    core_->watch.reset();
    core_->resume.cancel();
    core_->fd = std::move(bound);
    core_->path = path;
    struct stat info{};
    core_->inode = ::lstat(path.c_str(), &info) == 0 ? info.st_ino : 0;
    core_->listen();
}

void NotifySocket::drain() {
    auto core = core_;
    if (core->fd) core->receive_some();
}

void NotifySocket::set_flooded(std::function<void()> flooded) {
    core_->flooded = std::move(flooded);
}

int NotifySocket::fd() const { return core_->fd.get(); }
const std::string& NotifySocket::path() const { return core_->path; }
const NotifySocket::Counts& NotifySocket::counts() const { return core_->counts; }

} // namespace leash
