// SPDX-License-Identifier: MIT
#include "base/log_channel.h"

#include <array>
#include <cstring>

#include <fcntl.h>
#include <sys/socket.h>

namespace leash {
namespace {

constexpr std::size_t kMaxQueuedBytes = 64 * 1024; // of lines; other messages always find room
constexpr Ms kRetry{50};

template <class Number> void put(std::string& packet, Number value) {
    packet.append(reinterpret_cast<const char*>(&value), sizeof value); // both ends are one build
}
template <class Number> std::optional<Number> get(std::string_view& packet) {
    Number value{};
    if (packet.size() < sizeof value) return std::nullopt;
    std::memcpy(&value, packet.data(), sizeof value);
    packet.remove_prefix(sizeof value);
    return value;
}

struct Encode {
    std::string operator()(const log_message::Stream& stream) const {
        return (stream.again ? "s" : "S") + stream.name;
    }
    std::string operator()(const log_message::Line& line) const {
        std::string packet = "L";
        put(packet, static_cast<std::uint8_t>(line.level));
        put(packet, static_cast<std::uint8_t>(line.console));
        packet += std::string_view(line.text).substr(0, kMaxLogText);
        return packet;
    }
    std::string operator()(const log_message::Settings& message) const {
        std::string packet = "C";
        put(packet, message.settings.log_size);
        put(packet, static_cast<std::uint8_t>(message.settings.quiet));
        return packet;
    }
    std::string operator()(const log_message::Flush& flush) const {
        std::string packet = "F";
        put(packet, flush.id);
        return packet;
    }
};

} // namespace

std::string encode_log_message(const LogMessage& message) { return std::visit(Encode{}, message); }

std::optional<LogMessage> decode_log_message(std::string_view packet, UniqueFd passed) {
    if (packet.empty()) return std::nullopt;
    char kind = packet.front();
    packet.remove_prefix(1);
    switch (kind) {
    case 'S':
    case 's':
        if (!passed) return std::nullopt;
        return log_message::Stream{std::string(packet), std::move(passed), kind == 's'};
    case 'L': {
        auto level = get<std::uint8_t>(packet);
        auto console = get<std::uint8_t>(packet);
        if (!level || !console || *level > 7) return std::nullopt;
        return log_message::Line{static_cast<log::Level>(*level), *console != 0,
                                 std::string(packet)};
    }
    case 'C': {
        auto size = get<std::uint64_t>(packet);
        auto quiet = get<std::uint8_t>(packet);
        if (!size || !quiet) return std::nullopt;
        return log_message::Settings{{*size, *quiet != 0}};
    }
    case 'F': {
        auto id = get<std::uint32_t>(packet);
        if (!id) return std::nullopt;
        return log_message::Flush{*id};
    }
    default: return std::nullopt;
    }
}

Result<LogPair> make_log_pair() {
    int ends[2];
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) < 0)
        return fail_errno(errno, "channel to the logger");
    return LogPair{UniqueFd(ends[0]), UniqueFd(ends[1])};
}

LogChannel::LogChannel(EventLoop& loop, UniqueFd socket)
    : loop_(loop), socket_(std::move(socket)), retry_(loop, [this] { send_queued(); }) {
    watch_for(UEV_READ);
}

LogChannel::~LogChannel() = default;

void LogChannel::stream(std::string_view name, int read_end, bool again) {
    UniqueFd copy(::fcntl(read_end, F_DUPFD_CLOEXEC, 0)); // it may have to wait in the queue
    auto message = encode_log_message(log_message::Stream{std::string(name), {}, again});
    send({std::move(message), std::move(copy)}, false);
}

void LogChannel::line(log::Level level, bool console, std::string_view text) {
    send({encode_log_message(log_message::Line{level, console, std::string(text)}), {}}, true);
}

void LogChannel::settings(const LogSettings& settings) {
    send({encode_log_message(log_message::Settings{settings}), {}}, false);
}

void LogChannel::flush(std::function<void()> done) {
    if (broken()) return;
    auto id = next_flush_++;
    flushes_[id] = std::move(done);
    send({encode_log_message(log_message::Flush{id}), {}}, false);
}

void LogChannel::send(Packet packet, bool may_be_lost) {
    if (broken()) {
        if (may_be_lost) ++lost_;
        return;
    }
    if (queue_.empty() && lost_untold_ == 0 && send_now(packet)) return;
    if (broken()) return;
    if (may_be_lost &&
        (lost_untold_ > 0 || queued_bytes_ + packet.bytes.size() > kMaxQueuedBytes)) {
        ++lost_;
        ++lost_untold_;
        return;
    }
    queued_bytes_ += packet.bytes.size();
    queue_.push_back(std::move(packet));
    watch_for(UEV_READ | UEV_WRITE);
}

bool LogChannel::send_now(const Packet& packet) {
    iovec data{const_cast<char*>(packet.bytes.data()), packet.bytes.size()};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr header{};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    if (packet.fd) {
        header.msg_control = control.data();
        header.msg_controllen = control.size();
        cmsghdr* part = CMSG_FIRSTHDR(&header);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(sizeof(int));
        int fd = packet.fd.get();
        std::memcpy(CMSG_DATA(part), &fd, sizeof fd);
    }
    while (::sendmsg(socket_.get(), &header, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
        if (errno == EINTR) continue;
        if (errno == EPIPE || errno == ECONNRESET || errno == ENOTCONN) {
            close();
            return false;
        }
        if (errno != EAGAIN) retry_.in(kRetry);
        return false;
    }
    return true;
}

void LogChannel::send_queued() {
    while (!broken() && !queue_.empty()) {
        if (!send_now(queue_.front())) {
            // With a timer running, "writable" would come true at once, again and again.
            if (!broken()) watch_for(retry_.armed() ? UEV_READ : UEV_READ | UEV_WRITE);
            return;
        }
        queued_bytes_ -= queue_.front().bytes.size();
        queue_.pop_front();
    }
    if (broken()) return;
    if (lost_untold_ > 0) {
        auto text = fmt::format("{} messages lost", lost_untold_);
        lost_untold_ = 0;
        line(log::Level::warning, false, text); // may well queue again
    }
    if (!broken() && queue_.empty()) watch_for(UEV_READ);
}

void LogChannel::receive() {
    while (!broken()) {
        char packet[16];
        auto got = ::recv(socket_.get(), packet, sizeof packet, MSG_DONTWAIT);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == EAGAIN) return;
        if (got <= 0) return close();
        auto message = decode_log_message({packet, static_cast<std::size_t>(got)}, {});
        auto* flush = message ? std::get_if<log_message::Flush>(&*message) : nullptr;
        auto found = flush ? flushes_.find(flush->id) : flushes_.end();
        if (found == flushes_.end()) continue;
        auto done = std::move(found->second);
        flushes_.erase(found);
        done(); // may destroy this channel: it is the last thing touched
        return; // whatever else is there wakes the loop again
    }
}

void LogChannel::watch_for(int events) {
    if (events == watched_) return;
    watched_ = events;
    if (watch_) return watch_->set_events(events);
    watch_ = std::make_unique<IoWatch>(loop_, socket_.get(), events, [this](int got) {
        if (got & UEV_WRITE) send_queued();
        if (!broken() && (got & (UEV_READ | UEV_HUP | UEV_ERROR))) receive();
    });
}

void LogChannel::close() {
    watch_.reset();
    watched_ = 0;
    retry_.cancel();
    socket_.reset();
    for (const auto& packet : queue_) lost_ += packet.bytes.starts_with('L');
    queue_.clear();
    queued_bytes_ = 0;
    flushes_.clear();
}

LogReceived receive_log_message(int socket) {
    LogReceived received;
    char packet[kMaxLogPacket];
    iovec data{packet, sizeof packet};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(int))> control{};
    msghdr header{};
    header.msg_iov = &data;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    auto got = ::recvmsg(socket, &header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return received;
    if (got <= 0) {
        received.what = LogReceived::What::closed;
        return received;
    }
    UniqueFd passed;
    for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr;
         part = CMSG_NXTHDR(&header, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
        int fd = -1;
        std::memcpy(&fd, CMSG_DATA(part), sizeof fd);
        passed.reset(fd);
    }
    received.message =
        decode_log_message({packet, static_cast<std::size_t>(got)}, std::move(passed));
    received.what = received.message ? LogReceived::What::message : LogReceived::What::garbage;
    return received;
}

void send_flushed(int socket, std::uint32_t id) {
    auto packet = encode_log_message(log_message::Flush{id});
    [[maybe_unused]] auto sent =
        ::send(socket, packet.data(), packet.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
}

} // namespace leash
