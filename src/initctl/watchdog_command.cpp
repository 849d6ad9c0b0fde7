// SPDX-License-Identifier: MIT
// initctl watchdog and plugin: words for a plugin within init, whose answers are shown as they come; and
// watchdogctl, the name by which watchdogd's users call the first. `clients` asks the process that
// serves them itself, by the protocol of watchdogd (plugins/watchdog/clients/wire.h).
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <map>

#include <nlohmann/json.hpp>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/text.h"
#include "base/unique_fd.h"
#include "base/whole_file.h"
#include "control/protocol.h"
#include "initctl/commands.h"
#include "initctl/tables.h"

namespace leash::initctl {
namespace {

namespace status = control::status;
constexpr Ms kPatience{10'000};
constexpr std::size_t kMostColumns = 8; // of more, a page for each is easier to read

std::string text_of_value(const Json& value) {
    if (value.is_null()) return "-";
    if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
    if (value.is_string()) {
        auto text = printable(value.get<std::string>());
        return text.empty() ? "-" : text;
    }
    return printable(value.dump());
}

std::string heading_of(std::string key, bool upper) {
    for (char& c : key)
        if (c == '_') c = ' ';
        else if (upper && c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return printable(key);
}

using Members = std::vector<std::pair<std::string, Json>>; // in the order of the answer

Members members_of(const std::string& line) {
    Members members;
    auto object = nlohmann::ordered_json::parse(line, nullptr, false);
    if (!object.is_object()) return members;
    for (const auto& [key, value] : object.items()) members.emplace_back(key, Json::parse(value.dump()));
    return members;
}

std::string page_of(const Members& members, const Terminal& terminal) {
    std::string page;
    std::size_t width = 11;
    for (const auto& [key, value] : members) width = std::max(width, key.size());
    for (const auto& [key, value] : members) {
        auto line = fmt::format("  {:<{}} {}", heading_of(key, false), width, text_of_value(value));
        page += (terminal.width > 0 ? cut(line, terminal.width) : line) + "\n";
    }
    return page;
}

// One answer is a page; several of the same few members are a table.
std::string shown(const std::vector<Members>& answers, const Terminal& terminal) {
    auto same = [&](const Members& each) {
        return std::ranges::equal(each, answers.front(), {}, &Members::value_type::first,
                                  &Members::value_type::first);
    };
    bool narrow = answers.size() > 1 && answers.front().size() <= kMostColumns;
    if (narrow && std::ranges::all_of(answers, same)) {
        std::vector<std::string> names;
        for (const auto& [key, value] : answers.front()) names.push_back(heading_of(key, true));
        std::vector<Table::Column> columns;
        for (std::size_t i = 0; i < names.size(); ++i)
            columns.push_back({names[i], answers.front()[i].second.is_number(), names[i] == "STATE"});
        Table table(columns);
        for (const auto& each : answers) {
            std::vector<std::string> row;
            for (const auto& [key, value] : each) row.push_back(text_of_value(value));
            table.row(row);
        }
        return table.text(terminal);
    }
    std::string text;
    for (const auto& each : answers) {
        if (!text.empty()) text += '\n';
        text += page_of(each, terminal);
    }
    return text;
}

int ask_plugin(const std::vector<std::string>& words, bool json, const Session& session) {
    std::vector<Members> answers;
    auto answer = ask(session.socket, "plugin", words, false, kPatience,
                      [&](const std::string& raw, const Json&) {
                          if (json) session.print("{}", raw);
                          else answers.push_back(members_of(raw));
                      });
    if (!answers.empty()) session.out(shown(answers, session.terminal));
    if (!answer.message.empty()) {
        if (answer.status == status::done) session.print("{}", printable(answer.message));
        else session.complain("{}", printable(answer.message));
    }
    return answer.status;
}

// ---- clients ------------------------------------------------------------------------------------

struct Wire { // of watchdogd 3.1 and later
    std::int32_t command, error, id, pid;
    std::uint32_t timeout, ack, left;
    char label[48];
    char service[64];
    char padding[64];
};
static_assert(sizeof(Wire) == 204);
constexpr std::int32_t kListClients = 31;
constexpr int kClientsPatience = 1000; // ms

int list_clients(bool json, const Session& session) {
    const auto& path = session.clients_socket;
    auto unreachable = [&](std::string_view why) {
        session.complain("clients of watchdogd are not served at {}: {}; see `clients` in "
                         "init.conf(5)", path, why);
        return status::unreachable;
    };
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return unreachable("path too long");
    path.copy(address.sun_path, path.size());
    UniqueFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    // A full backlog makes connect() wait for somebody to accept, who may stand still.
    timeval patience{kClientsPatience / 1000, kClientsPatience % 1000 * 1000};
    if (fd) ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (!fd || ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) < 0)
        return unreachable(errno == EAGAIN ? "no answer in time" : std::strerror(errno));
    Wire wire{};
    wire.command = kListClients;
    wire.pid = ::getpid();
    [[maybe_unused]] auto sent = ::send(fd.get(), &wire, sizeof wire, MSG_NOSIGNAL);

    Table table({{"ID", true}, {"PID", true}, {"NAME"}, {"SERVICE"}, {"TIMEOUT", true}, {"LEFT", true},
                 {"LABEL"}});
    std::size_t length = 0;
    while (true) {
        pollfd readable{fd.get(), POLLIN, 0};
        if (::poll(&readable, 1, kClientsPatience) <= 0) return unreachable("no answer in time");
        auto got = ::recv(fd.get(), reinterpret_cast<char*>(&wire) + length, sizeof wire - length, 0);
        if (got < 0) return unreachable(std::strerror(errno));
        if (got == 0) break;
        length += static_cast<std::size_t>(got);
        if (length < sizeof wire) continue;
        length = 0;
        if (wire.command != kListClients) return unreachable(std::strerror(wire.error));
        std::string label(wire.label, ::strnlen(wire.label, sizeof wire.label));
        std::string service(wire.service, ::strnlen(wire.service, sizeof wire.service));
        auto name = read_value(fmt::format("/proc/{}/comm", wire.pid));
        if (json) {
            nlohmann::ordered_json object{
                {"id", wire.id}, {"pid", wire.pid}, {"name", printable(name)},
                {"service", printable(service)}, {"label", printable(label)},
                {"timeout_ms", wire.timeout}, {"left_ms", wire.left}};
            session.print("{}", object.dump());
            continue;
        }
        auto seconds = [](std::uint32_t ms) {
            return fmt::format("{}.{}s", ms / 1000, ms % 1000 / 100);
        };
        auto text = [](const std::string& each) { return each.empty() ? "-" : printable(each); };
        table.row({std::to_string(wire.id), std::to_string(wire.pid), text(name), text(service),
                   seconds(wire.timeout), seconds(wire.left), text(label)});
    }
    if (!json) session.out(table.empty() ? "no clients\n" : table.text(session.terminal));
    return status::done;
}

// fail CODE [MSEC] [TEXT]; watchdogctl's is fail -c CODE -p PID [MSEC] [TEXT], and 5 without a code.
std::vector<std::string> with_options(std::vector<std::string> words, const Options& options) {
    if (words[0] == "fail" && (!options.code.empty() || !options.pid.empty() || words.size() == 1))
        words.insert(words.begin() + 1, options.code.empty() ? "5" : options.code);
    if (!options.pid.empty()) words.push_back(fmt::format("(pid {})", options.pid));
    return words;
}

} // namespace

int run_watchdog(const Command&, const Options& options, const Session& session) {
    auto words = options.words;
    if (words.empty()) words.emplace_back("status");
    bool list = words[0] == "clients" || words[0] == "list-clients";
    if (list && words.size() == 1) return list_clients(options.json, session);
    if (list) {
        session.complain("watchdog {}: takes no arguments", words[0]);
        return status::usage;
    }
    if ((!options.code.empty() && words[0] != "fail") ||
        (!options.pid.empty() && words[0] != "fail" && words[0] != "reset")) {
        session.complain("watchdog {}: takes no -c or -p", printable(words[0]));
        return status::usage;
    }
    words = with_options(std::move(words), options);
    words.insert(words.begin(), "watchdog");
    return ask_plugin(words, options.json, session);
}

int run_plugin(const Command&, const Options& options, const Session& session) {
    return ask_plugin(options.words, options.json, session);
}

// watchdogctl [-j] [-v] [COMMAND [ARGUMENTS]], as arguments of initctl.
std::vector<std::string> from_watchdogctl(std::vector<std::string> args) {
    static const std::map<std::string, std::string, std::less<>> levels{
        {"err", "error"}, {"warn", "warning"}};
    std::vector<std::string> options;
    for (auto& arg : args)
        if (arg == "-j") arg = "--json";
    while (!args.empty() && args[0].starts_with('-')) { // its own options stand in front
        if (args[0] == "-v" || args[0] == "--version") return {"version"};
        if (args[0] == "-h" || args[0] == "--help") return {"help", "watchdog"};
        bool value = args[0] == "-c" || args[0] == "-p";
        options.push_back(args[0]);
        args.erase(args.begin());
        if (value && !args.empty()) {
            options.push_back(args[0]);
            args.erase(args.begin());
        }
    }
    std::string word = args.empty() ? "status" : args[0];
    if (!args.empty()) args.erase(args.begin());
    if (word == "help") return {"help", "watchdog"};
    if (word == "version") return {"version"};
    if (word == "reload") return {"reload"};
    if (word == "reboot" || word == "force-reset") word = "reset";
    if (word == "debug") {
        word = "loglevel";
        args = {"debug"};
    } else if (word == "loglevel" && !args.empty()) {
        if (auto found = levels.find(args[0]); found != levels.end()) args[0] = found->second;
    }
    std::vector<std::string> words{"watchdog", word};
    words.insert(words.end(), options.begin(), options.end());
    words.insert(words.end(), args.begin(), args.end());
    return words;
}

} // namespace leash::initctl
