// SPDX-License-Identifier: MIT
// Records of trouble as initctl reads them: from the disk and from the spool, without init.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "initctl/client.h"
#include "initctl/session.h"

namespace leash::initctl {

struct PastRecord {
    std::string raw;
    Json object;
};
struct History {
    std::vector<PastRecord> records; // the oldest first
    std::size_t damaged = 0;
    int error = 0; // errno, where some could not be read
};
[[nodiscard]] History read_history(const Session& session);

// "2h" (ago), "2026-11-22", "2026-11-22 13:40", with T for the blank, with seconds, with Z (which it is
// anyway), as the text that `date` of a record is compared with. Nothing: it is none of these.
[[nodiscard]] std::optional<std::string> parse_since(std::string_view text, std::int64_t now);

// A record in one line, or a few: what happened, and what was done about it.
[[nodiscard]] std::string record_text(const Json& record, bool with_name, const Terminal& terminal);

} // namespace leash::initctl
