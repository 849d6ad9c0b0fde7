// SPDX-License-Identifier: MIT
#include "config/load.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "base/tag.h"
#include "base/text.h"
#include "base/units.h"
#include "config/apply.h"
#include "config/service_rules.h"
#include "service/graph.h"

namespace leash {
namespace {

using Lines = std::vector<const IniEntry*>;

// A line of [defaults] that is good, for each service that does not set its key itself.
struct Default {
    const KeySpec* spec;
    std::vector<std::pair<int, std::string>> lines; // number and value; several for a list only
};

class Loader {
  public:
    Catalog run(const SourceFile& init_conf, const std::vector<SourceFile>& service_files) {
        read_init_conf(init_conf);
        for (const auto& file : service_files) read_service(file);
        check_dependencies();
        check_sockets();
        return std::move(catalog_);
    }

  private:
    // ---- init.conf ------------------------------------------------------------------------------

    void read_init_conf(const SourceFile& file) {
        init_path_ = file.path.empty() ? "init.conf" : file.path;
        FileComplaints complaints(catalog_.complaints, init_path_);
        IniText ini;
        if (!file.error.empty())
            complaints.error(0, "", fmt::format("cannot be read: {}", file.error),
                             "all of its keys have their defaults");
        else
            ini = read_ini(file.text, complaints);

        auto& system = catalog_.system;
        auto set = apply_lines("system", lines_of(ini, "system"), system, complaints);
        auto set_watchdog = apply_lines("watchdog", lines_of(ini, "watchdog"), system, complaints);
        check_interval(set_watchdog, complaints);
        read_defaults(lines_of(ini, "defaults"), complaints);
        check_sections(ini, complaints);
        fill_plugin_config(ini, set_watchdog, complaints);

        for (auto* keys : {&set, &set_watchdog})
            for (const auto& [key, how] : *keys)
                catalog_.places[""].try_emplace(key, Place{init_path_, how.line});
    }

    // Of all sections of that name: a repeated header is a fault, but good lines count.
    static Lines lines_of(const IniText& ini, std::string_view section) {
        Lines lines;
        for (const auto& entry : ini.entries)
            if (ini.sections[static_cast<std::size_t>(entry.section)].name == section)
                lines.push_back(&entry);
        return lines;
    }

    void check_sections(const IniText& ini, FileComplaints& complaints) {
        std::vector<std::string_view> known{"system", "watchdog", "defaults"};
        const auto& plugins = catalog_.system.plugins;
        known.insert(known.end(), plugins.begin(), plugins.end());
        std::map<std::string_view, int> seen;
        for (const auto& section : ini.sections) {
            if (std::ranges::find(known, section.name) == known.end()) {
                auto hint = did_you_mean(closest_word(section.name, known));
                if (section.name == "service") hint = "services have files of their own";
                complaints.error(section.line, "",
                                 fmt::format("unknown section [{}]; allowed: [system], [watchdog], "
                                             "[defaults], and one for each of `plugins`",
                                             section.name),
                                 hint);
            } else if (auto [at, is_new] = seen.try_emplace(section.name, section.line); !is_new) {
                complaints.error(section.line, "",
                                 fmt::format("section [{}] began in line {} already", section.name,
                                             at->second),
                                 "put the keys together");
            }
        }
    }

    void check_interval(SetKeys& set, FileComplaints& complaints) {
        auto& watchdog = catalog_.system.watchdog;
        auto interval = set.find("interval");
        if (interval == set.end() || watchdog.interval < watchdog.timeout) return;
        complaints.error(interval->second.line, "interval",
                         fmt::format("{} is not less than timeout, which is {}",
                                     format_duration(watchdog.interval),
                                     format_duration(watchdog.timeout)),
                         "half of the timeout is usual, and the default");
        watchdog.interval = WatchdogSettings{}.interval;
        set.erase(interval);
    }

    void read_defaults(const Lines& lines, FileComplaints& complaints) {
        // Tried on a service that has everything that a default may ask for.
        ServiceSettings trial;
        trial.name = "defaults@instance";
        auto set = apply_lines("service", lines, trial, complaints);
        if (trial.restart_delay > trial.restart_delay_max) {
            auto at = set.find("restart-delay");
            if (at == set.end()) at = set.find("restart-delay-max");
            complaints.error(at->second.line, at->first,
                             fmt::format("restart-delay ({}) is longer than restart-delay-max ({})",
                                         format_duration(trial.restart_delay),
                                         format_duration(trial.restart_delay_max)),
                             "set both");
            set.erase("restart-delay");
            set.erase("restart-delay-max");
        }
        for (const auto& spec : service_schema()) {
            if (!set.contains(spec.key)) continue;
            Default fallback{&spec, {}};
            for (const auto* line : lines) {
                if (line->key != spec.key) continue;
                ServiceSettings scratch;
                scratch.name = trial.name;
                if (apply_value(spec, line->value, true, scratch))
                    fallback.lines.emplace_back(line->line, line->value);
                if (!spec.is_list() && !fallback.lines.empty()) break;
            }
            defaults_.push_back(std::move(fallback));
        }
    }

    void fill_plugin_config(const IniText& ini, const SetKeys& set_watchdog,
                            FileComplaints& complaints) {
        auto& config = catalog_.system.plugin_config;
        for (const auto& spec : system_schema()) {
            if (spec.section != "watchdog") continue;
            auto set = set_watchdog.find(spec.key);
            config["watchdog"].emplace_back(
                spec.key,
                set != set_watchdog.end() ? set->second.text : std::string(spec.fallback));
        }
        for (const auto& plugin : catalog_.system.plugins) {
            if (plugin == "watchdog") continue;
            std::map<std::string_view, int> seen;
            for (const auto* line : lines_of(ini, plugin)) {
                auto [at, is_new] = seen.try_emplace(line->key, line->line);
                if (is_new)
                    config[plugin].emplace_back(line->key, line->value);
                else
                    complaints.error(line->line, line->key,
                                     fmt::format("is already set in line {}", at->second));
            }
        }
    }

    // ---- services -------------------------------------------------------------------------------

    void read_service(const SourceFile& file) {
        FileComplaints complaints(catalog_.complaints, file.path);
        std::string name(service_name_of(file.path));
        if (name.empty()) { // the folder itself, say
            complaints.error(0, "",
                             file.error.empty() ? "is not a file NAME.conf"
                                                : fmt::format("cannot be read: {}", file.error));
            return;
        }
        if (!check_name(name, file.path, complaints)) return;

        ServiceSettings settings;
        settings.name = name;
        settings.file = file.path;
        if (!file.error.empty())
            complaints.error(0, "", fmt::format("cannot be read: {}", file.error));
        else
            parse_service(file, settings, complaints);

        if (complaints.errors() > 0)
            catalog_.left_out.insert(std::move(name));
        else
            catalog_.services.emplace(name, std::move(settings));
    }

    bool check_name(const std::string& name, const std::string& path, FileComplaints& complaints) {
        if (!valid_service_name(name)) {
            complaints.error(0, "",
                             fmt::format("{} is not a service's name; allowed: 1 to {} of letters, "
                                         "digits and . _ @ -", quote(name), kMaxServiceName),
                             "rename the file");
            return false;
        }
        // A service's name becomes the name of its cgroup, beside the kernel's own files there.
        for (std::string_view taken : {"default", "rescue", "rescue-console", "init"})
            if (name == taken) {
                complaints.error(0, "", fmt::format("the name {} is taken by Leash itself", name),
                                 "rename the file");
                return false;
            }
        for (std::string_view kernel : {"cgroup.", "cpu.", "cpuset.", "io.", "memory.", "pids.",
                                        "hugetlb.", "rdma.", "misc."})
            if (name.starts_with(kernel)) {
                complaints.error(0, "", fmt::format("names that begin with {} are taken by the "
                                                    "kernel's files in cgroups", kernel),
                                 "rename the file");
                return false;
            }
        if (auto [at, is_new] = paths_.try_emplace(name, path); !is_new) {
            complaints.error(0, "", fmt::format("the service {} is already described by {}", name,
                                                at->second),
                             "that one counts; remove or rename one of them");
            return false;
        }
        return true;
    }

    void parse_service(const SourceFile& file, ServiceSettings& settings,
                       FileComplaints& complaints) {
        auto ini = read_ini(file.text, complaints);
        int header = 0;
        for (const auto& section : ini.sections) {
            if (section.name != "service")
                complaints.error(section.line, "",
                                 fmt::format("unknown section [{}]; allowed: [service]",
                                             section.name),
                                 section.name == "Service" || section.name == "Unit" ||
                                         section.name == "Install"
                                     ? "one section [service] holds all keys"
                                     : did_you_mean(closest_word(section.name, {"service"})));
            else if (header != 0)
                complaints.error(section.line, "",
                                 fmt::format("section [service] began in line {} already", header),
                                 "one file describes one service");
            else
                header = section.line;
        }
        if (header == 0) {
            if (complaints.errors() == 0)
                complaints.error(0, "", "has no section [service]",
                                 "begin the file with a line [service]");
            return;
        }
        auto own = apply_lines("service", lines_of(ini, "service"), settings, complaints);
        auto inherited = apply_defaults(own, settings, complaints);

        auto& places = catalog_.places[settings.name];
        for (const auto& [key, how] : own) places[key] = Place{file.path, how.line};
        for (const auto& [key, line] : inherited)
            places[std::string(key)] = Place{init_path_, line};

        // What depends on several keys makes no sense while one of them is broken.
        if (complaints.errors() > 0) return;
        auto line_in = [](const auto& keys, std::string_view key, auto line_of) {
            auto found = keys.find(key);
            return found == keys.end() ? 0 : line_of(found->second);
        };
        finish_service(
            settings,
            [&](std::string_view key) {
                return line_in(own, key, [](const SetKey& how) { return how.line; });
            },
            [&](std::string_view key) {
                return line_in(inherited, key, [](int line) { return line; });
            },
            header, complaints);
    }

    using Inherited = std::map<std::string_view, int>; // key -> line in init.conf

    Inherited apply_defaults(const SetKeys& own, ServiceSettings& settings,
                             FileComplaints& complaints) {
        Inherited inherited;
        for (const auto& fallback : defaults_) { // in the table's order: `type` comes early
            const auto& spec = *fallback.spec;
            if (own.contains(spec.key)) continue;
            bool first = true;
            for (const auto& [line, text] : fallback.lines) {
                if (!default_fits(spec, text, settings)) continue;
                if (auto done = apply_value(spec, text, first, settings); !done) {
                    complaints.error(0, spec.key,
                                     fmt::format("the default from {}:{} does not do: {}",
                                                 init_path_, line, done.error().text),
                                     "set the key in this file");
                    break;
                }
                if (first) inherited[spec.key] = line;
                first = false;
            }
        }
        return inherited;
    }

    // ---- between services -----------------------------------------------------------------------

    void check_dependencies() {
        leave_out_dependants();
        // check_graph() shall not call a service unknown that only has errors.
        auto known = catalog_.services;
        for (auto& [name, settings] : known)
            for (auto* names : {&settings.wants, &settings.after, &settings.before, &settings.conflicts,
                                &settings.on_failure})
                std::erase_if(*names, [&](const auto& other) {
                    return catalog_.left_out.contains(other);
                });
        for (const auto& fault : check_graph(known)) {
            complain(fault.service, fault.key, fault.text, fault.hint, fault.fatal);
            if (!fault.fatal) continue;
            catalog_.services.erase(fault.service);
            catalog_.left_out.insert(fault.service);
        }
    }

    // No error: of two that are started by hand, one at a time may have it.
    void check_sockets() {
        std::map<std::string, std::string> owners;
        for (const auto& [name, settings] : catalog_.services)
            for (const auto& socket : settings.listen.sockets) {
                auto [other, is_new] = owners.try_emplace(address_of(socket), name);
                if (is_new || other->second == name) continue;
                auto text = fmt::format("{} is listened on by {} as well", address_of(socket),
                                        other->second);
                complain(name, "listen", text, "only one of them can be started", false);
            }
    }

    // Services that require one with errors, and those that require them.
    void leave_out_dependants() {
        struct Needing {
            std::string name;
            const char* key;
        };
        std::multimap<std::string, Needing> needed_by;
        for (const auto& [name, settings] : catalog_.services) {
            for (const auto& other : settings.needs) needed_by.emplace(other, Needing{name, "requires"});
            for (const auto& other : settings.binds) needed_by.emplace(other, Needing{name, "binds-to"});
        }
        std::vector<std::string> todo(catalog_.left_out.begin(), catalog_.left_out.end());
        while (!todo.empty()) {
            auto broken = std::move(todo.back());
            todo.pop_back();
            auto [from, to] = needed_by.equal_range(broken);
            for (; from != to; ++from) {
                const auto& [name, key] = from->second;
                if (!catalog_.left_out.insert(name).second) continue;
                complain(name, key, fmt::format("{} {}, which is left out", key, broken),
                         fmt::format("put {} right first", paths_[broken]), true);
                catalog_.services.erase(name);
                todo.push_back(name);
            }
        }
    }

    void complain(const std::string& service, const std::string& key, std::string text,
                  std::string hint, bool fatal) {
        auto place = catalog_.place_of(service, key);
        if (place.file.empty()) place.file = paths_[service];
        catalog_.complaints.push_back(
            {fatal ? Complaint::Severity::error : Complaint::Severity::warning, place.file,
             place.line, key, std::move(text), std::move(hint)});
    }

    Catalog catalog_;
    std::string init_path_;
    std::vector<Default> defaults_;
    std::map<std::string, std::string> paths_; // service -> file
};

} // namespace

Place Catalog::place_of(const std::string& service, const std::string& key) const {
    auto keys = places.find(service);
    if (keys == places.end()) return {};
    auto place = keys->second.find(key);
    return place == keys->second.end() ? Place{} : place->second;
}

bool Catalog::has_errors() const {
    return std::ranges::any_of(complaints, [](const auto& complaint) {
        return complaint.severity == Complaint::Severity::error;
    });
}

Catalog load(const SourceFile& init_conf, const std::vector<SourceFile>& service_files) {
    return Loader().run(init_conf, service_files);
}

Catalog load(const std::vector<SourceFile>& tree) {
    if (tree.empty()) return load(SourceFile{"init.conf", "", "there is no such file"}, {});
    return load(tree.front(), {tree.begin() + 1, tree.end()});
}

std::string_view service_name_of(std::string_view path) {
    constexpr std::string_view kSuffix = ".conf";
    path = path.substr(path.rfind('/') + 1); // npos + 1 is 0
    if (!path.ends_with(kSuffix)) return {};
    return path.substr(0, path.size() - kSuffix.size());
}

} // namespace leash
