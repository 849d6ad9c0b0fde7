// SPDX-License-Identifier: MIT
// Opens what `listen` asks for. For a worker, not for PID 1's loop: paths may lie on a disk, accounts
// are read from files, and the umask is changed.
#pragma once

#include <cstdint>
#include <string>

#include <sys/types.h>

#include "base/result.h"
#include "base/unique_fd.h"
#include "service/listen.h"

namespace leash {

// What stands in the file system for it; inode 0: nothing does, or it is not known.
struct SocketFile {
    std::uint64_t device = 0, inode = 0;
};

struct Opened {
    UniqueFd fd; // close-on-exec, blocking; sockets listen or are bound
    SocketFile file;
};

// The owner of paths, from listen-user and listen-group.
struct SocketOwner {
    uid_t uid = 0;
    gid_t gid = 0;
};
[[nodiscard]] Result<SocketOwner> socket_owner(const Listen& listen);

// The error names the socket, what is wrong and, where it helps, what to do. A socket in the file
// system that nobody listens on gives way; the folder is made (0755) where it lies below /run.
[[nodiscard]] Result<Opened> open_listening(const Listen& listen, const ListenSocket& socket,
                                            const SocketOwner& owner);

// Removes the path of a socket or FIFO if it is still that one.
void remove_socket(const std::string& path, const SocketFile& file);

} // namespace leash
