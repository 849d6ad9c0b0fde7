// SPDX-License-Identifier: MIT
// One request to init and its reply.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "base/clock.h"

namespace leash::initctl {

using Json = nlohmann::json;

// A member, if it is there and of that type; else "", 0, none.
[[nodiscard]] std::string text_of(const Json& object, const char* key);
[[nodiscard]] std::int64_t number_of(const Json& object, const char* key);
[[nodiscard]] std::vector<std::string> texts_of(const Json& object, const char* key);

struct Answer {
    int status = 0;      // what initctl should exit with
    std::string message; // why, for people; may be empty
    bool nobody = false; // unreachable, since nobody listens there: another init runs
};

// Each object of the reply but the last, as it came and parsed.
using OnLine = std::function<void(const std::string& raw, const Json& object)>;

// `patience`: the longest silence, 0 = wait for ever. Unreachable, silent and confused servers all
// give status `unreachable`.
[[nodiscard]] Answer ask(const std::string& socket_path, std::string_view verb,
                         const std::vector<std::string>& names, bool option, Ms patience,
                         const OnLine& on_line);

} // namespace leash::initctl
