// SPDX-License-Identifier: MIT
// The two other ways to say "ready": s6's descriptor and the pid file.
#include <filesystem>
#include <fstream>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "notify/pidfile_watch.h"
#include "notify/s6_ready.h"

using namespace leash;

namespace {

void run(EventLoop& loop, Ms time) {
    Timer end(loop, [&] { loop.stop(); });
    end.in(time);
    loop.run();
}

class Pidfile : public testing::Test {
  protected:
    Pidfile() {
        char folder[] = "/tmp/leash-pidfile-XXXXXX";
        folder_ = mkdtemp(folder);
    }
    ~Pidfile() override { std::filesystem::remove_all(folder_); }
    void write(const std::string& text, const char* name = "a.pid") {
        std::ofstream(folder_ + "/" + name) << text;
    }
    EventLoop loop_;
    std::string folder_;
    std::vector<pid_t> found_;
};

} // namespace

TEST(S6Ready, ANewlineCounts) {
    EventLoop loop;
    auto pipe = make_s6_pipe();
    ASSERT_TRUE(pipe);
    int calls = 0;
    auto ready = std::make_unique<S6Ready>(loop, std::move(pipe->read), [&] { ++calls; });
    ASSERT_EQ(write(pipe->write.get(), "almost", 6), 6);
    run(loop, Ms{5});
    EXPECT_EQ(calls, 0);
    ASSERT_EQ(write(pipe->write.get(), " there\nand more\n", 16), 16);
    pipe->write.reset(); // as s6's protocol has it; data and hang-up arrive together
    run(loop, Ms{5});
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(ready->fd(), -1);
    ready->drain();
    EXPECT_EQ(calls, 1);
}

// Heartbeats: further newlines of who keeps the descriptor open; a flood of them is heard now and then.
TEST(S6Ready, FurtherNewlinesAreHeartbeats) {
    EventLoop loop;
    auto pipe = make_s6_pipe();
    ASSERT_TRUE(pipe);
    int calls = 0, beats = 0, closed = 0;
    auto ready = std::make_unique<S6Ready>(
        loop, std::move(pipe->read), [&] { ++calls; }, [&] { ++closed; }, [&] { ++beats; });
    auto say = [&](std::string_view text) {
        ASSERT_EQ(write(pipe->write.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    };
    say("\n");
    run(loop, Ms{50});
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(beats, 0);
    EXPECT_GE(ready->fd(), 0);
    say("\n");
    run(loop, Ms{50});
    EXPECT_EQ(beats, 1);
    say("no line");
    run(loop, Ms{50});
    EXPECT_EQ(beats, 1);
    say("\n");
    ready->drain(); // before a deadline is called missed
    EXPECT_EQ(beats, 2);
    std::string many(60'000, '\n');
    say(many);
    run(loop, Ms{200});
    EXPECT_LE(beats, 2 + 11) << "at most one each 20 ms";
    EXPECT_GE(beats, 2 + 2);
    run(loop, Ms{600});
    pipe->write.reset();
    run(loop, Ms{50});
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(closed, 1);
    EXPECT_EQ(ready->fd(), -1);
}

TEST(S6Ready, ReadyInAnEarlierLifeItGoesOnBeating) {
    EventLoop loop;
    auto pipe = make_s6_pipe();
    ASSERT_TRUE(pipe);
    int beats = 0;
    S6Ready ready(loop, std::move(pipe->read), {}, {}, [&] { ++beats; });
    ASSERT_EQ(write(pipe->write.get(), "\n", 1), 1);
    run(loop, Ms{20});
    EXPECT_EQ(beats, 1);
}

TEST(S6Ready, ALateNewlineBehindMuchTextAndAHangUp) {
    EventLoop loop;
    auto pipe = make_s6_pipe();
    ASSERT_TRUE(pipe);
    int calls = 0;
    S6Ready ready(loop, std::move(pipe->read), [&] { ++calls; });
    std::string text(5000, 'x');
    text += '\n';
    ASSERT_EQ(write(pipe->write.get(), text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
    pipe->write.reset();
    run(loop, Ms{10});
    EXPECT_EQ(calls, 1);
}

TEST(S6Ready, AnEndWithoutOneDoesNot) {
    EventLoop loop;
    auto pipe = make_s6_pipe();
    ASSERT_TRUE(pipe);
    int calls = 0;
    int closed = 0;
    S6Ready ready(loop, std::move(pipe->read), [&] { ++calls; }, [&] { ++closed; });
    pipe->write.reset();
    run(loop, Ms{5});
    EXPECT_EQ(calls, 0);
    EXPECT_EQ(closed, 1);
    EXPECT_EQ(ready.fd(), -1);
}

TEST(S6Ready, MayBeDestroyedByItsCallback) {
    EventLoop loop;
    auto pipe = make_s6_pipe();
    ASSERT_TRUE(pipe);
    std::unique_ptr<S6Ready> ready;
    int calls = 0;
    ready = std::make_unique<S6Ready>(loop, std::move(pipe->read), [&] {
        ++calls;
        ready.reset();
    });
    ASSERT_EQ(write(pipe->write.get(), "\n", 1), 1);
    ready->drain();
    EXPECT_EQ(calls, 1);
}

TEST_F(Pidfile, PathsThatMayBeRead) {
    EXPECT_EQ(pidfile_below_run("/run/httpd.pid"), "httpd.pid");
    EXPECT_EQ(pidfile_below_run("/var/run/a/b.pid"), "a/b.pid");
    for (const char* path : {"/tmp/a.pid", "run/a.pid", "/run", "/run/", "/run/../etc/passwd",
                             "/run/a//b", "/run/./a", "/var/lib/a.pid", "/runner/a", ""})
        EXPECT_FALSE(pidfile_below_run(path)) << path;
}

TEST_F(Pidfile, ComesByAndBy) {
    PidfileWatch watch(loop_, "/run/a.pid", [&](pid_t pid) { found_.push_back(pid); }, folder_);
    run(loop_, Ms{5});
    write("");
    run(loop_, Ms{60});
    EXPECT_TRUE(found_.empty());
    write("1234\n");
    run(loop_, Ms{120});
    EXPECT_EQ(found_, std::vector<pid_t>{1234}); // told once
    write("  77  \n# a remark\n");
    watch.drain();
    EXPECT_EQ(found_, (std::vector<pid_t>{1234, 77}));
}

TEST_F(Pidfile, NoPid) {
    PidfileWatch watch(loop_, "/run/a.pid", [&](pid_t pid) { found_.push_back(pid); }, folder_);
    for (const char* text : {"", "\n", "abc", "0", "1", "-7", "99999999999", "12x"}) {
        write(text);
        watch.drain();
    }
    EXPECT_TRUE(found_.empty());
    write("500", "real");
    std::filesystem::remove(folder_ + "/a.pid");
    std::filesystem::create_symlink("real", folder_ + "/a.pid");
    watch.drain();
    EXPECT_TRUE(found_.empty());
    std::filesystem::remove(folder_ + "/a.pid");
    ASSERT_EQ(mkfifo((folder_ + "/a.pid").c_str(), 0600), 0);
    watch.drain(); // neither waits nor finds
    EXPECT_TRUE(found_.empty());
}

TEST_F(Pidfile, MayBeDestroyedByItsCallback) {
    std::unique_ptr<PidfileWatch> watch;
    write("42\n");
    watch = std::make_unique<PidfileWatch>(loop_, "/run/a.pid", [&](pid_t pid) {
        found_.push_back(pid);
        watch.reset();
    }, folder_);
    run(loop_, Ms{120});
    EXPECT_EQ(found_, std::vector<pid_t>{42});
}
