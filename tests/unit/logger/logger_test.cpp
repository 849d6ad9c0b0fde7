// SPDX-License-Identifier: MIT
#include "logger/logger.h"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

using namespace leash;
namespace fs = std::filesystem;

namespace {

std::string contents(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

// Without the time stamps, which are checked for their form.
std::string texts(const std::string& path) {
    static const std::regex stamped(
        R"(^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (.*)$)", std::regex::optimize);
    std::ifstream file(path);
    std::string line, all;
    while (std::getline(file, line)) {
        std::smatch match;
        if (!std::regex_match(line, match, stamped)) return "no stamp: " + line;
        all += match[1].str() + "\n";
    }
    return all;
}

class LoggerTest : public testing::Test {
  protected:
    LoggerTest() {
        char folder[] = "/tmp/leash-logger-XXXXXX";
        folder_ = mkdtemp(folder);
        options_.folder = folder_ + "/run/leash/log";
        options_.console = folder_ + "/console";
        options_.kernel_log = folder_ + "/kmsg";
        std::ofstream(options_.console), std::ofstream(options_.kernel_log);
    }
    ~LoggerTest() override {
        logger_.reset();
        channel_.reset();
        fs::remove_all(folder_);
    }
    void start() {
        auto pair = make_log_pair();
        ASSERT_TRUE(pair);
        channel_ = std::make_unique<LogChannel>(loop_, std::move(pair->init));
        logger_ = std::make_unique<Logger>(loop_, options_, std::move(pair->logger));
    }
    UniqueFd service(const char* name) { // its output
        int ends[2];
        EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
        UniqueFd read_end(ends[0]);
        channel_->stream(name, read_end.get());
        return UniqueFd(ends[1]);
    }
    static void say(const UniqueFd& to, std::string_view text) {
        ASSERT_EQ(::write(to.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
    }
    void run(Ms time) {
        Timer end(loop_, [this] { loop_.stop(); });
        end.in(time);
        loop_.run();
    }
    void flush() {
        bool done = false;
        channel_->flush([&] {
            done = true;
            loop_.stop();
        });
        run(Ms{2000});
        EXPECT_TRUE(done);
    }
    std::string log(const char* name) const { return options_.folder + "/" + name; }

    EventLoop loop_;
    std::string folder_;
    LoggerOptions options_;
    std::unique_ptr<LogChannel> channel_;
    std::unique_ptr<Logger> logger_;
};

} // namespace

TEST_F(LoggerTest, OutputOfServicesGoesToTheirFiles) {
    start();
    auto httpd = service("httpd"), cron = service("cron"), evil = service("../evil");
    say(httpd, "hello\nworld\n");
    say(cron, "tick");
    flush();
    EXPECT_EQ(texts(log("httpd.log")), "hello\nworld\n");
    EXPECT_FALSE(fs::exists(log("cron.log")));
    say(cron, "tock\n");
    flush();
    EXPECT_EQ(texts(log("cron.log")), "ticktock\n");
    say(cron, "last words");
    cron.reset(); // the last writer
    flush();
    EXPECT_EQ(texts(log("cron.log")), "ticktock\nlast words\n");
    struct stat info{};
    ASSERT_EQ(::stat(log("cron.log").c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0600U);
    ASSERT_EQ(::stat(options_.folder.c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 07777, 0700U);
    EXPECT_EQ(std::distance(fs::directory_iterator(options_.folder), {}), 2);
}

// A next life of init cannot know what its predecessor had still to send.
TEST_F(LoggerTest, APipeThatIsAnnouncedAgainIsReadOnce) {
    start();
    int ends[2];
    ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    UniqueFd read_end(ends[0]), httpd(ends[1]);
    channel_->stream("httpd", read_end.get(), true); // it had not heard of it
    say(httpd, "one\ntw");
    flush();
    channel_->stream("httpd", read_end.get(), true);
    say(httpd, "o\nthree\n");
    flush();
    std::string all = "one\ntwo\nthree\n";
    for (int i = 0; i < 200; ++i) {
        auto line = "line " + std::to_string(i) + "\n";
        say(httpd, line.substr(0, 4));
        run(Ms{1});
        say(httpd, line.substr(4));
        all += line;
    }
    flush();
    EXPECT_EQ(texts(log("httpd.log")), all);
    auto other = service("httpd"); // another pipe of that name: what the next start writes to
    say(other, "four\n");
    flush();
    EXPECT_EQ(texts(log("httpd.log")), all + "four\n");
}

TEST_F(LoggerTest, APartialLineShowsUpAfterAWhile) {
    start();
    auto httpd = service("httpd");
    say(httpd, "Starting ... ");
    run(Ms{2200});
    EXPECT_EQ(texts(log("httpd.log")), "Starting ... \\\n");
    say(httpd, "done\n");
    flush();
    EXPECT_EQ(texts(log("httpd.log")), "Starting ... \\\ndone\n");
}

TEST_F(LoggerTest, MessagesOfInit) {
    start();
    channel_->line(log::Level::error, true, "[\033[1;31mFAIL\033[0m] httpd");
    channel_->line(log::Level::notice, true, "hello");
    channel_->line(log::Level::info, false, "two\nlines");
    channel_->settings({64 * 1024, true});
    channel_->line(log::Level::notice, true, "quiet now");
    channel_->line(log::Level::warning, true, "but not mute");
    flush();
    EXPECT_EQ(texts(log("init.log")), "[FAIL] httpd\nhello\ntwo\nlines\nquiet now\nbut not mute\n");
    EXPECT_EQ(contents(options_.console), "[\033[1;31mFAIL\033[0m] httpd\nhello\nbut not mute\n");
    EXPECT_EQ(contents(options_.kernel_log), // one write a line; no '\n' is needed there
              "<29>leash: [FAIL] httpd<29>leash: hello<30>leash: two?lines<29>leash: quiet now"
              "<29>leash: but not mute"); // what the console has is no error to the kernel
}

TEST_F(LoggerTest, RotatesAtTheSizeGiven) {
    start();
    channel_->settings({1000, false});
    auto httpd = service("httpd");
    for (int i = 0; i < 100; ++i) {
        say(httpd, fmt::format("line {:03} xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n", i));
        if (i % 7 == 0) flush();
    }
    flush();
    auto now = texts(log("httpd.log")), before = texts(log("httpd.log.0"));
    EXPECT_LE(fs::file_size(log("httpd.log")), 1000U);
    EXPECT_LE(fs::file_size(log("httpd.log.0")), 1000U);
    EXPECT_GT(fs::file_size(log("httpd.log.0")), 900U);
    // No line is torn or lost in between.
    auto both = before + now;
    int expected = std::stoi(both.substr(5));
    for (std::size_t at = 0; at < both.size(); at = both.find('\n', at) + 1)
        EXPECT_EQ(std::stoi(both.substr(at + 5)), expected++);
    EXPECT_EQ(expected, 100);
    EXPECT_EQ(std::distance(fs::directory_iterator(options_.folder), {}), 2);
}

TEST_F(LoggerTest, ManyLinesAtOnceRotateToo) {
    start();
    channel_->settings({500, false});
    auto httpd = service("httpd");
    std::string text;
    for (int i = 0; i < 400; ++i) text += fmt::format("line {:03}\n", i);
    say(httpd, text + std::string(900, 'y') + "\nend\n");
    flush();
    EXPECT_EQ(texts(log("httpd.log")), "end\n");
    EXPECT_EQ(texts(log("httpd.log.0")), std::string(900, 'y') + "\n"); // larger than a file
}

TEST_F(LoggerTest, ADeletedFileComesBackAndALinkIsNotFollowed) {
    start();
    auto httpd = service("httpd");
    say(httpd, "one\n");
    flush();
    fs::remove(log("httpd.log"));
    say(httpd, "two\n");
    flush();
    EXPECT_EQ(texts(log("httpd.log")), "two\n");
    fs::create_symlink(folder_ + "/victim", log("cron.log"));
    auto cron = service("cron");
    say(cron, "x\n");
    flush();
    EXPECT_FALSE(fs::exists(folder_ + "/victim"));
}

TEST_F(LoggerTest, WithoutAFolderItCounts) {
    std::ofstream(folder_ + "/run"); // in the way
    start();
    auto httpd = service("httpd");
    say(httpd, "lost\nlost\n");
    flush();
    fs::remove(folder_ + "/run");
    run(Ms{1050});
    say(httpd, "found\n");
    flush();
    EXPECT_EQ(texts(log("httpd.log")), "2 lines lost\nfound\n");
}

TEST_F(LoggerTest, AFullFileSystem) {
    auto tiny = folder_ + "/tiny";
    fs::create_directory(tiny);
    if (::mount("none", tiny.c_str(), "tmpfs", 0, "size=16k") < 0) GTEST_SKIP() << "not root";
    options_.folder = tiny + "/log";
    start();
    auto httpd = service("httpd");
    for (int i = 0; i < 300; ++i) {
        say(httpd, fmt::format("line {} {}\n", i, std::string(100, 'x')));
        if (i % 50 == 0) flush();
    }
    flush();
    auto stuck = texts(log("httpd.log"));
    EXPECT_GT(stuck.size(), 5000U);
    EXPECT_EQ(stuck.find("no stamp"), std::string::npos);
    EXPECT_TRUE(stuck.ends_with("x\n")); // no torn line
    fs::remove(log("httpd.log"));
    say(httpd, "room again\n");
    flush();
    auto after = texts(log("httpd.log"));
    EXPECT_TRUE(std::regex_match(after, std::regex("\\d+ lines lost\nroom again\n"))) << after;
    logger_.reset();
    ::umount(tiny.c_str());
}

TEST_F(LoggerTest, ABlockedConsoleHoldsUpNothing) {
    fs::remove(options_.console);
    ASSERT_EQ(::mkfifo(options_.console.c_str(), 0600), 0);
    UniqueFd reader(::open(options_.console.c_str(), O_RDONLY | O_NONBLOCK));
    start();
    for (int i = 0; i < 2000; ++i) {
        channel_->line(log::Level::notice, true, fmt::format("{} {}", i, std::string(100, 'x')));
        if (i % 20 == 0) run(Ms{0});
    }
    run(Ms{20});
    auto httpd = service("httpd");
    say(httpd, "alive\n");
    run(Ms{20});
    EXPECT_EQ(texts(log("httpd.log")), "alive\n");
    // A closed channel does not wait for ever for such a console.
    channel_.reset();
    Ms begin = monotonic_now();
    run(Ms{4000});
    EXPECT_LT(monotonic_now() - begin, Ms{2500});
    std::string console(200'000, '\0');
    auto got = ::read(reader.get(), console.data(), console.size());
    ASSERT_GT(got, 60'000);
    EXPECT_TRUE(console.starts_with("0 xxx"));
}

TEST_F(LoggerTest, EndsWithItsChannelAfterTheLastLine) {
    start();
    auto httpd = service("httpd");
    run(Ms{5});
    say(httpd, "the end\nno newline");
    channel_->line(log::Level::notice, true, "bye");
    channel_.reset();
    Ms begin = monotonic_now();
    run(Ms{4000});
    EXPECT_LT(monotonic_now() - begin, Ms{1000});
    EXPECT_EQ(texts(log("httpd.log")), "the end\nno newline\n");
    EXPECT_EQ(contents(options_.console), "bye\n");
    EXPECT_EQ(texts(log("init.log")), "bye\n");
}

TEST_F(LoggerTest, AFloodOfOneDoesNotSilenceAnother) {
    start();
    auto flood = service("flood"), quiet = service("quiet");
    pid_t child = ::fork();
    if (child == 0) {
        std::string text(4096, '\n');
        while (::write(flood.get(), text.data(), text.size()) > 0) {}
        _exit(0);
    }
    run(Ms{20});
    say(quiet, "still here\n");
    run(Ms{50});
    EXPECT_EQ(texts(log("quiet.log")), "still here\n");
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
}
