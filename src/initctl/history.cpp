// SPDX-License-Identifier: MIT
#include "initctl/history.h"

#include <algorithm>

#include "base/text.h"
#include "base/units.h"
#include "initctl/tables.h"
#include "records/store.h"

namespace leash::initctl {
namespace {

constexpr std::size_t kTasksShown = 6;

// "0000-00-00": a digit for each 0.
bool has_form(std::string_view text, std::string_view form) {
    return text.size() == form.size() && std::ranges::equal(text, form, [](char is, char wanted) {
        return wanted == '0' ? is >= '0' && is <= '9' : is == wanted;
    });
}

} // namespace

History read_history(const Session& session) {
    auto found = records::read_records(session.records_folder, session.records_spool);
    History history;
    history.damaged = found.damaged;
    history.error = found.error;
    for (auto& line : found.lines) {
        auto object = Json::parse(line, nullptr, false);
        if (object.is_object()) history.records.push_back({std::move(line), std::move(object)});
        else ++history.damaged;
    }
    return history;
}

std::optional<std::string> parse_since(std::string_view text, std::int64_t now) {
    if (auto ago = parse_duration(text)) return records::show_date(now - ago->count() / 1000);
    std::string date(text);
    if (date.ends_with('Z')) date.pop_back();
    if (date.size() > 10 && date[10] == ' ') date[10] = 'T';
    if (has_form(date, "0000-00-00")) date += "T00:00:00";
    if (has_form(date, "0000-00-00T00:00")) date += ":00";
    if (!has_form(date, "0000-00-00T00:00:00")) return std::nullopt;
    return date + "Z";
}

std::string record_text(const Json& record, bool with_name, const Terminal& terminal) {
    auto get = [&](const char* key) { return text_of(record, key); };
    std::string page;
    auto line = [&](const std::string& text) {
        auto shown = printable(text);
        page += (terminal.width > 0 ? cut(shown, terminal.width) : shown) + "\n";
    };
    auto date = get("date");
    if (date.size() > 10 && date[10] == 'T') date[10] = ' ';
    auto whose = get("service").empty() ? get("source") : get("service");
    auto head = fmt::format("{}  {}{:<8}", date, with_name && !whose.empty() ? whose + ": " : "",
                            get("event"));
    std::vector<std::string> parts;
    for (const char* key : {"kind", "evidence", "result"})
        if (auto text = get(key); !text.empty() && (parts.empty() || parts.back() != text))
            parts.push_back(text);
    if (auto level = record.find("level"); level != record.end() && level->is_number_integer())
        parts.insert(parts.begin(), fmt::format("at {}%", level->get<int>()));
    if (auto state = get("state"); !state.empty() && get("event") == "exit")
        parts.push_back("now " + state);
    line(head + " " + join(parts, ": "));
    if (auto answer = get("answer"); !answer.empty()) line("    answer: " + answer);
    if (auto file = get("file"); !file.empty()) line("    dump:   " + file);
    if (auto dropped = number_of(record, "dropped"); dropped > 0)
        line(fmt::format("    {} records before this one had no room", dropped));
    auto facts = record.find("facts");
    if (facts == record.end() || !facts->is_object()) return page;
    auto tasks = facts->find("tasks");
    if (tasks != facts->end() && tasks->is_array()) {
        std::size_t shown = 0;
        for (const auto& task : *tasks) {
            if (!task.is_object()) continue;
            if (shown++ == kTasksShown) {
                line(fmt::format("    ... {} tasks in all", tasks->size()));
                break;
            }
            auto where = text_of(task, "wchan");
            line(fmt::format("    task {} {} in {}{}{}", number_of(task, "tid"), text_of(task, "comm"),
                             text_of(task, "state"), where.empty() ? "" : ", waits in ", where));
        }
    }
    std::vector<std::string> counters;
    for (const auto& [key, value] : facts->items())
        if (value.is_number_integer()) counters.push_back(fmt::format("{} {}", key, value.dump()));
    if (!counters.empty()) line("    " + join(counters, ", "));
    return page;
}

} // namespace leash::initctl
