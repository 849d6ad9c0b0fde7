// SPDX-License-Identifier: MIT
#include "config/apply.h"

#include <algorithm>
#include <type_traits>

#include <fmt/format.h>

#include "base/text.h"
#include "config/values.h"

namespace leash {
namespace {

std::string lower(std::string_view text) {
    std::string low(text);
    for (char& c : low)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return low;
}

// What somebody may have meant who wrote an unknown key.
std::string hint_for(std::string_view section, std::string_view key) {
    auto low = lower(key);
    std::ranges::replace(low, '_', '-');
    std::vector<std::string_view> keys;
    for (const auto* schema : {&service_schema(), &system_schema()})
        for (const auto& spec : *schema)
            if (spec.section == section) keys.push_back(spec.key);
    if (auto close = closest_word(low, keys); !close.empty()) return did_you_mean(close);
    for (auto other : {"system", "watchdog", "service"}) {
        if (other == section || find_key(other, low) == nullptr) continue;
        if (std::string_view(other) == "service")
            return fmt::format("{} belongs into services.d/NAME.conf or into [defaults]", low);
        if (section == "service") return fmt::format("{} belongs into init.conf, [{}]", low, other);
        return fmt::format("{} belongs into [{}]", low, other);
    }
    if (low.starts_with("on-")) {
        std::string kinds;
        for (int i = 0; i < kTroubleKinds; ++i)
            kinds += fmt::format("{}on-{}", i > 0 ? ", " : "", to_string(TroubleKind(i)));
        return fmt::format("this version has on-trouble, {}", kinds);
    }
    return {};
}

} // namespace

template <class Settings>
Checked<void> apply_value(const KeySpec& spec, std::string_view text, bool first,
                          Settings& settings, bool over) {
    using Setter = Checked<void> (*)(Settings&, const Value&);
    std::string filled;
    if constexpr (std::is_same_v<Settings, ServiceSettings>) {
        if (spec.filled) {
            auto done = fill_in(text, settings.name);
            if (!done) return std::unexpected(done.error());
            filled = std::move(*done);
            text = filled;
        }
    }
    auto value = parse_value(spec, text);
    if (!value) return std::unexpected(value.error());
    value->over = over;
    auto set = std::get<Setter>(spec.set);
    if (set == nullptr) return {};
    if (!spec.is_list()) return set(settings, *value);

    if (!first || value->items.empty()) return set(settings, *value);
    auto trial = settings; // a faulty first line must not clear the default
    if (auto cleared = set(trial, Value{}); !cleared) return cleared;
    if (auto done = set(trial, *value); !done) return done;
    settings = std::move(trial);
    return {};
}

template <class Settings>
SetKeys apply_lines(std::string_view schema_section, const std::vector<const IniEntry*>& lines,
                    Settings& settings, FileComplaints& complaints, const SetKeys* earlier) {
    SetKeys set_keys = earlier != nullptr ? *earlier : SetKeys{};
    std::map<std::string_view, int> first_lines; // good or not
    for (const auto* entry : lines) {
        const auto* spec = find_key(schema_section, entry->key);
        if (spec == nullptr) {
            complaints.error(entry->line, entry->key, "unknown key",
                             complaints.full() ? "" : hint_for(schema_section, entry->key));
            continue;
        }
        auto [seen, is_new] = first_lines.try_emplace(spec->key, entry->line);
        if (!is_new && !spec->is_list()) {
            complaints.error(entry->line, spec->key,
                             fmt::format("is already set in line {}",
                                         FileComplaints::line_in_file(seen->second)),
                             "only lists may be repeated");
            continue;
        }
        bool first = !set_keys.contains(spec->key);
        if (auto done = apply_value(*spec, entry->value, first, settings, earlier != nullptr);
            !done) {
            complaints.error(entry->line, spec->key, done.error().text, done.error().hint);
            continue;
        }
        auto& known = set_keys[std::string(spec->key)];
        bool cleared = known.lines.size() == 1 && known.lines.front().second.empty();
        if (first || !spec->is_list() || entry->value.empty() || cleared) {
            known.line = entry->line;
            known.lines.clear();
        }
        known.lines.emplace_back(entry->line, entry->value);
        known.text = entry->value;
    }
    return set_keys;
}

template Checked<void> apply_value(const KeySpec&, std::string_view, bool, ServiceSettings&, bool);
template Checked<void> apply_value(const KeySpec&, std::string_view, bool, SystemSettings&, bool);
template SetKeys apply_lines(std::string_view, const std::vector<const IniEntry*>&, ServiceSettings&,
                             FileComplaints&, const SetKeys*);
template SetKeys apply_lines(std::string_view, const std::vector<const IniEntry*>&, SystemSettings&,
                             FileComplaints&, const SetKeys*);

} // namespace leash
