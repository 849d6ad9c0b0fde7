// SPDX-License-Identifier: MIT
// `initctl log`: reads the logger's files itself, so that it works without init.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/tag.h"
#include "base/text.h"
#include "control/protocol.h"
#include "initctl/client.h"
#include "initctl/commands.h"
#include "initctl/log_files.h"

namespace leash::initctl {
namespace {

namespace status = control::status;
constexpr std::uint64_t kLinesBeforeFollowing = 10;

std::string as_json(const LogLine& line) {
    JsonWriter json;
    json.begin_object();
    json.key("time").string(line.stamp);
    json.key("service").string(line.name);
    json.key("text").string(line.text);
    json.end_object();
    return json.text();
}

std::string as_text(const LogLine& line, bool with_name) {
    auto text = line.stamp.empty() ? "" : line.stamp + " ";
    if (with_name) text += line.name + ": ";
    return text + printable(line.text);
}

// Nothing was found under that name. Not to be told apart from a misspelt one, but by init.
int nothing_logged(const std::string& name, const Session& session) {
    std::vector<std::string> known{"init"};
    auto answer = ask(session.socket, "list", {}, false, Ms{5'000},
                      [&](const std::string&, const Json& object) {
                          known.push_back(text_of(object, "name"));
                      });
    if (answer.status == status::done && std::ranges::find(known, name) == known.end()) {
        session.complain("{}", control::no_such_service(name, known));
        return status::no_such_service;
    }
    session.complain("{} has written nothing yet", name);
    return status::done;
}

} // namespace

int run_log(const Command&, const Options& options, const Session& session) {
    std::string name = options.words.empty() ? "" : options.words[0];
    if (!name.empty() && !valid_service_name(name)) {
        session.complain("no such service '{}'", printable(name));
        return status::no_such_service;
    }
    LogReader reader(session.log_folder, name);
    auto first = reader.read();
    if (!first) {
        bool denied = first.error().code == EACCES || first.error().code == EPERM;
        session.complain("{}{}", first.error().text, denied ? "; logs are for root only" : "");
        return denied ? status::not_permitted : status::failed;
    }
    auto lines = std::move(*first);
    if (lines.empty() && !options.follow) {
        if (options.json) session.print("[]");
        if (!name.empty()) return nothing_logged(name, session);
        if (!options.json) session.complain("nothing has been logged yet");
        return status::done;
    }
    auto wanted = options.lines ? options.lines
                  : options.follow ? std::optional(kLinesBeforeFollowing) : std::nullopt;
    if (wanted && lines.size() > *wanted)
        lines.erase(lines.begin(), lines.end() - static_cast<std::ptrdiff_t>(*wanted));

    if (options.json && !options.follow) {
        std::vector<std::string> objects;
        for (const auto& line : lines) objects.push_back(as_json(line));
        session.print("[{}]", join(objects, ",\n"));
        return status::done;
    }
    while (true) {
        std::string text;
        for (const auto& line : lines)
            text += (options.json ? as_json(line) : as_text(line, name.empty())) + "\n";
        if (!text.empty() && !session.out(text)) return status::done; // nobody reads any more
        if (!options.follow || !session.next_look()) return status::done;
        auto more = reader.read();
        lines = more ? std::move(*more) : std::vector<LogLine>{};
    }
}

} // namespace leash::initctl
