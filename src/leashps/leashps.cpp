// SPDX-License-Identifier: MIT
#include "leashps/leashps.h"

#include <algorithm>

#include <fmt/format.h>

#include "base/text.h"
#include "leashps/options.h"
#include "taskview/reports.h"

namespace leash::leashps {
namespace {

using namespace taskview;
constexpr int kDone = 0, kUsage = 2, kNoSuch = 4;

class Command {
  public:
    Command(const Options& options, const World& world, TaskSource& source)
        : options_(options), world_(world), source_(source) {}

    int run() {
        switch (options_.show) {
        case Options::Show::starts: return show_starts();
        case Options::Show::stats: return show_stats();
        default: return show_tasks();
        }
    }

  private:
    int failed(const Error& error) {
        auto refusal = refusal_of(error);
        world_.err(fmt::format("leashps: {}\n", refusal.text));
        return refusal.status;
    }

    [[nodiscard]] bool wanted(const leash_start_info& start) const {
        return (options_.service.empty() || options_.service == start.name) &&
               (options_.start == 0 || options_.start == start.id);
    }

    // What was asked for by name has to be there: an empty list could be taken for good news.
    int check_named(const std::vector<leash_start_info>& starts) {
        if (options_.service.empty() && options_.start == 0) return kDone;
        if (std::ranges::any_of(starts, [&](const auto& start) { return wanted(start); }))
            return kDone;
        if (options_.service.empty()) {
            world_.err(fmt::format("leashps: no start {} is known; see leashps --starts\n",
                                   format_start_id(options_.start)));
            return kNoSuch;
        }
        std::vector<std::string_view> names;
        for (const auto& start : starts) names.emplace_back(start.name);
        auto near = closest_word(options_.service, names);
        auto hint = near.empty() || near == options_.service
                        ? std::string("see leashps --starts")
                        : fmt::format("did you mean '{}'?", printable(near));
        auto which = options_.start == 0 ? "" : " " + format_start_id(options_.start);
        world_.err(fmt::format("leashps: no start{} of a service '{}' is known; {}\n", which,
                               options_.service, hint));
        return kNoSuch;
    }

    int show_tasks() {
        auto columns = options_.columns ? *options_.columns
                       : options_.json  ? record_columns()
                                        : default_columns(options_.threads);
        auto needed = columns;
        for (const auto& key : options_.sort) needed.push_back(key.column);

        Query query;
        query.facts = facts_of(needed);
        query.filter.start = options_.start;
        query.filter.group = options_.service.empty() ? 0 : group_of(options_.service);
        query.filter.threads = options_.threads;
        query.filter.attributed = options_.attributed;
        query.filter.kernel = options_.kernel;
        auto sample = source_.sample(query);
        if (!sample) return failed(sample.error());
        if (int status = check_named(sample->starts); status != kDone) return status;

        auto& rows = sample->rows;
        // Two names may have one group; a start knows its own.
        if (!options_.service.empty())
            std::erase_if(rows, [&](const Row& row) { return row.service != options_.service; });
        if (auto extras = extras_of(needed))
            for (auto& row : rows) source_.describe(row, extras);
        sort_rows(rows, options_.sort);
        if (sample->state & LEASH_STATE_INCOMPLETE)
            world_.err("leashps: the module has lost track of some processes; init finds them "
                       "again by a rescan\n");
        if (!options_.json) {
            world_.out(task_table(rows, columns, world_.terminal, options_.heading));
            return kDone;
        }
        std::string text;
        for (const auto& row : rows) text += task_json(row, columns) + "\n";
        world_.out(text);
        return kDone;
    }

    int show_starts() {
        auto starts = source_.starts();
        if (!starts) return failed(starts.error());
        if (int status = check_named(*starts); status != kDone) return status;
        std::erase_if(*starts, [&](const leash_start_info& start) { return !wanted(start); });
        if (!options_.json) {
            world_.out(start_table(*starts, world_.terminal, options_.heading));
            return kDone;
        }
        std::string text;
        for (const auto& start : *starts) text += start_json(start) + "\n";
        world_.out(text);
        return kDone;
    }

    int show_stats() {
        auto stats = source_.stats();
        if (!stats) return failed(stats.error());
        world_.out(options_.json ? stats_json(source_.version(), *stats) + "\n"
                                 : stats_table(source_.version(), *stats));
        return kDone;
    }

    const Options& options_;
    const World& world_;
    TaskSource& source_;
};

} // namespace

int run(const std::vector<std::string>& args, const World& world) {
    auto options = parse_options(args);
    if (!options) {
        world.err(fmt::format("leashps: {}\n", options.error().text));
        return kUsage;
    }
    switch (options->show) {
    case Options::Show::help: world.out(help_text()); return kDone;
    case Options::Show::version: world.out("leashps " LEASH_VERSION "\n"); return kDone;
    case Options::Show::columns: world.out(column_list()); return kDone;
    default: break;
    }
    auto source = world.open_source();
    if (!source) {
        world.err(fmt::format("leashps: {}\n", source.error().text));
        return source.error().status;
    }
    return Command(*options, world, **source).run();
}

} // namespace leash::leashps
