// SPDX-License-Identifier: MIT
// The reader in a process of its own: one question at a time over a socket, each within a time
// limit.
#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>
#include <cstring>
#include <map>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "finder/reader.h"
#include "finder/reader_answers.h"

namespace leash::finder {
namespace {

constexpr std::size_t kMostStuck = 4;        // children that cannot be killed
constexpr Ms kFirstAside = std::chrono::seconds(10), kLongestAside = std::chrono::minutes(10);
constexpr std::size_t kMostAside = 256;

class ProcessReader : public Reader {
  public:
    ProcessReader(int limit_ms, int look_ms) : limit_(limit_ms), look_limit_(look_ms) {}
    ~ProcessReader() override { drop_child(); }

    void begin_look() override { spent_ = Ms(0); }
    [[nodiscard]] bool out_of_time() const override { return spent_ >= look_limit_; }

    std::vector<std::string> read(std::span<const Piece> pieces) override {
        std::vector<std::string> texts;
        for (const auto& piece : pieces)
            texts.push_back(ask({.what = Question::memory, .pid = piece.pid,
                                 .number = piece.address,
                                 .size = std::min(piece.size, kMostBytes)})
                                .value_or(""));
        return texts;
    }

    std::optional<bool> same_memory(pid_t one, pid_t other) override {
        auto answer = ask({.what = Question::same_memory, .pid = one,
                           .number = static_cast<std::uint64_t>(other)});
        if (!answer || answer->size() != 1) return std::nullopt;
        return answer->front() == 'y';
    }

    std::optional<pid_t> thread_here(pid_t pid, pid_t tid) override {
        auto answer = ask({.what = Question::thread_here, .pid = pid,
                           .number = static_cast<std::uint64_t>(tid)});
        pid_t here = 0;
        if (!answer || answer->size() != sizeof here) return std::nullopt;
        std::memcpy(&here, answer->data(), sizeof here);
        return here;
    }

    std::string place(pid_t pid, std::uint64_t address) override {
        return ask({.what = Question::place, .pid = pid, .number = address}).value_or("");
    }

    std::string kernel_place(pid_t pid, pid_t tid) override {
        return ask({.what = Question::kernel_place, .pid = pid,
                    .number = static_cast<std::uint64_t>(tid)})
            .value_or("");
    }

  private:
    std::optional<std::string> ask(Question question) {
        if (out_of_time()) return std::nullopt;
        auto began = monotonic_now();
        auto answer = ask_child(question);
        spent_ += monotonic_now() - began;
        return answer;
    }

    std::optional<std::string> ask_child(Question question) {
        reap();
        auto now = monotonic_now();
        std::erase_if(aside_, [&](const auto& entry) {
            return entry.second.until + 2 * kLongestAside <= now;
        });
        auto aside = aside_.find(question.pid);
        if (aside != aside_.end() && aside->second.until > now) return std::nullopt;
        if (stuck_.size() >= kMostStuck) return std::nullopt;
        for (int attempt = 0; attempt < 2; ++attempt) {
            if (child_ == 0 && !make_child()) return std::nullopt;
            if (::send(socket_.get(), &question, sizeof question, MSG_NOSIGNAL) !=
                sizeof question) {
                drop_child(); // somebody has killed it
                continue;
            }
            std::array<char, kMostAnswer + 1> answer{};
            pollfd ready{.fd = socket_.get(), .events = POLLIN, .revents = 0};
            auto end = monotonic_now() + Ms(limit_);
            int found = 0;
            do {
                auto left = std::max<Ms::rep>(0, (end - monotonic_now()).count());
                found = ::poll(&ready, 1, static_cast<int>(left));
            } while (found < 0 && errno == EINTR);
            if (found == 0) {
                put_aside(question.pid);
                drop_child();
                return std::nullopt;
            }
            auto length = ::recv(socket_.get(), answer.data(), answer.size(), MSG_DONTWAIT);
            if (length < 1) {
                drop_child();
                continue;
            }
            aside_.erase(question.pid);
            if (answer[0] != kKnown) return std::nullopt;
            return std::string(answer.data() + 1, static_cast<std::size_t>(length) - 1);
        }
        return std::nullopt;
    }

    // A busy machine is slow once, memory that does not come is it each time.
    void put_aside(pid_t pid) {
        if (aside_.size() >= kMostAside) aside_.clear();
        auto& aside = aside_[pid];
        aside.pause = aside.pause == Ms(0) ? kFirstAside : std::min(2 * aside.pause, kLongestAside);
        aside.until = monotonic_now() + aside.pause;
    }

    bool make_child() {
        std::array<int, 2> ends{};
        if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0) return false;
        UniqueFd ours(ends[0]), theirs(ends[1]);
        auto parent = ::getpid();
        auto pid = ::fork();
        if (pid < 0) return false;
        if (pid == 0) {
            ::prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (::getppid() != parent) ::_exit(0);
            answer_questions(theirs.release());
        }
        socket_ = std::move(ours);
        child_ = pid;
        return true;
    }

    void drop_child() {
        if (child_ == 0) return;
        ::kill(child_, SIGKILL);
        stuck_.push_back(child_);
        child_ = 0;
        socket_.reset();
        reap();
    }

    void reap() {
        std::erase_if(stuck_, [](pid_t pid) {
            auto done = ::waitpid(pid, nullptr, WNOHANG);
            return done == pid || (done < 0 && errno == ECHILD);
        });
    }

    int limit_;
    Ms look_limit_, spent_{0};
    UniqueFd socket_;
    pid_t child_ = 0;
    std::vector<pid_t> stuck_; // killed, and perhaps still there
    struct Aside {
        Ms until{0}, pause{0};
    };
    std::map<pid_t, Aside> aside_; // processes that were too slow
};

} // namespace

std::unique_ptr<Reader> make_reader(int limit_ms, int look_ms) {
    return std::make_unique<ProcessReader>(limit_ms, look_ms);
}

} // namespace leash::finder
