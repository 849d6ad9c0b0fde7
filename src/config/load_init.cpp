// SPDX-License-Identifier: MIT
#include "config/load_init.h"

#include "base/text.h"
#include "base/units.h"
#include "config/apply.h"
#include "config/schema_parts.h"
#include "config/values.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

namespace leash {
namespace {

class InitConf {
  public:
    explicit InitConf(Catalog& catalog) : catalog_(catalog) {}

    std::vector<Default> run(const SourceFile& file,
                             const std::vector<const SourceFile*>& drop_ins) {
        auto path = file.path.empty() ? "init.conf" : file.path;
        FileComplaints complaints(catalog_.complaints, path);
        std::vector<IniText> inis(1);
        if (!file.error.empty())
            complaints.error(0, "", fmt::format("cannot be read: {}", file.error),
                             "all of its keys have their defaults");
        else
            inis[0] = read_ini(file.text, complaints);
        for (const auto* drop_in : drop_ins) {
            int before = complaints.begin_file(drop_in->path);
            if (drop_in->error.empty())
                inis.push_back(read_ini(drop_in->text, complaints, before));
            else
                complaints.error(before, "", fmt::format("cannot be read: {}", drop_in->error));
        }

        auto& system = catalog_.system;
        SetKeys set, set_watchdog;
        for (const auto& ini : inis) {
            bool first = &ini == &inis.front();
            set = apply_lines("system", lines_of(ini, "system"), system, complaints,
                              first ? nullptr : &set);
            set_watchdog = apply_lines("watchdog", lines_of(ini, "watchdog"), system, complaints,
                                       first ? nullptr : &set_watchdog);
        }
        check_interval(set_watchdog, complaints);
        read_defaults(inis, complaints);
        for (const auto& ini : inis)
            check_sections(ini, complaints);
        system.plugin_config["watchdog"] = texts_of("watchdog", set_watchdog);
        check_pretimeout(set_watchdog, complaints);
        for (const auto& plugin : system.plugins)
            if (plugin != "watchdog") read_plugin_section(plugin, inis, complaints);
        read_labelled_sections(inis, complaints);

        for (auto* keys : {&set, &set_watchdog})
            for (const auto& [key, how] : *keys)
                catalog_.places[""].try_emplace(key, complaints.place(how.line));
        return std::move(defaults_);
    }

  private:
    void check_sections(const IniText& ini, FileComplaints& complaints) {
        std::vector<std::string_view> known{"system", "watchdog", "defaults"};
        const auto& plugins = catalog_.system.plugins;
        known.insert(known.end(), plugins.begin(), plugins.end());
        std::map<std::string_view, int> seen;
        for (const auto& section : ini.sections) {
            bool labelled = section.name.find(' ') != std::string::npos;
            if (labelled ? plugin_of(section.name).empty()
                         : std::ranges::find(known, section.name) == known.end()) {
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
                                             FileComplaints::line_in_file(at->second)),
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

    void check_pretimeout(const SetKeys& set, FileComplaints& complaints) {
        auto key = set.find("pretimeout");
        if (key == set.end()) return;
        const auto& [line, text] = key->second.lines.back();
        auto timeout = catalog_.system.watchdog.timeout;
        if (parse_duration(text).value_or(Ms{0}) < timeout) return;
        complaints.error(line, "pretimeout",
                         fmt::format("{} is not less than timeout, which is {}", text,
                                     format_duration(timeout)));
        put_pair(catalog_.system.plugin_config["watchdog"], "pretimeout", "");
    }

    // [watchdog DEVICE]: the label is a device of its own, and its times fit each other.
    void check_further_wdt(const std::string& section, int line, const std::vector<IniText>& inis,
                           FileComplaints& complaints) {
        auto& system = catalog_.system;
        auto label = section.substr(section.find(' ') + 1);
        if (!parse_path(label)) {
            complaints.error(line, "",
                             fmt::format("[{}]: {} is no absolute path", section, quote(label)),
                             "name the device, as in [watchdog /dev/watchdog1]");
            return;
        }
        if (label == system.watchdog.device)
            complaints.error(line, "",
                             fmt::format("[{}]: [watchdog] itself is about that device", section),
                             "give it one section");
        auto time_of = [&](std::string_view key) {
            auto& texts = system.plugin_config[section];
            auto pair = std::ranges::find(texts, key, &TextPairs::value_type::first);
            return parse_duration(pair == texts.end() ? "" : pair->second).value_or(Ms{0});
        };
        for (const char* key : {"interval", "pretimeout"}) {
            if (time_of(key) < time_of("timeout")) continue;
            int where = line;
            for (const auto& ini : inis)
                for (const auto* entry : lines_of(ini, section))
                    if (entry->key == key) where = entry->line;
            complaints.error(where, key,
                             fmt::format("[{}]: {} is not less than timeout, which is {}", section,
                                         format_duration(time_of(key)),
                                         format_duration(time_of("timeout"))));
            put_pair(system.plugin_config[section], key, "");
        }
    }

    void read_defaults(const std::vector<IniText>& inis, FileComplaints& complaints) {
        // Tried on a service that has everything that a default may ask for.
        ServiceSettings trial;
        trial.name = "defaults@instance";
        SetKeys set;
        for (const auto& ini : inis)
            set = apply_lines("service", lines_of(ini, "defaults"), trial, complaints,
                              &ini == &inis.front() ? nullptr : &set);
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
            for (const auto& [line, text] : set.find(spec.key)->second.lines)
                fallback.lines.push_back(
                    {line, text, complaints.place(line), line >= FileComplaints::kLines});
            defaults_.push_back(std::move(fallback));
        }
    }

    // Every key that the schema has for the section, in its order, with its default.
    static TextPairs texts_of(std::string_view schema, const SetKeys& set) {
        TextPairs texts;
        for (const auto& spec : system_schema()) {
            if (spec.section != schema) continue;
            std::string text(spec.fallback);
            if (auto found = set.find(spec.key); found != set.end()) {
                text.clear();
                for (const auto& [line, value] : found->second.lines)
                    text += (text.empty() ? "" : ", ") + value;
            }
            texts.emplace_back(spec.key, std::move(text));
        }
        return texts;
    }

    void read_plugin_section(const std::string& section, const std::vector<IniText>& inis,
                             FileComplaints& complaints) {
        auto& system = catalog_.system;
        if (auto schema = schema_section(section); !schema.empty()) {
            SetKeys set;
            for (const auto& ini : inis)
                set = apply_lines(schema, lines_of(ini, section), system, complaints,
                                  &ini == &inis.front() ? nullptr : &set);
            system.plugin_config[section] = texts_of(schema, set);
            if (section.starts_with("monitor ")) check_monitor(section, set, inis, complaints);
            return;
        }
        for (const auto& ini : inis) { // somebody else's plugin: it knows its keys itself
            std::map<std::string_view, int> seen;
            for (const auto* line : lines_of(ini, section)) {
                auto [at, is_new] = seen.try_emplace(line->key, line->line);
                if (is_new)
                    put_pair(system.plugin_config[section], line->key, line->value);
                else
                    complaints.error(line->line, line->key,
                                     fmt::format("is already set in line {}",
                                                 FileComplaints::line_in_file(at->second)));
            }
        }
    }

    void check_monitor(const std::string& section, const SetKeys& set, const std::vector<IniText>& inis,
                       FileComplaints& complaints) const {
        int begin = 0;
        for (const auto& ini : inis) {
            for (const auto& each : ini.sections)
                if (begin == 0 && each.name == section) begin = each.line;
            for (const auto* line : lines_of(ini, section)) // complained about already
                if (line->key == "type" && !set.contains("type")) return;
        }
        const auto& texts = catalog_.system.plugin_config.at(section);
        for (const auto& fault : monitor_faults(section.substr(section.find(' ') + 1), texts)) {
            auto at = set.find(fault.key);
            complaints.error(at != set.end() ? at->second.line : begin, fault.key,
                             fault.key.empty() ? fmt::format("[{}] {}", section, fault.text)
                                               : fault.text,
                             fault.hint);
        }
    }

    // [PLUGIN LABEL], in the order in which they are first named.
    void read_labelled_sections(const std::vector<IniText>& inis, FileComplaints& complaints) {
        auto& named = catalog_.system.plugin_sections;
        for (const auto& ini : inis)
            for (const auto& section : ini.sections) {
                bool labelled = section.name.find(' ') != std::string::npos;
                if (!labelled || std::ranges::find(named, section.name) != named.end()) continue;
                if (plugin_of(section.name).empty()) continue; // complained about already
                named.push_back(section.name);
                read_plugin_section(section.name, inis, complaints);
                if (section.name.starts_with("watchdog "))
                    check_further_wdt(section.name, section.line, inis, complaints);
            }
    }

    // Of [PLUGIN LABEL]; empty: there is no such plugin, or it has no sections with labels.
    [[nodiscard]] std::string plugin_of(std::string_view section) const {
        std::string name(section.substr(0, section.find(' ')));
        const auto& plugins = catalog_.system.plugins;
        if (name != "watchdog" && std::ranges::find(plugins, name) == plugins.end()) return {};
        bool own = !schema_section(name).empty() && schema_section(section).empty();
        return own ? std::string{} : name;
    }

    static void put_pair(TextPairs& pairs, const std::string& key, const std::string& value) {
        auto known = std::ranges::find(pairs, key, &TextPairs::value_type::first);
        if (known != pairs.end())
            known->second = value;
        else
            pairs.emplace_back(key, value);
    }

    Catalog& catalog_;
    std::vector<Default> defaults_;
};

} // namespace

Lines lines_of(const IniText& ini, std::string_view section) {
    Lines lines;
    for (const auto& entry : ini.entries)
        if (ini.sections[static_cast<std::size_t>(entry.section)].name == section)
            lines.push_back(&entry);
    return lines;
}

std::vector<Default> read_init_conf(const SourceFile* file,
                                    const std::vector<const SourceFile*>& drop_ins,
                                    Catalog& catalog) {
    if (file != nullptr) return InitConf(catalog).run(*file, drop_ins);
    return InitConf(catalog).run({"init.conf", "", "there is no such file"}, drop_ins);
}

} // namespace leash
