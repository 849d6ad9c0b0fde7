// SPDX-License-Identifier: MIT
// What people see of what init answers. Every text from outside goes through printable().
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "initctl/client.h"
#include "initctl/session.h"
#include "taskview/table.h"

namespace leash::initctl {

using taskview::colour_state;
using taskview::columns_of;
using taskview::cut;
using taskview::Table;

[[nodiscard]] std::string age(Ms time); // 0s 59s 5m 47h 3d

[[nodiscard]] std::string condition_table(const std::vector<Json>& conditions,
                                          const Terminal& terminal);
[[nodiscard]] std::string service_table(const std::vector<Json>& services,
                                        const Terminal& terminal);
[[nodiscard]] std::string task_table(const std::vector<Json>& tasks, const Terminal& terminal);
[[nodiscard]] std::string service_page(const Json& service, const Terminal& terminal);
[[nodiscard]] std::string system_page(const Json& system, const Terminal& terminal);

} // namespace leash::initctl
