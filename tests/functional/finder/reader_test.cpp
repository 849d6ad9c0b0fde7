// SPDX-License-Identifier: MIT
// A process whose memory does not come when it is read: a page that userfaultfd has to bring, and nobody
// brings. Who reads it is given up, and all others are read as before.
#include <chrono>
#include <csignal>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "finder/reader.h"

namespace leash::finder {
namespace {

constexpr std::uint64_t kPage = 0x70000000, kSize = 4096;

// A page at kPage in this process that nobody will bring; false where the kernel has no userfaultfd.
bool make_missing_page() {
    auto* page = ::mmap(reinterpret_cast<void*>(kPage), kSize, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (page == MAP_FAILED) return false;
    auto fd = static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC));
    if (fd < 0) return false;
    uffdio_api api{};
    api.api = UFFD_API;
    uffdio_register area{};
    area.range = {kPage, kSize};
    area.mode = UFFDIO_REGISTER_MODE_MISSING;
    return ::ioctl(fd, UFFDIO_API, &api) == 0 && ::ioctl(fd, UFFDIO_REGISTER, &area) == 0;
}

// A process with such a page; *good is false, and stays so, where the kernel does not allow it.
pid_t fork_with_missing_page(bool* good) {
    int ends[2];
    if (::pipe(ends) != 0) {
        *good = false;
        return -1;
    }
    auto child = ::fork();
    if (child == 0) {
        char ready = make_missing_page() ? 'y' : 'n';
        (void)!::write(ends[1], &ready, 1);
        while (true) ::pause();
    }
    char ready = 0;
    EXPECT_EQ(::read(ends[0], &ready, 1), 1);
    *good = *good && ready == 'y';
    for (int end : ends) ::close(end);
    return child;
}

TEST(Reader, IsNotHeldUpByAPageThatDoesNotCome) {
    bool good = true;
    auto child = fork_with_missing_page(&good);
    ASSERT_GT(child, 0);
    if (!good) {
        ::kill(child, SIGKILL);
        ::waitpid(child, nullptr, 0);
        GTEST_SKIP() << "no userfaultfd";
    }
    constexpr int kLimitMs = 200;
    auto reader = make_reader(kLimitMs);
    static const char text[] = "well";
    Piece pieces[] = {{child, kPage, 8},
                      {child, kPage, 8}, // put aside: not waited for again
                      {::getpid(), reinterpret_cast<std::uint64_t>(text), 4}};
    auto began = std::chrono::steady_clock::now();
    auto texts = reader->read(pieces);
    auto took = std::chrono::steady_clock::now() - began;
    EXPECT_EQ(texts, (std::vector<std::string>{"", "", "well"}));
    EXPECT_GE(took, std::chrono::milliseconds(kLimitMs));
    EXPECT_LT(took, std::chrono::milliseconds(10 * kLimitMs));
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
}

// Many of them: a look has a time for all its questions.
TEST(Reader, ALookIsNotHeldUpByMany) {
    constexpr int kMany = 12, kLimitMs = 100, kLookMs = 250;
    std::vector<pid_t> children;
    std::vector<Piece> pieces;
    bool good = true;
    for (int i = 0; i < kMany; ++i) {
        auto child = fork_with_missing_page(&good);
        ASSERT_GT(child, 0);
        children.push_back(child);
        pieces.push_back({child, kPage, 8});
    }
    if (good) {
        auto reader = make_reader(kLimitMs, kLookMs);
        static const char text[] = "well";
        Piece well{::getpid(), reinterpret_cast<std::uint64_t>(text), 4};
        std::string last;
        for (int looks = 0; looks < 12 && last.empty(); ++looks) {
            reader->begin_look();
            auto began = std::chrono::steady_clock::now();
            EXPECT_EQ(reader->read(pieces).size(), pieces.size());
            last = reader->read({&well, 1}).front(); // behind all of them
            auto took = std::chrono::steady_clock::now() - began;
            EXPECT_LT(took, std::chrono::milliseconds(kLookMs + 5 * kLimitMs));
        }
        EXPECT_EQ(last, "well") << "those that hang are put aside, and others have their turn";
    }
    for (auto child : children) ::kill(child, SIGKILL);
    for (auto child : children) ::waitpid(child, nullptr, 0);
    if (!good) GTEST_SKIP() << "no userfaultfd";
}

} // namespace
} // namespace leash::finder
