// SPDX-License-Identifier: MIT
// The configuration that an earlier life of init has taken (kept_configuration.h): what describes each
// service now, and what each start is under, as they were. No file is read.
#include "init/init.h"

#include "base/fixed_text.h"
#include "base/log.h"

namespace leash {

// After a reload: the page names the editions before it names what is under them.
void Init::keep_configuration(const std::vector<SourceFile>& files) {
    auto& kept = recovery_->configuration();
    kept.add(files, true);
    kept.prune([this](const std::string& name) { return is_under_older(name); });
    record_system();
    for (const auto& name : manager_.names())
        if (recovery_->knows(name)) executor_->record(name);
}

bool Init::is_under_older(const std::string& service) const {
    const auto* life = manager_.life(service);
    const auto* under = life ? manager_.settings_of(life->start) : nullptr;
    return under && under != manager_.settings(service);
}

// The newer ones come first. What the newest whole one refuses is described by the last that did not.
void Init::define_from(const KeptConfiguration::Edition& edition, const Catalog& catalog,
                       const std::set<std::string>& left_out) {
    auto& kept = recovery_->configuration();
    for (const auto& [name, settings] : catalog.services) {
        bool stays = edition.whole && left_out.contains(name) && !manager_.view(name);
        if (stays) kept.describe(name, edition.number);
        if (stays || kept.kept_description(name) == edition.number)
            manager_.define(ServiceSettings(settings)); // copies: see load_apart
        if (kept.held(name) == edition.number) in_force_.emplace(name, settings);
    }
}

// False: there is none, or it cannot be read.
bool Init::take_kept_configuration() {
    auto& kept = recovery_->configuration();
    std::vector<std::vector<SourceFile>> texts;
    for (const auto& edition : kept.editions()) {
        auto files = KeptConfiguration::read(edition);
        if (!files) {
            log::warning("the kept configuration cannot be read: {}", files.error().text);
            kept.clear();
            return false;
        }
        texts.push_back(std::move(*files));
    }
    const auto* newest = kept.newest_whole();
    if (!newest) return false;
    for (const auto& record : recovery_->services())
        kept.adopt(get_text(record.name), record.described_by, record.in_force);

    const auto& editions = kept.editions();
    auto at = static_cast<std::size_t>(newest - editions.data());
    auto instances = instances_to_keep();
    auto catalog = load_tree(texts[at], instances);
    // [system] is read at boot only.
    system_ = at == 0 ? catalog.system : load_apart(texts.front(), {}).system;
    if (at != 0) [[maybe_unused]] bool taken = take_sections(texts[at], catalog);
    take_catalog(catalog);
    for (std::size_t i = editions.size(); i-- > 0;)
        if (i != at) define_from(editions[i], load_apart(texts[i], instances), catalog.left_out);
    go_on_with_configuration();
    return true;
}

} // namespace leash
