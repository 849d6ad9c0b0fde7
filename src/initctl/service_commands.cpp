// SPDX-License-Identifier: MIT
// The commands that ask init: about services, to change them, about the system.
#include <algorithm>

#include <nlohmann/json.hpp>

#include "base/text.h"
#include "control/protocol.h"
#include "control/render.h"
#include "initctl/client.h"
#include "initctl/commands.h"
#include "initctl/tables.h"
#include "service/condition.h"

namespace leash::initctl {
namespace {

namespace status = control::status;
constexpr Ms kPatience{30'000}; // for what init answers without waiting for anything
constexpr Ms kForEver{0};

struct Reply {
    Answer answer;
    std::vector<std::string> raw;
    std::vector<Json> objects;
};

Reply fetch(const Session& session, std::string_view verb, const std::vector<std::string>& names,
            bool option, Ms patience) {
    Reply reply;
    reply.answer = ask(session.socket, verb, names, option, patience,
                       [&](const std::string& raw, const Json& object) {
                           reply.raw.push_back(raw);
                           reply.objects.push_back(object);
                       });
    return reply;
}

void explain(const Answer& answer, const Session& session) {
    if (!answer.message.empty()) session.complain("{}", printable(answer.message));
    else if (answer.status == status::not_permitted) session.complain("only root may do that");
}

// A JSON array with an object a line.
void print_array(const std::vector<std::string>& objects, const Session& session) {
    session.print("[{}]", join(objects, ",\n"));
}

int print_list(const Reply& reply, const Options& options, const Session& session,
               std::string (*table)(const std::vector<Json>&, const Terminal&)) {
    if (reply.answer.status != status::done) {
        explain(reply.answer, session);
        return reply.answer.status;
    }
    if (options.json) print_array(reply.raw, session);
    else session.out(table(reply.objects, session.terminal));
    return status::done;
}

// How a start, stop or restart of one service came out.
void print_result(const Json& result, std::string_view command, const Session& session) {
    bool stopping = command == "stop";
    auto name = printable(text_of(result, "result"));
    auto state = printable(text_of(result, "state"));
    auto reason = printable(text_of(result, "reason"));
    bool up = state == "running" || state == "reloading" || state == "done";
    bool down = state == "stopped" || state == "done" || state == "failed";
    auto line = fmt::format("{}: {}", name, colour_state(state, state, session.terminal));
    if (auto pid = number_of(result, "main_pid"); pid != 0 && !stopping)
        line += fmt::format(" (pid {})", pid);
    bool good = command == "reload" ? state == "running" && reason == "reloaded"
                                    : (stopping ? down : up);
    if (good) {
        session.print("{}", line);
        return;
    }
    session.err(fmt::format("{}: {}{}{}\n", name, state, reason.empty() ? "" : ": ", reason));
    session.err(fmt::format("  see: initctl log {}\n", name));
}

} // namespace

int run_change(const Command& command, const Options& options, const Session& session) {
    std::vector<std::string> raw;
    auto answer = ask(session.socket, command.name, options.words, options.no_wait,
                      options.no_wait ? kPatience : kForEver,
                      [&](const std::string& line, const Json& object) {
        if (options.json) {
            raw.push_back(line);
        } else if (auto dependant = printable(text_of(object, "dependant")); !dependant.empty()) {
            if (options.words.size() == 1)
                session.print("{}: stopping {} first, which depends on it", options.words[0],
                              dependant);
            else session.print("stopping {} first, which depends on one of them", dependant);
        } else if (object.contains("result")) {
            print_result(object, command.name, session);
        }
    });
    if (options.json) print_array(raw, session);
    explain(answer, session);
    if (answer.status == status::done && options.no_wait && !options.json)
        for (const auto& name : options.words)
            session.print("{}: {} asked for", name, command.name);
    return answer.status;
}

int run_freeze(const Command& command, const Options& options, const Session& session) {
    auto reply = fetch(session, command.name, options.words, false, kPatience);
    if (options.json) print_array(reply.raw, session);
    for (const auto& object : reply.objects) {
        if (options.json) break;
        auto state = printable(text_of(object, "state"));
        auto value = object.find("frozen");
        bool frozen = value != object.end() && value->is_boolean() && value->get<bool>();
        session.print("{}: {}", printable(text_of(object, "result")),
                      colour_state(state, frozen ? state + ", frozen" : state, session.terminal));
    }
    explain(reply.answer, session);
    return reply.answer.status;
}

int run_status(const Command& command, const Options& options, const Session& session) {
    int worst = status::done;
    auto one = [&](const std::vector<std::string>& names) {
        auto reply = fetch(session, command.name, names, false, kPatience);
        for (std::size_t i = 0; i < reply.objects.size(); ++i) {
            if (options.json) session.print("{}", reply.raw[i]);
            else if (names.empty()) session.out(system_page(reply.objects[i], session.terminal));
            else session.out(service_page(reply.objects[i], session.terminal));
        }
        explain(reply.answer, session);
        worst = std::max(worst, reply.answer.status);
    };
    if (options.words.empty()) one({});
    for (const auto& name : options.words) one({name});
    return worst;
}

int run_list(const Command& command, const Options& options, const Session& session) {
    return print_list(fetch(session, command.name, {}, options.all, kPatience), options, session,
                      service_table);
}

int run_ps(const Command& command, const Options& options, const Session& session) {
    if (options.kernel) return run_kernel_ps(options, session);
    auto reply = fetch(session, command.name, {}, options.threads, kPatience);
    // Whose tasks these are the module knows under any init. One that is there but does not answer, or
    // may not be asked, is another matter: nobody should take this for its answer.
    if (reply.answer.nobody) return run_kernel_ps(options, session, reply.answer.message);
    return print_list(reply, options, session, task_table);
}

int reload_quietly(const Session& session) {
    auto reply = fetch(session, "reload", {}, false, kPatience);
    for (const auto& object : reply.objects)
        if (auto complaint = text_of(object, "complaint"); !complaint.empty())
            session.err(printable(complaint) + "\n");
    explain(reply.answer, session);
    return reply.answer.status;
}

int run_reload(const Command& command, const Options& options, const Session& session) {
    if (!options.words.empty()) return run_change(command, options, session);
    auto reply = fetch(session, command.name, {}, false, kForEver);
    if (options.json) {
        print_array(reply.raw, session);
    } else {
        for (const auto& object : reply.objects) {
            auto complaint = text_of(object, "complaint"), change = text_of(object, "change");
            auto text = text_of(object, "text");
            if (!complaint.empty()) session.err(printable(complaint) + "\n");
            else if (!change.empty())
                session.print("{}: {}{}{}", printable(text_of(object, "service")), printable(change),
                              text.empty() ? "" : ": ", printable(text));
        }
    }
    explain(reply.answer, session);
    if (reply.answer.status == status::done && !options.json)
        session.print("configuration read again");
    return reply.answer.status;
}

int run_target(const Command& command, const Options& options, const Session& session) {
    if (options.words.empty()) {
        auto reply = fetch(session, "status", {}, false, kPatience);
        explain(reply.answer, session);
        if (reply.objects.empty()) return reply.answer.status;
        auto name = printable(text_of(reply.objects[0], "target"));
        if (options.json) session.print("{{\"target\":\"{}\"}}", name);
        else session.print("{}", name);
        return reply.answer.status;
    }
    auto reply = fetch(session, command.name, options.words, options.no_wait,
                       options.no_wait ? kPatience : kForEver);
    explain(reply.answer, session);
    for (std::size_t i = 0; i < reply.objects.size(); ++i) {
        auto failed = number_of(reply.objects[i], "failed");
        if (options.json) session.print("{}", reply.raw[i]);
        else if (failed == 0) session.print("target {} is up", options.words[0]);
        else session.err(fmt::format("target {} has settled, {} of its services failed\n",
                                     printable(options.words[0]), failed));
    }
    return reply.answer.status;
}

int run_cond(const Command& command, const Options& options, const Session& session) {
    const auto& what = options.words[0];
    std::vector<std::string> names(options.words.begin() + 1, options.words.end());
    bool list = what == "list";
    if ((!list && what != "set" && what != "clear") || list != names.empty()) {
        session.complain("cond: write list, set NAME... or clear NAME...");
        session.err(fmt::format("usage: initctl {} {}\n", command.name, command.usage));
        return status::usage;
    }
    if (list)
        return print_list(fetch(session, "cond-list", {}, false, kPatience), options, session,
                          condition_table);
    for (const auto& name : names) {
        if (valid_user_condition(name)) continue;
        session.complain("'{}' is no condition's name: 1 to {} of letters, digits and . _ @ -",
                         printable(name), kMaxUserCondition);
        return status::usage;
    }
    auto reply = fetch(session, "cond-" + what, names, false, kPatience);
    explain(reply.answer, session);
    return reply.answer.status;
}

int run_is_system_running(const Command& command, const Options& options, const Session& session) {
    auto reply =
        fetch(session, command.name, {}, options.wait, options.wait ? kForEver : kPatience);
    explain(reply.answer, session);
    if (reply.objects.empty()) return reply.answer.status;
    if (options.json) session.print("{}", reply.raw[0]);
    else session.print("{}", printable(text_of(reply.objects[0], "state")));
    return reply.answer.status;
}

int run_version(const Command& command, const Options& options, const Session& session) {
    auto reply = fetch(session, command.name, {}, false, kPatience);
    bool reached = !reply.objects.empty();
    if (options.json) { // of init, since its replies are what the schema is about
        session.print("{}", reached ? reply.raw[0] : control::render_version());
        return status::done;
    }
    session.print("initctl {}", LEASH_VERSION);
    if (reached) session.print("init {}", printable(text_of(reply.objects[0], "version")));
    else session.print("init: not reachable");
    return status::done;
}

} // namespace leash::initctl
