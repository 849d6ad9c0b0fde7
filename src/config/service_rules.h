// SPDX-License-Identifier: MIT
// Rules that need more than one key of a service, and what follows from leaving keys out.
#pragma once

#include <functional>
#include <string_view>

#include "config/complaint.h"
#include "config/schema.h"

namespace leash {

// Whether a default of [defaults] suits this service; one that does not is passed over.
[[nodiscard]] bool default_fits(const KeySpec& spec, std::string_view text,
                                const ServiceSettings& settings);

// Whether a service's own file, or [defaults], has set a key, and in which line; 0 if not.
using LineOf = std::function<int(std::string_view key)>;

// Fills in the defaults that depend on other keys, then checks what depends on other keys.
// `own` looks at the service's file, `inherited` at [defaults]; `header` is the line of [service].
void finish_service(ServiceSettings& settings, const LineOf& own, const LineOf& inherited,
                    int header, FileComplaints& complaints);

} // namespace leash
