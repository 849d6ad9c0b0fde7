// SPDX-License-Identifier: MIT
#include "init/link_watch.h"

#include <array>
#include <cerrno>
#include <cstring>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include "base/log.h"

namespace leash {
namespace {

constexpr int kRound = 64; // datagrams a round: the loop has others to serve

std::string name_in(const ifinfomsg* info, std::size_t length) {
    auto* attribute = reinterpret_cast<const rtattr*>(
        reinterpret_cast<const std::byte*>(info) + NLMSG_ALIGN(sizeof *info));
    auto left = length < NLMSG_ALIGN(sizeof *info) ? 0 : length - NLMSG_ALIGN(sizeof *info);
    while (left >= sizeof(rtattr) && attribute->rta_len >= sizeof(rtattr) &&
           attribute->rta_len <= left) {
        if (attribute->rta_type == IFLA_IFNAME) {
            auto* text = reinterpret_cast<const char*>(attribute) + RTA_LENGTH(0);
            return {text, strnlen(text, attribute->rta_len - RTA_LENGTH(0))};
        }
        std::size_t step = RTA_ALIGN(attribute->rta_len);
        if (step >= left) break;
        left -= step;
        auto* next = reinterpret_cast<const std::byte*>(attribute) + step;
        attribute = reinterpret_cast<const rtattr*>(next);
    }
    return {};
}

} // namespace

bool Links::take(std::span<const std::byte> datagram) {
    while (datagram.size() >= sizeof(nlmsghdr)) {
        auto* header = reinterpret_cast<const nlmsghdr*>(datagram.data());
        if (header->nlmsg_len < sizeof(nlmsghdr) || header->nlmsg_len > datagram.size()) return false;
        if (header->nlmsg_type == NLMSG_OVERRUN) return false;
        bool is_new = header->nlmsg_type == RTM_NEWLINK, is_gone = header->nlmsg_type == RTM_DELLINK;
        if (is_new || is_gone) {
            if (header->nlmsg_len < NLMSG_LENGTH(sizeof(ifinfomsg))) return false;
            auto* info = reinterpret_cast<const ifinfomsg*>(datagram.data() + NLMSG_HDRLEN);
            if (is_gone) {
                // One that has only left a bridge stays.
                if (info->ifi_family == AF_UNSPEC) links_.erase(info->ifi_index);
            } else {
                auto name = name_in(info, header->nlmsg_len - NLMSG_HDRLEN);
                bool up = (info->ifi_flags & IFF_UP) != 0 && (info->ifi_flags & IFF_RUNNING) != 0;
                if (!name.empty()) links_[info->ifi_index] = {std::move(name), up};
            }
        }
        std::size_t step = NLMSG_ALIGN(header->nlmsg_len);
        if (step >= datagram.size()) break;
        datagram = datagram.subspan(step);
    }
    return true;
}

bool Links::up(const std::string& name) const {
    for (const auto& [index, link] : links_)
        if (link.name == name) return link.up;
    return false;
}

LinkWatch::LinkWatch(EventLoop& loop, std::function<void()> changed)
    : loop_(loop), changed_(std::move(changed)) {}

Result<void> LinkWatch::open() {
    UniqueFd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
    if (!fd) return fail_errno(errno, "netlink socket");
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = RTMGRP_LINK;
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0)
        return fail_errno(errno, "netlink socket");
    fd_ = std::move(fd);
    watch_ = std::make_unique<IoWatch>(loop_, fd_.get(), UEV_READ, [this](int events) {
        on_readable();
        if (events & (UEV_ERROR | UEV_HUP)) watch_->set_events(UEV_READ); // libuev has stopped it
    });
    ask_for_all();
    on_readable(); // the kernel answers within the call
    return {};
}

void LinkWatch::ask_for_all() {
    struct {
        nlmsghdr header;
        ifinfomsg info;
    } request{};
    request.header.nlmsg_len = NLMSG_LENGTH(sizeof(ifinfomsg));
    request.header.nlmsg_type = RTM_GETLINK;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    links_.forget();
    if (::send(fd_.get(), &request, request.header.nlmsg_len, MSG_DONTWAIT) < 0 && errno != EBUSY)
        log::error("network interfaces cannot be asked for: {}", std::strerror(errno));
}

void LinkWatch::on_readable() {
    alignas(nlmsghdr) static std::array<std::byte, 32'768> buffer;
    for (int i = 0; i < kRound; ++i) {
        sockaddr_nl from{};
        socklen_t length = sizeof from;
        auto got = ::recvfrom(fd_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC,
                              reinterpret_cast<sockaddr*>(&from), &length);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0 && errno == ENOBUFS) { // some were lost
            ask_for_all();
            continue;
        }
        if (got < 0) break;
        if (from.nl_pid != 0) continue; // not the kernel
        auto size = static_cast<std::size_t>(got);
        if (size > buffer.size() || !links_.take({buffer.data(), size})) ask_for_all();
    }
    changed_();
}

} // namespace leash
