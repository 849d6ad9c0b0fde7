// SPDX-License-Identifier: MIT
// Which cgroup lies below which: the tree below the mount, by inode numbers.
#include <memory>
#include <string>
#include <unordered_map>

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "base/unique_fd.h"
#include "finder/task_detectors.h"

namespace leash::finder {
namespace {

constexpr std::size_t kMostGroups = 16384;
constexpr int kDeepest = 32;

class Tree {
  public:
    std::optional<bool> is_below(std::uint64_t group, std::uint64_t root) {
        // A group that is not known is new, or outside what can be seen: one walk tells.
        if (!parents_.contains(group) || !parents_.contains(root)) {
            parents_.clear();
            walk();
        }
        if (!parents_.contains(group) || !parents_.contains(root)) return std::nullopt;
        for (int depth = 0; group != 0 && depth <= kDeepest; ++depth) {
            if (group == root) return true;
            auto parent = parents_.find(group);
            group = parent == parents_.end() ? 0 : parent->second;
        }
        return false;
    }

  private:
    void walk() {
        for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
            struct statfs info{};
            if (::statfs(mount, &info) != 0 || info.f_type != CGROUP2_SUPER_MAGIC) continue;
            UniqueFd top(::open(mount, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
            struct stat self{};
            if (!top || ::fstat(top.get(), &self) != 0) continue;
            parents_[self.st_ino] = 0;
            add_children(std::move(top), self.st_ino, 0);
            return;
        }
    }

    void add_children(UniqueFd folder, std::uint64_t number, int depth) {
        if (depth > kDeepest) return;
        std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(folder.get()), ::closedir);
        if (!entries) return;
        int fd = folder.release();
        while (const auto* entry = ::readdir(entries.get())) {
            if (entry->d_type != DT_DIR || entry->d_name[0] == '.') continue;
            if (parents_.size() >= kMostGroups) return;
            UniqueFd child(::openat(fd, entry->d_name,
                                    O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW));
            struct stat info{};
            if (!child || ::fstat(child.get(), &info) != 0) continue;
            parents_[info.st_ino] = number;
            add_children(std::move(child), info.st_ino, depth + 1);
        }
    }

    std::unordered_map<std::uint64_t, std::uint64_t> parents_;
};

} // namespace

Stray::IsBelow cgroup_tree() {
    return [tree = std::make_shared<Tree>()](std::uint64_t group, std::uint64_t root) {
        return tree->is_below(group, root);
    };
}

} // namespace leash::finder
