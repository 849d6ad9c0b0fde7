// SPDX-License-Identifier: MIT
#include "spawn/listening.h"

#include <cerrno>

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/endpoint.h"
#include "spawn/account.h"

namespace leash {
namespace {

bool is_path(const ListenSocket& socket) { return socket.address.starts_with('/'); }

int type_of(ListenKind kind) {
    return kind == ListenKind::dgram       ? SOCK_DGRAM
           : kind == ListenKind::seqpacket ? SOCK_SEQPACKET
                                           : SOCK_STREAM;
}

std::unexpected<Error> refuse(const ListenSocket& socket, int code) {
    auto where = fmt::format("cannot listen on {}", to_string(socket));
    switch (code) {
    case EADDRINUSE: return fail("{}: another process has it already", where);
    case EAFNOSUPPORT: return fail("{}: this kernel has no such addresses", where);
    case ENOENT:
    case ENOTDIR:
        return fail("{}: its folder is not there; make it, or let the path lie below /run", where);
    case EPROTONOSUPPORT: return fail("{}: this kernel has no such sockets", where);
    default: return fail_errno(code, "{}", where);
    }
}

void make_folders(const std::string& path) {
    for (std::string_view base : {"/run/", "/var/run/"}) {
        if (!path.starts_with(base)) continue;
        for (auto at = path.find('/', base.size()); at != std::string::npos; at = path.find('/', at + 1))
            ::mkdir(path.substr(0, at).c_str(), 0755);
    }
}

// Made with its permissions, so that there is no moment with others, and no name to be swapped
// between making it and changing it.
class Umask {
  public:
    explicit Umask(mode_t mode) : before_(::umask(~mode & 0777)) {}
    ~Umask() { ::umask(before_); }
    Umask(const Umask&) = delete;
    Umask& operator=(const Umask&) = delete;

  private:
    mode_t before_;
};

bool anybody_listens(const Endpoint& endpoint, int type) {
    UniqueFd fd(::socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    return !fd || ::connect(fd.get(), endpoint.get(), endpoint.length) == 0 || errno != ECONNREFUSED;
}

// A crash, or a stop by force, leaves the path of a socket behind.
bool clear_stale(const std::string& path, const Endpoint& endpoint, int type) {
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0) return errno == ENOENT;
    if (!S_ISSOCK(info.st_mode) || anybody_listens(endpoint, type)) return false;
    return ::unlink(path.c_str()) == 0;
}

SocketFile file_of(const std::string& path) {
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0) return {};
    return {info.st_dev, info.st_ino};
}

Result<Opened> open_fifo(const Listen& listen, const ListenSocket& socket, const SocketOwner& owner) {
    const char* path = socket.address.c_str();
    {
        Umask umask(listen.mode);
        if (::mkfifo(path, 0777) != 0 && errno != EEXIST) return refuse(socket, errno);
    }
    // For writing as well: with no writer left there would be an end of file without end.
    Opened opened;
    opened.fd.reset(::open(path, O_RDWR | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
    if (!opened.fd) return refuse(socket, errno);
    struct stat info{};
    if (::fstat(opened.fd.get(), &info) != 0 || !S_ISFIFO(info.st_mode))
        return fail("cannot listen on {}: there is something else with that name", to_string(socket));
    opened.file = {info.st_dev, info.st_ino};
    if (::fchown(opened.fd.get(), owner.uid, owner.gid) != 0 ||
        ::fchmod(opened.fd.get(), listen.mode) != 0)
        return refuse(socket, errno);
    ::fcntl(opened.fd.get(), F_SETFL, ::fcntl(opened.fd.get(), F_GETFL) & ~O_NONBLOCK);
    return opened;
}

void set(int fd, int level, int option, int value) {
    ::setsockopt(fd, level, option, &value, sizeof value); // what a kernel lacks, it does without
}

} // namespace

Result<SocketOwner> socket_owner(const Listen& listen) {
    if (listen.user.empty() && listen.group.empty()) return SocketOwner{};
    auto account = find_account(listen.user, listen.group);
    if (!account) return fail("listen-user or listen-group: {}", account.error().text);
    return SocketOwner{account->uid, account->gid};
}

Result<Opened> open_listening(const Listen& listen, const ListenSocket& socket,
                              const SocketOwner& owner) {
    if (is_path(socket)) make_folders(socket.address);
    if (socket.kind == ListenKind::fifo) return open_fifo(listen, socket, owner);
    auto endpoint = parse_endpoint(socket.address);
    if (!endpoint) return fail("cannot listen on {}: {}", to_string(socket), endpoint.error().text);
    int type = type_of(socket.kind);

    Opened opened;
    opened.fd.reset(::socket(endpoint->family(), type | SOCK_CLOEXEC, 0));
    if (!opened.fd && endpoint->both && errno == EAFNOSUPPORT) { // no IPv6 in this kernel
        auto port = socket.address;
        endpoint = parse_endpoint("0.0.0.0:" + port);
        opened.fd.reset(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
    }
    if (!opened.fd) return refuse(socket, errno);
    int fd = opened.fd.get();
    if (endpoint->family() != AF_UNIX) {
        // Connections of an earlier life may still be closing. Datagrams would be shared with whoever
        // asks for the same: that is to be an error.
        if (type != SOCK_DGRAM) set(fd, SOL_SOCKET, SO_REUSEADDR, 1);
        // The address may come later than the service.
        if (endpoint->family() == AF_INET) set(fd, IPPROTO_IP, IP_FREEBIND, 1);
        else set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
    }
    if (endpoint->family() == AF_INET6) set(fd, IPPROTO_IPV6, IPV6_V6ONLY, endpoint->both ? 0 : 1);
    {
        Umask umask(listen.mode);
        int bound = ::bind(fd, endpoint->get(), endpoint->length);
        if (bound != 0 && errno == EADDRINUSE && is_path(socket)) {
            bool stale = clear_stale(socket.address, *endpoint, type);
            errno = EADDRINUSE;
            if (stale) bound = ::bind(fd, endpoint->get(), endpoint->length);
        }
        if (bound != 0) return refuse(socket, errno);
    }
    bool owned = owner.uid != 0 || owner.gid != 0;
    int good = 0;
    if (is_path(socket)) {
        opened.file = file_of(socket.address);
        if (owned) good = ::lchown(socket.address.c_str(), owner.uid, owner.gid);
    }
    if (good == 0 && type != SOCK_DGRAM) good = ::listen(fd, listen.backlog);
    if (good == 0) return opened;
    int code = errno;
    if (is_path(socket)) remove_socket(socket.address, opened.file);
    return refuse(socket, code);
}

void remove_socket(const std::string& path, const SocketFile& file) {
    struct stat info{};
    if (::lstat(path.c_str(), &info) != 0) return;
    bool ours = S_ISSOCK(info.st_mode) || S_ISFIFO(info.st_mode);
    if (file.inode != 0) ours = ours && file.inode == info.st_ino && file.device == info.st_dev;
    if (ours) ::unlink(path.c_str());
}

} // namespace leash
