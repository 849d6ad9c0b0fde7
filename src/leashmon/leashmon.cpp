// SPDX-License-Identifier: MIT
#include "leashmon/leashmon.h"

#include <optional>

#include <fmt/format.h>

#include "base/text.h"
#include "taskview/event_words.h"

namespace leash::leashmon {
namespace {

constexpr int kDone = 0, kUsage = 2;

constexpr std::string_view kHelp =
    "usage: leashmon [OPTION...] PID|SERVICE\n\n"
    "  What happens to a process or to a service, as Leash's kernel module tells it, until the\n"
    "  process has ended or a start of the service has lost its last one. Needs no init of Leash.\n\n"
    "  -e, --events LIST  only these, separated by commas; `help` lists all\n"
    "  -s, --signal       be told by real-time signals: event and process, nothing else\n"
    "  -j, --json         an object a line\n"
    "  -h, --help         this\n"
    "  -V, --version      the version\n\n"
    "Exit status: 0 it is gone (or interrupted), 1 failed, 2 usage, 4 no such process or service,\n"
    "5 the kernel module is not loaded, 6 not permitted.\n";

struct Asked {
    taskview::EventView view;
    std::string answer; // to print instead
};

Result<Asked> parse(const std::vector<std::string>& args) {
    Asked asked;
    asked.view.until_gone = true;
    asked.view.events = LEASH_EVENT_ALL;
    for (std::size_t i = 0; i < args.size(); ++i) {
        std::string_view word = args[i];
        std::optional<std::string> value;
        if (auto equals = word.find('='); word.starts_with("--") && equals != word.npos) {
            value = word.substr(equals + 1);
            word = word.substr(0, equals);
        }
        if (word == "-e" || word == "--events" || word == "--mask") {
            if (!value && i + 1 < args.size()) value = args[++i];
            if (!value) return fail("{} needs a value", word);
            if (*value == "help") {
                asked.answer = taskview::event_list();
                return asked;
            }
            auto events = taskview::parse_events(*value);
            if (!events) return std::unexpected(events.error());
            asked.view.events = *events;
        } else if (value) {
            return fail("unknown option or one without a value: '{}'", printable(args[i]));
        } else if (word == "-s" || word == "--signal") {
            asked.view.by_signal = true;
        } else if (word == "-j" || word == "--json") {
            asked.view.json = true;
        } else if (word == "-h" || word == "--help") {
            asked.answer = kHelp;
            return asked;
        } else if (word == "-V" || word == "--version") {
            asked.answer = "leashmon " LEASH_VERSION "\n";
            return asked;
        } else if (word.starts_with('-')) {
            return fail("unknown option '{}'; see leashmon --help", printable(word));
        } else {
            asked.view.targets.emplace_back(word);
        }
    }
    if (asked.view.targets.size() != 1)
        return fail("needs one process or service; see leashmon --help");
    return asked;
}

} // namespace

int run(const std::vector<std::string>& args, const World& world) {
    auto complain = [&](std::string_view text) { world.err(fmt::format("leashmon: {}\n", text)); };
    auto asked = parse(args);
    if (!asked) {
        complain(asked.error().text);
        return kUsage;
    }
    if (!asked->answer.empty()) {
        world.out(asked->answer);
        return kDone;
    }
    return taskview::view_events(asked->view, world.open_events,
                                 {.out = world.out, .complain = complain});
}

} // namespace leash::leashmon
