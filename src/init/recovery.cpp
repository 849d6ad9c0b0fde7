// SPDX-License-Identifier: MIT
#include "init/recovery.h"

#include <cstring>

#include "base/log.h"

namespace leash {

static_assert(sizeof(ServiceRecord) <= StatePage::kRecordBytes);

std::unique_ptr<Recovery> Recovery::fresh() {
    auto recovery = std::make_unique<Recovery>();
    if (auto page = StatePage::create(ServiceRecord::kVersion, kCapacity))
        recovery->page_.emplace(std::move(*page));
    else
        log::error("{}: a crash of init would lose its services", page.error().text);
    return recovery;
}

std::uint32_t Recovery::index_of(const std::string& service) {
    auto known = indexes_.find(service);
    if (known != indexes_.end()) return known->second;
    std::uint32_t index = next_;
    if (free_.empty()) {
        ++next_;
    } else {
        index = free_.back();
        free_.pop_back();
    }
    indexes_.emplace(service, index);
    return index;
}

void Recovery::record(const ServiceView& view, Intent intent) {
    if (!page_) return;
    ServiceRecord record{};
    view.name.copy(record.name, sizeof record.name - 1);
    record.start = view.start;
    record.last_start = view.last_start;
    record.since_ms = view.since.count();
    record.state = static_cast<std::int32_t>(view.state);
    record.main_pid = view.main_pid;
    record.restarts = view.restarts;
    record.last_exit = view.last_exit.value_or(0);
    record.has_last_exit = view.last_exit.has_value();
    record.intent = static_cast<std::uint32_t>(intent);
    page_->write(index_of(view.name), std::as_bytes(std::span(&record, 1)));
}

void Recovery::forget(const std::string& service) {
    auto known = indexes_.find(service);
    if (known == indexes_.end()) return;
    if (page_) page_->clear(known->second);
    free_.push_back(known->second);
    indexes_.erase(known);
}

std::vector<ServiceRecord> Recovery::records() const {
    std::vector<ServiceRecord> all;
    for (std::uint32_t i = 0; page_ && i < page_->records(); ++i) {
        auto bytes = page_->read(i);
        if (!bytes || bytes->size() != sizeof(ServiceRecord)) continue;
        ServiceRecord record{};
        std::memcpy(&record, bytes->data(), sizeof record);
        record.name[sizeof record.name - 1] = '\0';
        all.push_back(record);
    }
    return all;
}

} // namespace leash
