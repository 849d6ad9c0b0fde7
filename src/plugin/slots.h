// SPDX-License-Identifier: MIT
// leash_host structures without a context pointer, one for each plugin that can be loaded at a
// time.
#pragma once

#include "plugin/leash_plugin.h"

namespace leash {

class PluginInstance;

// A leash_host whose functions end up in `instance`; nullptr: all kMaxPlugins are taken.
[[nodiscard]] const leash_host* claim_slot(PluginInstance& instance);
void free_slot(PluginInstance& instance);

} // namespace leash
