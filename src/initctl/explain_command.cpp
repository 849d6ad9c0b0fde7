// SPDX-License-Identifier: MIT
// `initctl explain`: what trouble a service (or the machine) has had, from the records, and how it is
// now, from init. Either is shown without the other.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <nlohmann/json.hpp>

#include "base/json.h"
#include "base/tag.h"
#include "base/text.h"
#include "control/protocol.h"
#include "initctl/client.h"
#include "initctl/commands.h"
#include "initctl/history.h"
#include "initctl/tables.h"

namespace leash::initctl {
namespace {

namespace status = control::status;
constexpr Ms kPatience{20'000}; // `status NAME` reads /proc
constexpr std::size_t kUsually = 20;

struct Now {
    Answer answer;
    Json service;          // null: not asked for, or init does not answer
    std::string raw;
    std::vector<Json> troubles; // of it; without a name: all
    std::vector<std::string> raw_troubles;
};

Now ask_now(const Session& session, const std::string& name) {
    Now now;
    if (!name.empty())
        now.answer = ask(session.socket, "status", {name}, false, kPatience,
                         [&](const std::string& raw, const Json& object) {
                             now.service = object;
                             now.raw = raw;
                         });
    auto answer = ask(session.socket, "troubles", {}, false, kPatience,
                      [&](const std::string& raw, const Json& object) {
                          if (!name.empty() && text_of(object, "service") != name) return;
                          now.troubles.push_back(object);
                          now.raw_troubles.push_back(raw);
                      });
    if (name.empty()) now.answer = answer;
    return now;
}

// Why it is as it is, and what will come of it.
void print_now(const Now& now, const Session& session) {
    const auto& service = now.service;
    if (service.is_object()) {
        auto state = text_of(service, "state");
        auto reason = text_of(service, "reason");
        session.print("{}: {} for {}{}", printable(text_of(service, "name")),
                      colour_state(state, state, session.terminal),
                      age(Ms{number_of(service, "since_ms")}),
                      reason.empty() ? "" : ": " + printable(reason));
        auto fact = [&](std::string_view what, const std::string& text) {
            if (!text.empty()) session.print("  {:<11} {}", what, printable(text));
        };
        fact("last exit", text_of(service, "last_exit"));
        if (auto restarts = number_of(service, "restarts"); restarts > 0)
            fact("restarts", std::to_string(restarts));
        fact("waits for", join(texts_of(service, "waiting_for"), ", "));
        auto next = service.find("next_attempt_ms");
        if (next != service.end() && next->is_number())
            fact(state == "backoff" ? "next try" : "next run",
                 "in " + age(Ms{number_of(service, "next_attempt_ms") + 999}));
        fact("says", text_of(service, "status_text"));
        fact("says error", text_of(service, "error"));
    }
    for (const auto& trouble : now.troubles) {
        auto whose = text_of(trouble, "service").empty() ? text_of(trouble, "source") + ": " : "";
        if (!service.is_object() && whose.empty()) whose = text_of(trouble, "service") + ": ";
        auto next = text_of(trouble, "next");
        session.print("  {:<11} {}{} for {}: {}{}", "trouble", printable(whose),
                      printable(text_of(trouble, "kind")), age(Ms{number_of(trouble, "since_ms")}),
                      printable(text_of(trouble, "evidence")),
                      next.empty() ? ""
                                   : fmt::format("; next: {} in {}", printable(next),
                                                 age(Ms{number_of(trouble, "due_ms") + 999})));
    }
}

} // namespace

int run_explain(const Command& command, const Options& options, const Session& session) {
    std::string name = options.words.empty() ? "" : options.words[0];
    if (!name.empty() && !valid_service_name(name)) {
        session.complain("no such service '{}'", printable(name));
        return status::no_such_service;
    }
    if (options.lines == 0U) {
        session.complain("{}: no record at all was asked for: write -n 1 or more; how it is now is what "
                         "initctl status tells", command.name);
        return status::usage;
    }
    std::string since;
    if (!options.since.empty()) {
        auto parsed = parse_since(options.since, std::time(nullptr));
        if (!parsed) {
            session.complain("{}: '{}' is no time: write how long ago (90s, 30m, 2h), a day "
                             "(2026-11-22) or a time of it (\"2026-11-22 13:40\", UTC)",
                             command.name, printable(options.since));
            return status::usage;
        }
        since = *parsed;
    }
    auto now = ask_now(session, name);
    auto history = read_history(session);
    auto& records = history.records;
    std::erase_if(records, [&](const PastRecord& record) {
        bool other = !name.empty() && text_of(record.object, "service") != name;
        return other || text_of(record.object, "date") < since;
    });
    auto most = options.lines.value_or(since.empty() ? kUsually : records.size());
    auto all = records.size();
    if (all > most) records.erase(records.begin(), records.end() - static_cast<std::ptrdiff_t>(most));

    bool unknown = now.answer.status == status::no_such_service && all == 0;
    bool reached = now.answer.status != status::unreachable;
    if (options.json) {
        for (const auto& record : records)
            if (!session.out(record.raw + "\n")) return status::done;
        JsonWriter json;
        json.begin_object().key("event").string("now").key("service");
        if (name.empty()) json.null();
        else json.string(name);
        // What init has rendered is put in as it came.
        auto line = json.text() + ",\"now\":" + (now.raw.empty() ? "null" : now.raw);
        line += ",\"troubles\":[" + join(now.raw_troubles, ",") + "]}";
        if (!unknown) session.print("{}", line);
    } else if (!unknown) {
        print_now(now, session);
        if (!reached) session.complain("init does not answer: this is from the records alone");
        if (all > records.size())
            session.print("  ({} older record{}: -n {})", all - records.size(),
                          all - records.size() == 1 ? "" : "s", all);
        std::string boot;
        for (const auto& record : records) {
            auto life = text_of(record.object, "boot");
            if (!boot.empty() && life != boot) session.print("---- the machine has booted");
            boot = life;
            if (!session.out(record_text(record.object, name.empty(), session.terminal)))
                return status::done;
        }
        if (records.empty() && history.error == 0) session.print("no trouble is on record");
    }
    bool denied = history.error == EACCES || history.error == EPERM;
    if (denied) session.complain("the records of trouble are for root only");
    else if (history.error != 0)
        session.complain("records of trouble cannot be read: {}", std::strerror(history.error));
    if (history.damaged > 0)
        session.complain("{} torn or damaged, and left out",
                         history.damaged == 1 ? "1 record is"
                                              : fmt::format("{} records are", history.damaged));
    if (unknown) {
        session.complain("{}", printable(now.answer.message));
        return status::no_such_service;
    }
    if (denied && records.empty()) return status::not_permitted;
    return reached || !records.empty() ? status::done : status::unreachable;
}

} // namespace leash::initctl
