// SPDX-License-Identifier: MIT
// The commands that ask the kernel module instead of init: ps --kernel, and top.
#include <algorithm>
#include <csignal>
#include <map>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "base/text.h"
#include "control/protocol.h"
#include "initctl/client.h"
#include "initctl/commands.h"
#include "initctl/tables.h"
#include "taskview/columns.h"
#include "taskview/top_page.h"
#include "taskview/usage.h"

namespace leash::initctl {
namespace {

namespace status = control::status;
using taskview::TaskSource;

constexpr Ms kUsualDelay{2000};
// Before the first page, to have something to compare with.
constexpr Ms kFirstLook{300};
// An init that hangs must not make `top` hang: this is when people look at it.
constexpr Ms kInitPatience{500};

// `why`: see run_kernel_ps().
std::unique_ptr<TaskSource> open(const Session& session, int& exit_status, std::string_view why = "") {
    auto source = session.open_tasks();
    if (source) {
        if (!why.empty()) session.complain("{}; the kernel module is asked instead", printable(why));
        return std::move(*source);
    }
    if (why.empty()) session.complain("{}", source.error().text);
    else session.complain("{}; nor is the kernel module: {}", printable(why), source.error().text);
    exit_status = source.error().status;
    return nullptr;
}

int failed(const Error& error, const Session& session) {
    auto refusal = taskview::refusal_of(error);
    session.complain("{}", refusal.text);
    return refusal.status;
}

class Top {
  public:
    Top(const Options& options, const Session& session, TaskSource& source, Screen& screen)
        : options_(options), session_(session), source_(source), screen_(screen) {
        settings_.terminal = screen.terminal();
        query_.facts = options.json ? taskview::facts_of(taskview::record_columns())
                                    : taskview::kUsageFacts;
        query_.filter.kernel = true;
    }

    int run() {
        auto first = source_.sample(query_);
        if (!first) return failed(first.error(), session_);
        before_ = std::move(*first);
        const auto delay = options_.delay.value_or(kUsualDelay);
        auto time = std::min(delay, kFirstLook);
        for (std::uint64_t looks = 0;;) {
            auto input = screen_.wait(time);
            if (input.event == Screen::Event::ended) return end();
            if (input.event == Screen::Event::key && !on_key(input.key)) return status::done;
            if (input.event == Screen::Event::resized) {
                settings_.terminal = screen_.terminal();
                shown_.clear();
            }
            time = delay;
            auto sample = source_.sample(query_);
            if (!sample) return failed(sample.error(), session_);
            if (!show(std::move(*sample))) return status::done; // nobody looks any more
            // A key shows another page of the same look; only time counts.
            if (input.event == Screen::Event::nothing && ++looks == options_.lines)
                return status::done;
        }
    }

  private:
    [[nodiscard]] bool batch() const { return settings_.terminal.height == 0; }

    // As a shell has it for a program that a signal has ended. Ctrl-C is the usual way to leave.
    [[nodiscard]] int end() const {
        constexpr int kSignalled = 128;
        int signal = screen_.signal();
        return signal == 0 || signal == SIGINT ? status::done : kSignalled + signal;
    }

    // False: quit.
    bool on_key(char key) {
        switch (key) {
        case 'q': return false;
        case 'c': settings_.by = taskview::SortBy::cpu; break;
        case 'm': settings_.by = taskview::SortBy::memory; break;
        case 'f': settings_.by = taskview::SortBy::descriptors; break;
        case 's': toggle(settings_.processes, settings_.services); break;
        case 'p': toggle(settings_.services, settings_.processes); break;
        default: break;
        }
        return true;
    }

    // Hides or shows one half; the other one is there in any case.
    static void toggle(bool& half, bool& other) {
        half = !half;
        other = true;
    }

    void ask_init(taskview::Page& page) {
        auto answer = ask(session_.socket, "list", {}, false, kInitPatience,
                          [&](const std::string&, const Json& service) {
                              page.states[text_of(service, "name")] = text_of(service, "state");
                          });
        page.init_answers = answer.status == status::done;
        if (!page.init_answers) {
            page.states.clear();
            return;
        }
        (void)ask(session_.socket, "troubles", {}, false, kInitPatience,
            [&](const std::string&, const Json& trouble) {
                auto& kinds = page.troubles[text_of(trouble, "service")];
                kinds += (kinds.empty() ? "" : ",") + text_of(trouble, "kind");
            });
        page.troubles.erase(""); // of the machine
    }

    bool show(taskview::Sample now) {
        taskview::Page page;
        ask_init(page);
        // A key that comes at once leaves no time to compare over: the earlier look stays the base.
        bool too_soon = now.time_ns < base_time() + kShortestSpan;
        const auto& base = too_soon && older_ ? *older_ : before_;
        taskview::set_cpu_shares(base, now);
        page.usage = taskview::usage_of(base, now);
        taskview::add_idle_services(page.usage, page.states);
        for (const auto& [name, kinds] : page.troubles) {
            auto same = [&](const taskview::Usage& known) {
                return known.kind == taskview::Usage::Kind::service && known.service == name;
            };
            if (std::ranges::none_of(page.usage, same)) page.usage.emplace_back().service = name;
        }
        if (auto cpus = ::sysconf(_SC_NPROCESSORS_ONLN); cpus > 0)
            page.cpus = static_cast<unsigned>(cpus);
        auto next = now; // in the order and with the words of the module
        taskview::order_page(now.rows, page.usage, settings_.by, page.troubles);
        auto count = taskview::rows_shown(settings_, now.rows.size());
        for (std::size_t i = 0; i < count; ++i)
            source_.describe(now.rows[i], taskview::extra::command);
        page.sample = &now;
        bool read = draw(page);
        if (!too_soon) {
            older_ = std::move(before_);
            before_ = std::move(next);
        }
        return read;
    }

    [[nodiscard]] std::uint64_t base_time() const { return before_.time_ns; }

    bool draw(const taskview::Page& page) {
        if (options_.json) return session_.out(taskview::page_json(page, settings_) + "\n");
        auto lines = taskview::page_lines(page, settings_);
        if (batch()) return session_.out(join(lines, "\n") + "\n\n");
        auto text = taskview::repaint(shown_, lines);
        shown_ = std::move(lines);
        return session_.out(text);
    }

    static constexpr std::uint64_t kShortestSpan = 90'000'000; // ns

    const Options& options_;
    const Session& session_;
    TaskSource& source_;
    Screen& screen_;
    taskview::Query query_;
    taskview::PageSettings settings_;
    taskview::Sample before_;
    std::optional<taskview::Sample> older_;
    std::vector<std::string> shown_;
};

} // namespace

int run_kernel_ps(const Options& options, const Session& session, std::string_view why) {
    int exit_status = status::done;
    auto source = open(session, exit_status, why);
    if (!source) return exit_status;
    auto columns = options.json
                       ? taskview::record_columns()
                       : taskview::parse_columns("pid,tid,service,source,state,start_id,"
                                                 "runtime_ns,rss,shmem,fds,command").value();
    taskview::Query query;
    query.facts = taskview::facts_of(columns);
    query.filter.threads = options.threads;
    query.filter.kernel = true;
    auto sample = source->sample(query);
    if (!sample) return failed(sample.error(), session);
    for (auto& row : sample->rows) source->describe(row, taskview::extras_of(columns));
    if (!options.json) {
        session.out(taskview::task_table(sample->rows, columns, session.terminal));
        return status::done;
    }
    std::vector<std::string> objects;
    for (const auto& row : sample->rows) objects.push_back(taskview::task_json(row, columns));
    session.print("[{}]", join(objects, ",\n"));
    return status::done;
}

int run_top(const Command&, const Options& options, const Session& session) {
    int exit_status = status::done;
    auto source = open(session, exit_status);
    if (!source) return exit_status;
    auto screen = session.open_screen(options.batch || options.json);
    return Top(options, session, *source, *screen).run();
}

} // namespace leash::initctl
