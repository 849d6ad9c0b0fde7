// SPDX-License-Identifier: MIT
// The events of an open /dev/leash, with SIGINT and SIGTERM as what ends them.
#pragma once

#include <memory>

#include "lineage/kernel_events.h"
#include "lineage/kernel_lineage.h"
#include "taskview/event_view.h"

namespace leash::taskview {

// SIGINT, SIGTERM and, by signal, SIGRTMIN are blocked from now on.
[[nodiscard]] std::unique_ptr<EventSource> kernel_event_source(KernelEvents events,
                                                               KernelLineage lineage,
                                                               const EventOptions& options);

} // namespace leash::taskview
