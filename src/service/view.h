// SPDX-License-Identifier: MIT
// What others may see of a service, from what the core knows of it.
#pragma once

#include "service/manager.h"
#include "service/roster.h"

namespace leash {

[[nodiscard]] ServiceView view_of(const Node& node, const Facts& facts);

} // namespace leash
