// SPDX-License-Identifier: MIT
#include "init/kept_configuration.h"

#include <algorithm>
#include <set>

#include <fmt/format.h>
#include <sys/mman.h>

#include "base/log.h"
#include "base/whole_file.h"
#include "init/workers.h"

namespace leash {
namespace {

// From its beginning, wherever the descriptor stands.
std::string bytes_of(const UniqueFd& fd) {
    return read_whole_file(fmt::format("/proc/self/fd/{}", fd.get()));
}

UniqueFd memory_file(const std::string& bytes) {
    UniqueFd fd(memfd_create("leash-configuration", MFD_CLOEXEC));
    return fd && write_all(fd.get(), bytes) ? std::move(fd) : UniqueFd();
}

KeptConfiguration::Number number_of(const std::map<std::string, KeptConfiguration::Number>& numbers,
                                    const std::string& service) {
    auto found = numbers.find(service);
    return found == numbers.end() ? 0 : found->second;
}

} // namespace

bool KeptConfiguration::add(const std::vector<SourceFile>& files, bool whole) {
    auto bytes = serialize(files);
    auto* newest = editions_.empty() ? nullptr : &editions_.back();
    if (newest && bytes_of(newest->fd) == bytes) {
        newest->whole = newest->whole || whole;
        return true;
    }
    auto fd = memory_file(bytes);
    if (!fd) {
        log::warning("the configuration cannot be kept: a crash of init would read the files again");
        clear();
        return false;
    }
    if (editions_.size() == EditionRecord::kMost) forget_oldest();
    editions_.push_back({newest ? editions_.back().number + 1 : 1, whole, std::move(fd)});
    return true;
}

const KeptConfiguration::Edition* KeptConfiguration::newest_whole() const {
    for (auto each = editions_.rbegin(); each != editions_.rend(); ++each)
        if (each->whole) return &*each;
    return nullptr;
}

KeptConfiguration::Number KeptConfiguration::describing(const std::string& service) const {
    if (auto kept = kept_description(service); kept != 0) return kept;
    const auto* newest = newest_whole();
    return newest ? newest->number : 0;
}

void KeptConfiguration::describe(const std::string& service, Number by) {
    if (by != 0) described_[service] = by;
}

void KeptConfiguration::hold(const std::string& service) {
    if (auto now = describing(service); now != 0) held_.emplace(service, now);
}

KeptConfiguration::Number KeptConfiguration::kept_description(const std::string& service) const {
    return number_of(described_, service);
}

KeptConfiguration::Number KeptConfiguration::held(const std::string& service) const {
    return number_of(held_, service);
}

bool KeptConfiguration::is_needed(const Edition& edition) const {
    auto is_it = [&](const auto& each) { return each.second == edition.number; };
    return &edition == &editions_.front() || &edition == newest_whole() ||
           std::ranges::any_of(described_, is_it) || std::ranges::any_of(held_, is_it);
}

void KeptConfiguration::prune(const std::function<bool(const std::string&)>& holds) {
    std::erase_if(held_, [&](const auto& each) { return !holds(each.first); });
    std::set<Number> needed;
    for (const auto& edition : editions_)
        if (is_needed(edition)) needed.insert(edition.number);
    std::erase_if(editions_, [&](const Edition& each) { return !needed.contains(each.number); });
}

// So many reloads, and each has left somebody under it. The start that is the longest behind is taken to
// be under its newest description after a crash.
void KeptConfiguration::forget_oldest() {
    auto victim = editions_.begin() + 1;
    log::warning("more than {} editions of the configuration are in force: after a crash of init what "
                 "is under the oldest counts as under the newest",
                 EditionRecord::kMost);
    auto is_it = [&](const auto& each) { return each.second == victim->number; };
    std::erase_if(described_, is_it);
    std::erase_if(held_, is_it);
    editions_.erase(victim);
}

EditionRecords KeptConfiguration::records() const {
    EditionRecords records{};
    for (std::size_t i = 0; i < std::min(editions_.size(), records.size()); ++i)
        records[i] = {editions_[i].number, editions_[i].fd.get(), editions_[i].whole ? 1U : 0U};
    return records;
}

void KeptConfiguration::adopt(const EditionRecords& records) {
    clear();
    bool complete = true;
    for (const auto& record : records) {
        if (record.number == 0) continue;
        complete = complete && record.fd >= 0;
        editions_.push_back({record.number, record.whole != 0, UniqueFd(record.fd)});
    }
    if (!complete || !newest_whole()) clear();
}

void KeptConfiguration::adopt(const std::string& service, Number description, Number held) {
    if (description != 0) described_[service] = description;
    if (held != 0) held_[service] = held;
}

void KeptConfiguration::clear() {
    editions_.clear();
    described_.clear();
    held_.clear();
}

Result<std::vector<SourceFile>> KeptConfiguration::read(const Edition& edition) {
    return deserialize(bytes_of(edition.fd));
}

} // namespace leash
