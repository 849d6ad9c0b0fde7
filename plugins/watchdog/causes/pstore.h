// SPDX-License-Identifier: MIT
// The last words of an earlier kernel, as pstore keeps them.
#pragma once

#include "reconcile.h"

#include <string_view>

namespace leash_watchdog {

// Fills in panic_s and panic by the newest file dmesg-* of `folder` that tells of a panic.
void newest_panic(const char* folder, Found& found);

// "Kernel panic - not syncing: sysrq triggered crash" of a kernel's log, without the time before it;
// empty: it tells of none.
[[nodiscard]] std::string_view panic_message(std::string_view log);

} // namespace leash_watchdog
