// SPDX-License-Identifier: MIT
#include "init/recovery.h"

#include <algorithm>
#include <cstring>
#include <set>

#include <fcntl.h>
#include <unistd.h>

#include "base/fixed_text.h"
#include "base/log.h"
#include "base/process.h"

namespace leash {

static_assert(sizeof(SystemRecord) <= StatePage::kRecordBytes);
static_assert(sizeof(ServiceRecord) <= StatePage::kRecordBytes);
static_assert(sizeof(StoredRecord) <= StatePage::kRecordBytes);
static_assert(sizeof(SocketsRecord) <= StatePage::kRecordBytes);
static_assert(sizeof(PluginRecord) <= StatePage::kRecordBytes);
static_assert(sizeof(UserConditions) <= StatePage::kRecordBytes);
static_assert(sizeof(MachineTroubleRecord) <= StatePage::kRecordBytes);

namespace {

template <class T> std::span<const std::byte> bytes_of(const T& record) {
    static_assert(std::is_trivially_copyable_v<T>);
    return std::as_bytes(std::span(&record, 1));
}

} // namespace

template <class T> std::optional<T> Recovery::read(std::uint32_t index) const {
    auto bytes = page_ ? page_->read(index) : std::nullopt;
    if (!bytes || bytes->size() != sizeof(T)) return std::nullopt;
    T record;
    std::memcpy(&record, bytes->data(), sizeof record);
    return record;
}

std::unique_ptr<Recovery> Recovery::fresh() {
    auto recovery = std::make_unique<Recovery>();
    if (auto page = StatePage::create(kVersion, kFirstTrouble + kTroubles))
        recovery->page_.emplace(std::move(*page));
    else log::error("{}: a crash of init would lose its services", page.error().text);
    return recovery;
}

Result<std::unique_ptr<Recovery>> Recovery::adopt(UniqueFd fd) {
    auto page = StatePage::adopt(std::move(fd), kVersion);
    if (!page) return std::unexpected(page.error());
    auto recovery = std::make_unique<Recovery>();
    recovery->page_.emplace(std::move(*page));
    for (std::uint32_t i = kFirstSockets; i < kFirstSockets + kSockets; ++i)
        if (auto record = recovery->read<SocketsRecord>(i))
            recovery->sockets_.emplace(get_text(record->service), i);
    for (std::uint32_t i = kFirstService; i < kFirstStored; ++i) {
        auto record = recovery->read<ServiceRecord>(i);
        if (!record) continue;
        recovery->services_.emplace(get_text(record->name), i);
        recovery->next_ = i + 1;
    }
    for (std::uint32_t i = kFirstPlugin; i < kUserConditions; ++i)
        if (auto record = recovery->read<PluginRecord>(i))
            recovery->plugins_.emplace(get_text(record->name), i);
    return recovery;
}

namespace {

// Which numbers may be believed: each once, by the first who claims it.
class OpenDescriptors {
  public:
    explicit OpenDescriptors(int own) { taken_.insert(own); }

    // -1, and counted, where it may not.
    void claim(std::int32_t& fd, DescriptorKind kind = DescriptorKind::other) {
        if (fd < 0) return;
        bool open = fd > STDERR_FILENO && fcntl(fd, F_GETFD) >= 0;
        bool fits = kind == DescriptorKind::other || kind_of_descriptor(fd) == kind;
        if (open && fits && taken_.insert(fd).second) return;
        fd = -1;
        ++stale_;
    }
    [[nodiscard]] int stale() const { return stale_; }

  private:
    std::set<int> taken_;
    int stale_ = 0;
};

} // namespace

int Recovery::drop_stale_descriptors() {
    if (!page_) return 0;
    OpenDescriptors open(fd());
    auto correct = [&](std::uint32_t index, auto& record, auto&& claim) {
        int before = open.stale();
        claim();
        if (open.stale() != before) page_->write(index, bytes_of(record));
    };
    if (auto system = read<SystemRecord>(0))
        correct(0, *system, [&] {
            open.claim(system->log_fd);
            open.claim(system->control_fd, DescriptorKind::socket);
            open.claim(system->module_fd);
            open.claim(system->records_fd);
            for (auto& edition : system->editions)
                if (edition.number != 0) open.claim(edition.fd);
        });
    for (std::uint32_t i = kFirstPlugin; i < kUserConditions; ++i)
        if (auto plugin = read<PluginRecord>(i))
            correct(i, *plugin, [&] {
                for (auto& entry : plugin->fds)
                    if (entry.name[0] != '\0') open.claim(entry.fd);
            });
    for (const auto& [name, i] : sockets_)
        if (auto set = read<SocketsRecord>(i))
            correct(i, *set, [&] {
                for (auto& socket : set->sockets) open.claim(socket.fd);
            });
    for (std::uint32_t i = kFirstStored; i < kFirstSockets; ++i)
        if (auto stored = read<StoredRecord>(i))
            correct(i, *stored, [&] {
                for (auto& entry : stored->entries) open.claim(entry.fd);
            });
    for (const auto& [name, i] : services_)
        if (auto service = read<ServiceRecord>(i))
            correct(i, *service, [&] {
                open.claim(service->notify_fd, DescriptorKind::socket);
                open.claim(service->s6_fd, DescriptorKind::pipe);
                open.claim(service->output, DescriptorKind::pipe);
            });
    return stale_ = open.stale();
}

Result<void> Recovery::check() const {
    if (!page_) return fail("there is no state page");
    if (!system()) return fail("the state page has no record of the system");
    if (auto damaged = page_->damaged())
        return fail("{} records of the state page are damaged", damaged);
    for (std::uint32_t i = kFirstPlugin; i < page_->records(); ++i) {
        auto bytes = page_->read(i);
        std::size_t wanted = i < kUserConditions    ? sizeof(PluginRecord)
                             : i == kUserConditions ? sizeof(UserConditions)
                             : i < kFirstStored     ? sizeof(ServiceRecord)
                             : i < kFirstSockets    ? sizeof(StoredRecord)
                             : i < kFirstTrouble    ? sizeof(SocketsRecord)
                                                    : sizeof(MachineTroubleRecord);
        if (bytes && bytes->size() != wanted)
            return fail("record {} of the state page has {} bytes, not {}", i, bytes->size(), wanted);
    }
    return {};
}

void Recovery::alive(Ms now) {
    if (page_) page_->stamp(now.count());
}

Ms Recovery::last_alive() const { return Ms{page_ ? page_->stamped() : 0}; }

std::uint32_t Recovery::index_of(const std::string& service) {
    auto known = services_.find(service);
    if (known != services_.end()) return known->second;
    std::uint32_t index = next_;
    if (free_.empty()) {
        ++next_;
    } else {
        index = free_.back();
        free_.pop_back();
    }
    services_.emplace(service, index);
    return index;
}

void Recovery::record(const SystemRecord& system) {
    if (page_) page_->write(0, bytes_of(system));
}

void Recovery::record(const ServiceRecord& service) {
    auto index = page_ ? index_of(service.name) : kFirstStored;
    if (index < kFirstStored) page_->write(index, bytes_of(service));
}

void Recovery::record(const PluginState& plugin) {
    auto [place, fresh] = plugins_.emplace(plugin.plugin, kFirstPlugin + plugins_.size());
    if (!page_ || place->second >= kUserConditions) return;
    PluginRecord record{};
    plugin.plugin.copy(record.name, sizeof record.name - 1);
    record.has_bytes = plugin.has_bytes;
    record.length = static_cast<std::uint32_t>(std::min(plugin.bytes.size(), sizeof record.bytes));
    std::copy_n(plugin.bytes.begin(), record.length, record.bytes);
    std::size_t i = 0;
    for (const auto& [name, fd] : plugin.fds) {
        if (i == PluginRecord::kFds) break;
        name.copy(record.fds[i].name, sizeof record.fds[i].name - 1);
        record.fds[i++].fd = fd;
    }
    i = 0;
    for (const auto& helper : plugin.helpers) {
        if (i == PluginRecord::kHelpers) break;
        record.helpers[i].cookie = helper.cookie;
        record.helpers[i].pid = helper.pid;
        record.helpers[i++].used = 1;
    }
    page_->write(place->second, bytes_of(record));
}

void Recovery::record_user_conditions(const std::vector<std::string>& names) {
    UserConditions record{};
    for (const auto& name : names) {
        if (record.count == UserConditions::kMost) break;
        name.copy(record.names[record.count++], sizeof record.names[0] - 1);
    }
    if (page_) page_->write(kUserConditions, bytes_of(record));
}

void Recovery::forget(const std::string& service) {
    auto known = services_.find(service);
    if (known == services_.end()) return;
    if (page_ && known->second < kFirstStored) page_->clear(known->second);
    free_.push_back(known->second);
    services_.erase(known);
}

void Recovery::record(const SocketsRecord& sockets) {
    auto known = sockets_.find(sockets.service);
    if (!page_ || (known == sockets_.end() && sockets_.size() == kSockets)) return;
    if (known == sockets_.end()) {
        auto place = kFirstSockets;
        auto taken = [&](const auto& each) { return each.second == place; };
        while (std::ranges::any_of(sockets_, taken)) ++place;
        known = sockets_.emplace(sockets.service, place).first;
    }
    page_->write(known->second, bytes_of(sockets));
}

void Recovery::forget_sockets(const std::string& service) {
    auto known = sockets_.find(service);
    if (known == sockets_.end()) return;
    if (page_) page_->clear(known->second);
    sockets_.erase(known);
}

std::vector<SocketsRecord> Recovery::sockets() const {
    std::vector<SocketsRecord> all;
    for (const auto& [service, index] : sockets_)
        if (auto record = read<SocketsRecord>(index)) all.push_back(*record);
    return all;
}

void Recovery::forget_machine_troubles() {
    for (const auto& [place, record] : machine_troubles())
        if (page_) page_->clear(kFirstTrouble + place);
}

void Recovery::record_machine_trouble(std::uint32_t place, const MachineTroubleRecord& trouble) {
    if (page_ && place < kTroubles) page_->write(kFirstTrouble + place, bytes_of(trouble));
}

std::map<std::uint32_t, MachineTroubleRecord> Recovery::machine_troubles() const {
    std::map<std::uint32_t, MachineTroubleRecord> all;
    for (std::uint32_t place = 0; place < kTroubles; ++place)
        if (auto record = read<MachineTroubleRecord>(kFirstTrouble + place)) all.emplace(place, *record);
    return all;
}

StoredRecord Recovery::stored(std::uint32_t which) const {
    if (auto record = read<StoredRecord>(kFirstStored + which)) return *record;
    StoredRecord none{};
    for (auto& entry : none.entries) entry.fd = -1;
    return none;
}

// Without a page there is nothing to outlive anything: any place will do.
int Recovery::keep_descriptor(const std::string& service, const std::string& name, int fd, bool poll) {
    if (!page_) return 0;
    for (std::uint32_t which = 0; which < kStored; ++which) {
        auto record = stored(which);
        for (int i = 0; i < StoredRecord::kEntries; ++i) {
            auto& entry = record.entries[i];
            if (entry.fd >= 0) continue;
            entry = {};
            service.copy(entry.service, sizeof entry.service - 1);
            name.copy(entry.name, sizeof entry.name - 1);
            entry.fd = fd;
            entry.poll = poll ? 1 : 0;
            page_->write(kFirstStored + which, bytes_of(record));
            return static_cast<int>(which) * StoredRecord::kEntries + i;
        }
    }
    return -1;
}

void Recovery::release_descriptor(int place) {
    if (!page_ || place < 0) return;
    auto which = static_cast<std::uint32_t>(place / StoredRecord::kEntries);
    auto record = stored(which);
    auto& entry = record.entries[place % StoredRecord::kEntries];
    entry = {};
    entry.fd = -1;
    page_->write(kFirstStored + which, bytes_of(record));
}

std::vector<Recovery::Kept> Recovery::kept_descriptors() const {
    std::vector<Kept> all;
    for (std::uint32_t which = 0; page_ && which < kStored; ++which) {
        auto record = read<StoredRecord>(kFirstStored + which);
        if (!record) continue;
        for (int i = 0; i < StoredRecord::kEntries; ++i) {
            const auto& entry = record->entries[i];
            if (entry.fd < 0) continue;
            all.push_back({static_cast<int>(which) * StoredRecord::kEntries + i, entry.fd,
                           get_text(entry.service),
                           get_text(entry.name),
                           entry.poll != 0});
        }
    }
    return all;
}

std::optional<SystemRecord> Recovery::system() const { return read<SystemRecord>(0); }

std::vector<ServiceRecord> Recovery::services() const {
    std::vector<ServiceRecord> all;
    for (const auto& [name, index] : services_)
        if (auto record = read<ServiceRecord>(index)) all.push_back(*record);
    return all;
}

std::vector<std::string> Recovery::user_conditions() const {
    std::vector<std::string> names;
    auto record = read<UserConditions>(kUserConditions);
    auto count = record ? std::min<std::size_t>(record->count, UserConditions::kMost) : 0;
    for (std::size_t i = 0; i < count; ++i)
        names.push_back(get_text(record->names[i]));
    return names;
}

std::vector<PluginState> Recovery::plugins() const {
    std::vector<PluginState> all;
    for (const auto& [name, index] : plugins_) {
        auto record = read<PluginRecord>(index);
        if (!record) continue;
        PluginState state;
        state.plugin = name;
        state.has_bytes = record->has_bytes != 0;
        state.bytes.assign(record->bytes,
                           record->bytes + std::min<std::size_t>(record->length, sizeof record->bytes));
        for (const auto& entry : record->fds)
            if (entry.name[0] != '\0')
                state.fds.emplace(get_text(entry.name),
                                  entry.fd);
        for (const auto& helper : record->helpers)
            if (helper.used) state.helpers.push_back({helper.pid, helper.cookie});
        all.push_back(std::move(state));
    }
    return all;
}

} // namespace leash
