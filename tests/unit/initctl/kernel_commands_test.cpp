// SPDX-License-Identifier: MIT
// ps --kernel and top: what asks the kernel module.
#include <csignal>
#include <deque>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "../taskview/fake_source.h"
#include "fake_init.h"
#include "initctl/client.h"

using namespace leash;
using namespace leash::initctl;
using namespace leash::taskview;
using Input = Screen::Input;
using Event = Screen::Event;

namespace {

struct FakeScreen : Screen {
    FakeScreen(std::deque<Input>& inputs, std::vector<Ms>& waits, taskview::Terminal size, int sig)
        : inputs_(inputs), waits_(waits), size_(size), signal_(sig) {}
    [[nodiscard]] taskview::Terminal terminal() const override { return size_; }
    [[nodiscard]] int signal() const override { return signal_; }
    Input wait(Ms time) override {
        waits_.push_back(time);
        if (inputs_.empty()) return {Event::nothing, '\0'};
        auto input = inputs_.front();
        inputs_.pop_front();
        return input;
    }
    std::deque<Input>& inputs_;
    std::vector<Ms>& waits_;
    taskview::Terminal size_;
    int signal_;
};

class KernelCommands : public testing::Test, public FakeInit {
  protected:
    KernelCommands() {
        for (std::uint64_t i = 0; i < 4; ++i) {
            auto& sample = kernel.samples.emplace_back();
            sample.time_ns = (100 + i) * kSec;
            sample.starts = {make_start(0xa, "web")};
            sample.rows = {make_row(1), make_row(20, "web", 0xa)};
            sample.rows[1].task.runtime_ns = i * 500 * kMs;
            sample.rows[0].task.anon = 4096;
            for (auto& row : sample.rows) row.time_ns = sample.time_ns;
        }
        session_.open_tasks = kernel.opener();
        session_.open_screen = [this](bool is_batch) {
            batch = is_batch;
            return std::make_unique<FakeScreen>(inputs, waits,
                                                is_batch ? taskview::Terminal{} : size, signal);
        };
    }
    FakeKernel kernel;
    std::deque<Input> inputs;
    std::vector<Ms> waits;
    taskview::Terminal size{false, 80, 24};
    int signal = 0;
    bool batch = false;
};

std::size_t count(const std::string& text, const std::string& part) {
    std::size_t n = 0;
    for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
    return n;
}

} // namespace

TEST_F(KernelCommands, PsNeedsNoInit) {
    EXPECT_EQ(run({"initctl", "ps", "--kernel"}), 0);
    EXPECT_EQ(err, "");
    EXPECT_TRUE(out.starts_with("PID  TID  SERVICE  SOURCE   STATE  START ")) << out;
    EXPECT_NE(out.find("\n 20   20  web      lineage  S      000000000000000a "),
              std::string::npos) << out;
    EXPECT_TRUE(kernel.queries.at(0).filter.kernel);
    EXPECT_FALSE(kernel.queries.at(0).filter.threads);
    EXPECT_EQ(run({"initctl", "ps", "-kt"}), 2); // -t and -k are words of their own
    EXPECT_EQ(run({"initctl", "ps", "-k", "-t"}), 0);
    EXPECT_TRUE(kernel.queries.at(1).filter.threads);
}

TEST_F(KernelCommands, PsJsonBeginsAsThatOfInit) {
    EXPECT_EQ(run({"initctl", "ps", "--kernel", "--json"}), 0);
    EXPECT_TRUE(out.starts_with(R"([{"pid":1,"tid":1,"service":null,"source":null,"state":"S",)"
                                R"("command":"cmd1","start_id":null,)")) << out;
    auto parsed = Json::parse(out);
    ASSERT_EQ(parsed.size(), 2u);
    EXPECT_EQ(parsed[1]["service"], "web");
    EXPECT_EQ(count(out, "\n"), 2u); // an object a line
}

// Where another init runs, or none of Leash yet.
TEST_F(KernelCommands, PsAsksTheModuleWhereNobodyListens) {
    EXPECT_EQ(run({"initctl", "ps", "-t"}), 0);
    EXPECT_EQ(err, "initctl: init is not reachable at " + session_.socket +
                       ": No such file or directory; the kernel module is asked instead\n");
    EXPECT_NE(out.find("\n 20   20  web      lineage  S      000000000000000a "),
              std::string::npos) << out;
    EXPECT_TRUE(kernel.queries.at(0).filter.threads);
    EXPECT_EQ(run({"initctl", "ps", "--json"}), 0);
    EXPECT_EQ(Json::parse(out)[1]["service"], "web") << "what is told besides goes to stderr";
    kernel.refusal = Refusal{"/dev/leash: not there: try: modprobe leash", 5};
    EXPECT_EQ(run({"initctl", "ps"}), 5);
    EXPECT_EQ(err, "initctl: init is not reachable at " + session_.socket +
                       ": No such file or directory; nor is the kernel module: /dev/leash: not there: "
                       "try: modprobe leash\n");
    EXPECT_EQ(out, "");
}

TEST_F(KernelCommands, PsAsksTheModuleWhereTheSocketIsLeftOver) {
    listen();
    ::shutdown(listening_fd(), SHUT_RDWR);
    EXPECT_EQ(run({"initctl", "ps"}), 0);
    EXPECT_TRUE(err.contains(": Connection refused; the kernel module is asked instead\n")) << err;
}

// It is there and says no, or says nothing of use: the module's answer would hide that.
TEST_F(KernelCommands, PsDoesNotGoPastAnInitThatIsThere) {
    answer("ps", "");
    listen();
    EXPECT_EQ(run({"initctl", "ps"}), 5);
    EXPECT_TRUE(err.ends_with(": it closed the connection\n")) << err;
    EXPECT_TRUE(kernel.queries.empty());
    session_.socket = "/proc/self/mem/control"; // not a folder: neither of the two
    EXPECT_EQ(run({"initctl", "ps"}), 5);
    EXPECT_TRUE(kernel.queries.empty());
}

TEST_F(KernelCommands, WithoutTheModule) {
    kernel.refusal = Refusal{"/dev/leash: not there: try: modprobe leash", 5};
    for (const char* command : {"top", "ps"}) {
        EXPECT_EQ(run({"initctl", command, command[0] == 't' ? "-b" : "-k"}), 5);
        EXPECT_EQ(err, "initctl: /dev/leash: not there: try: modprobe leash\n");
        EXPECT_EQ(out, "");
    }
    kernel.refusal.reset();
    kernel.broken = Error{"/dev/leash: snapshot: Operation not permitted", EPERM};
    EXPECT_EQ(run({"initctl", "top", "-b"}), 6);
    EXPECT_EQ(run({"initctl", "ps", "-k"}), 6);
}

TEST_F(KernelCommands, TopOptions) {
    struct {
        const char *option, *value, *message;
    } table[] = {
        {"-d", "0", "'0' is no delay: seconds from 0.1 to 86400"},
        {"-d", "0.05", "'0.05' is no delay: seconds from 0.1 to 86400"},
        {"-d", "x", "'x' is no delay: seconds from 0.1 to 86400"},
        {"-d", "1e3", "'1e3' is no delay: seconds from 0.1 to 86400"},
        {"-d", "-1", "'-1' is no delay: seconds from 0.1 to 86400"},
        {"--delay", "90000", "'90000' is no delay: seconds from 0.1 to 86400"},
        {"-n", "0", "'0' is no number of looks"},
        {"--count", "x", "'x' is no number of looks"},
    };
    for (const auto& row : table) {
        EXPECT_EQ(run({"initctl", "top", row.option, row.value}), 2) << row.value;
        EXPECT_TRUE(err.starts_with(std::string("initctl: top: ") + row.message)) << err;
    }
    struct {
        const char* value;
        Ms delay;
    } good[] = {{"0.5", Ms{500}}, {"3", Ms{3000}}, {"250ms", Ms{250}}, {"1m", Ms{60000}}};
    for (const auto& row : good) {
        waits.clear();
        EXPECT_EQ(run({"initctl", "top", "-b", "-n2", "-d", row.value}), 0);
        EXPECT_EQ(waits, (std::vector<Ms>{std::min(row.delay, Ms{300}), row.delay}));
    }
}

TEST_F(KernelCommands, TopInBatchMode) {
    answer("list", "{\"name\":\"web\",\"state\":\"running\"}\n"
                   "{\"name\":\"bad\",\"state\":\"backoff\"}\n{\"end\":0,\"message\":\"\"}\n");
    listen();
    EXPECT_EQ(run({"initctl", "top", "-b", "-n", "2"}), 0);
    EXPECT_TRUE(batch);
    EXPECT_EQ(err, "");
    EXPECT_EQ(count(out, "SERVICE  STATE    TASKS"), 2u) << out;
    EXPECT_EQ(count(out, "\nweb      running      1  50.0 "), 2u) << out;
    EXPECT_EQ(count(out, "\nbad      backoff      0   0.0 "), 2u) << out;
    EXPECT_EQ(count(out, "\n 20  web      S      50.0 "), 2u) << out;
    EXPECT_EQ(count(out, "cmd20\n"), 2u);
    EXPECT_EQ(out.find('\033'), std::string::npos);
    EXPECT_EQ(out.find("does not answer"), std::string::npos);
    EXPECT_EQ(kernel.queries.size(), 3u); // the first is what the others are compared with
    EXPECT_TRUE(kernel.queries[0].filter.kernel);
}

TEST_F(KernelCommands, TopWithoutInit) {
    EXPECT_EQ(run({"initctl", "top", "-b", "-n", "1"}), 0);
    EXPECT_NE(out.find("; init does not answer\n"), std::string::npos) << out;
    EXPECT_NE(out.find("\nweb      -          1  50.0 "), std::string::npos) << out;
}

TEST_F(KernelCommands, TopJson) {
    EXPECT_EQ(run({"initctl", "top", "--json", "-n", "2"}), 0);
    EXPECT_TRUE(batch);
    auto page = Json::parse(out.substr(0, out.find('\n')));
    EXPECT_EQ(page["services"][0]["service"], "web");
    EXPECT_EQ(page["services"][0]["cpu_percent"], 50.0);
    EXPECT_EQ(page["tasks"].size(), 2u);
    EXPECT_EQ(page["tasks"][0]["command"], "cmd20");
    EXPECT_EQ(count(out, "\n"), 2u);
}

TEST_F(KernelCommands, TopKeys) {
    inputs = {{Event::nothing, 0}, {Event::key, 'm'}, {Event::key, 's'}, {Event::key, 'q'}};
    EXPECT_EQ(run({"initctl", "top"}), 0);
    EXPECT_FALSE(batch);
    EXPECT_EQ(kernel.queries.size(), 4u);
    EXPECT_TRUE(out.starts_with("\033[H\033[2J\033[1;1H\033[K")) << out;
    EXPECT_EQ(count(out, "\033[2J"), 1u);       // drawn over afterwards
    EXPECT_NE(out.find("by memory"), std::string::npos);
    EXPECT_NE(out.find("\033[J"), std::string::npos); // `s` leaves fewer lines
}

TEST_F(KernelCommands, TopIsDrawnAgainWhenTheTerminalChanges) {
    inputs = {{Event::nothing, 0}, {Event::resized, 0}, {Event::ended, 0}};
    EXPECT_EQ(run({"initctl", "top"}), 0);
    EXPECT_EQ(count(out, "\033[2J"), 2u);
}

TEST_F(KernelCommands, TopEndedByASignal) {
    struct {
        int signal, status;
    } table[] = {{0, 0}, {SIGINT, 0}, {SIGTERM, 128 + SIGTERM}, {SIGHUP, 128 + SIGHUP}};
    for (const auto& row : table) {
        signal = row.signal;
        inputs = {{Event::ended, 0}};
        EXPECT_EQ(run({"initctl", "top"}), row.status);
    }
}

TEST_F(KernelCommands, AKeyThatComesAtOnceKeepsTheFigures) {
    for (auto& sample : kernel.samples) sample.rows[0].task.shmem = 1;
    // The third look is 1 ms behind the second: compared with the first one.
    kernel.samples[2].time_ns = kernel.samples[1].time_ns + kMs;
    kernel.samples[2].rows[1].task.runtime_ns = kernel.samples[1].rows[1].task.runtime_ns;
    inputs = {{Event::nothing, 0}, {Event::key, ' '}, {Event::key, 'q'}};
    EXPECT_EQ(run({"initctl", "top"}), 0);
    EXPECT_EQ(out.find(" 0.0  0:00.50"), std::string::npos) << out; // of process 20
}

TEST_F(KernelCommands, TopEndsWithItsReader) {
    session_.out = [](std::string_view) { return false; };
    EXPECT_EQ(run({"initctl", "top", "-b"}), 0);
    EXPECT_EQ(waits.size(), 1u);
}
