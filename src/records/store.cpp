// SPDX-License-Identifier: MIT
#include "records/store.h"

#include <algorithm>
#include <cerrno>
#include <map>
#include <span>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

namespace leash::records {
namespace {

constexpr std::size_t kMostOfAFile = 16 << 20; // whatever somebody else has made of it
constexpr unsigned kMostFiles = 64;

std::string file_of(const std::string& folder, unsigned generation) {
    auto path = folder + "/troubles";
    return generation == 0 ? path : fmt::format("{}.{}", path, generation);
}

bool write_whole(int fd, std::string_view bytes) {
    while (!bytes.empty()) {
        auto written = write(fd, bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written <= 0) {
            if (written == 0) errno = ENOSPC;
            return false;
        }
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return true;
}

bool in_memory(const std::string& path) {
    struct statfs facts {};
    auto folder = path.substr(0, path.rfind('/'));
    return statfs(folder.c_str(), &facts) == 0 &&
           (facts.f_type == TMPFS_MAGIC || facts.f_type == RAMFS_MAGIC);
}

} // namespace

std::string read_all(int fd, std::size_t most) {
    std::string text;
    char buffer[2048]; // small: PID 1 keeps what its stack has once needed
    while (text.size() < most) {
        auto got = pread(fd, buffer, std::min(sizeof buffer, most - text.size()),
                         static_cast<off_t>(text.size()));
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        text.append(buffer, static_cast<std::size_t>(got));
    }
    return text;
}

// ---- the spool ----------------------------------------------------------------------------------

Spool::Spool(UniqueFd fd) : fd_(std::move(fd)) {
    auto text = read_all(fd_.get(), 2 * kBytes);
    size_ = text.size();
    // The earlier life died in the middle of a line: the next one begins behind it.
    if (!text.empty() && text.back() != '\n' &&
        pwrite(fd_.get(), "\n", 1, static_cast<off_t>(size_)) == 1)
        ++size_;
    for (auto line : lines_of(text).whole) {
        auto key = key_of(line);
        if (key->number < last_) continue;
        last_ = key->number;
        boot_ = std::move(key->boot);
    }
}

Result<Spool> Spool::open(const std::string& path) {
    UniqueFd fd;
    if (in_memory(path))
        fd = UniqueFd(::open(path.c_str(), O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640));
    if (!fd) fd = UniqueFd(memfd_create("leash-troubles", MFD_CLOEXEC));
    if (!fd) return fail_errno(errno, "no room for records of trouble");
    return Spool(std::move(fd));
}

Spool Spool::adopt(UniqueFd fd) { return Spool(std::move(fd)); }

// Of the process, not of the descriptor, which PID 1 shares with it.
bool Spool::claim() const {
    struct flock all {};
    all.l_type = F_WRLCK;
    all.l_whence = SEEK_SET;
    return fcntl(fd_.get(), F_SETLK, &all) == 0;
}

Result<std::size_t> Spool::append(std::string_view line, std::uint64_t stored) {
    std::size_t lost = 0;
    std::string text(line);
    text += '\n';
    if (size_ + text.size() > kBytes) {
        auto all = read_all(fd_.get(), 2 * kBytes);
        auto lines = lines_of(all).whole;
        std::string kept;
        auto first = lines.size();
        for (std::size_t bytes = 0; first > 0; --first) {
            bytes += lines[first - 1].size() + 1;
            if (bytes + text.size() > kBytes / 2) break;
        }
        for (std::size_t i = 0; i < lines.size(); ++i) {
            if (i < first) lost += key_of(lines[i])->number > stored ? 1 : 0;
            else kept.append(lines[i]) += '\n';
        }
        // A life that ends in between leaves some of them twice, which readers do not mind.
        if (pwrite(fd_.get(), kept.data(), kept.size(), 0) != static_cast<ssize_t>(kept.size()) ||
            ftruncate(fd_.get(), static_cast<off_t>(kept.size())) < 0)
            return fail_errno(errno, "no room for records of trouble");
        size_ = kept.size();
    }
    auto written = pwrite(fd_.get(), text.data(), text.size(), static_cast<off_t>(size_));
    if (written != static_cast<ssize_t>(text.size())) {
        int error = written < 0 ? errno : ENOSPC;
        [[maybe_unused]] int ignored = ftruncate(fd_.get(), static_cast<off_t>(size_));
        return fail_errno(error, "no room for records of trouble");
    }
    size_ += text.size();
    if (auto key = key_of(line)) last_ = std::max(last_, key->number);
    return lost;
}

// ---- the disk -----------------------------------------------------------------------------------

namespace {

// As many of `wanted` as one file takes. The number of the newest one on the disk then.
Result<std::uint64_t> store_part(const std::string& folder, const UniqueFd& place,
                                 std::span<const std::string_view> wanted, const StoreLimits& limits) {
    auto newest = *key_of(wanted.back());
    auto path = file_of(folder, 0);
    auto open_newest = [&] {
        return UniqueFd(open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC, 0640));
    };
    auto file = open_newest();
    if (!file) return fail_errno(errno, "cannot open {}", path);
    // What is there already: of this boot, in the newest file or in the one before.
    std::uint64_t there = 0;
    auto look = [&](std::string_view text) {
        for (auto line : lines_of(text).whole)
            if (auto key = *key_of(line); key.boot == newest.boot) there = std::max(there, key.number);
    };
    auto text = read_all(file.get(), kMostOfAFile);
    look(text);
    if (there == 0)
        if (UniqueFd before{open(file_of(folder, 1).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC)})
            look(read_all(before.get(), kMostOfAFile));

    std::string more;
    auto last = there;
    for (auto line : wanted) {
        auto number = key_of(line)->number;
        if (number <= there) continue;
        if (!more.empty() && more.size() + line.size() + 1 > limits.bytes) break;
        more.append(line) += '\n';
        last = number;
    }
    if (more.empty()) return there;

    bool moved = false;
    if (!text.empty() && text.size() + more.size() > limits.bytes) {
        auto files = std::clamp(limits.files, 1U, kMostFiles);
        for (auto i = files - 1; i > 0; --i)
            if (rename(file_of(folder, i - 1).c_str(), file_of(folder, i).c_str()) < 0 &&
                errno != ENOENT)
                return fail_errno(errno, "cannot rename {}", file_of(folder, i - 1));
        if (files == 1) (void)unlink(path.c_str());
        // After a change of the setting there may be more of them.
        for (auto i = files; i < kMostFiles; ++i)
            if (unlink(file_of(folder, i).c_str()) < 0) break;
        file = open_newest();
        if (!file) return fail_errno(errno, "cannot open {}", path);
        text.clear();
        moved = true;
    }
    // Behind what a power cut has torn.
    if (!text.empty() && text.back() != '\n') more.insert(0, 1, '\n');
    struct stat facts {};
    if (fstat(file.get(), &facts) < 0) return fail_errno(errno, "cannot read {}", path);
    if (!write_whole(file.get(), more) || fsync(file.get()) < 0) {
        int error = errno;
        [[maybe_unused]] int ignored = ftruncate(file.get(), facts.st_size);
        return fail_errno(error, "cannot write to {}", path);
    }
    if ((moved || text.empty()) && fsync(place.get()) < 0)
        return fail_errno(errno, "cannot make {} durable", folder);
    return last;
}

} // namespace

Result<std::uint64_t> store(const std::string& folder, std::string_view spool,
                            const StoreLimits& limits) {
    auto wanted = lines_of(spool).whole;
    if (wanted.empty()) return 0;
    if (mkdir(folder.c_str(), 0755) < 0 && errno != EEXIST)
        return fail_errno(errno, "cannot make {}", folder);
    UniqueFd place(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!place) return fail_errno(errno, "cannot open {}", folder);
    if (flock(place.get(), LOCK_EX | LOCK_NB) < 0)
        return fail_errno(errno == EWOULDBLOCK ? EAGAIN : errno, "cannot lock {}", folder);

    auto newest = key_of(wanted.back())->number;
    std::uint64_t before = 0;
    while (true) {
        auto there = store_part(folder, place, wanted, limits);
        if (!there || *there >= newest || *there <= before) return there;
        before = *there;
    }
}

// Records move from the spool to the newest file, and from each file to an older one: read in that
// order, none is missed that moves meanwhile. One that is read twice counts once.
Found read_records(const std::string& folder, const std::string& spool) {
    std::string text;
    Found found;
    auto add = [&](const std::string& path) {
        UniqueFd file(open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
        if (!file) {
            if (errno != ENOENT && found.error == 0) found.error = errno;
            return;
        }
        auto part = read_all(file.get(), kMostOfAFile);
        if (!part.empty() && part.back() != '\n') part += '\n';
        text.insert(0, part);
    };
    add(spool);
    for (unsigned i = 0; i < kMostFiles; ++i) add(file_of(folder, i));
    auto lines = lines_of(text);
    found.damaged = lines.damaged;
    found.lines.assign(lines.whole.begin(), lines.whole.end());
    return found;
}

} // namespace leash::records
