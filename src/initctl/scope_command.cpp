// SPDX-License-Identifier: MIT
// initctl run --scope: has init adopt this very process, then becomes the command.
#include <cerrno>
#include <cstring>

#include <nlohmann/json.hpp>

#include "base/tag.h"
#include "base/text.h"
#include "control/protocol.h"
#include "initctl/client.h"
#include "initctl/commands.h"

namespace leash::initctl {
namespace {

constexpr Ms kPatience{30'000};
constexpr int kNotExecuted = 127; // as a shell says it

} // namespace

int run_scope(const Command& command, const Options& options, const Session& session) {
    if (options.scope.empty()) {
        session.complain("{} needs --scope NAME", command.name);
        return control::status::usage;
    }
    std::string id;
    auto answer = ask(session.socket, "scope", {options.scope}, false, kPatience,
                      [&](const std::string&, const Json& object) { id = text_of(object, "start_id"); });
    auto start = parse_start_id(id);
    if (answer.status != control::status::done || !start) {
        session.complain("{}", answer.message.empty() ? "only root may do that"
                                                      : printable(answer.message));
        return answer.status != control::status::done ? answer.status : control::status::unreachable;
    }
    int failed = session.become(options.words, format_tag({options.scope, *start}));
    session.complain("cannot execute {}: {}", printable(options.words[0]), std::strerror(failed));
    return kNotExecuted;
}

} // namespace leash::initctl
