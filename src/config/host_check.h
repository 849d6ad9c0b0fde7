// SPDX-License-Identifier: MIT
// Whether what the configuration names is there on this machine: programs, users, folders. Reads
// the disk: in PID 1 only a worker may call this. Nothing is left out because of it, since a disk
// may still be mounted or a user be added; a start that fails says so itself.
#pragma once

#include <string>
#include <vector>

#include "config/load.h"

namespace leash {

// `root` is the machine's root folder; all links are followed inside of it. Users and groups come
// from ROOT/etc/passwd and ROOT/etc/group, without NSS. What lies below a mount of init.conf is
// only warned about.
[[nodiscard]] std::vector<Complaint> check_programs(const Catalog& catalog,
                                                    const std::string& root = "/");

} // namespace leash
