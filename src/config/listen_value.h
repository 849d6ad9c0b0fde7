// SPDX-License-Identifier: MIT
// The keys about sockets that init listens on.
#pragma once

#include <string_view>
#include <vector>

#include "config/schema.h"
#include "service/listen.h"

namespace leash {

// One item of `listen`: [NAME=]KIND:ADDRESS.
[[nodiscard]] Checked<ListenSocket> parse_listen(std::string_view item);

// The rows of [service] about them.
void add_listen_rows(std::vector<KeySpec>& table);

} // namespace leash
