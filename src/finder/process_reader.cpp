// SPDX-License-Identifier: MIT
// The reader in a process of its own: one question at a time over a socket, each within a time limit.
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
constexpr Ms kPutAside = std::chrono::minutes(10);
constexpr std::size_t kMostAside = 256;

class ProcessReader : public Reader {
  public:
    explicit ProcessReader(int limit_ms) : limit_(limit_ms) {}
    ~ProcessReader() override { drop_child(); }

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
        reap();
        auto now = monotonic_now();
        std::erase_if(aside_, [&](const auto& entry) { return entry.second <= now; });
        if (aside_.contains(question.pid) || stuck_.size() >= kMostStuck) return std::nullopt;
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
                if (aside_.size() < kMostAside)
                    aside_[question.pid] = monotonic_now() + kPutAside;
                drop_child();
                return std::nullopt;
            }
            auto length = ::recv(socket_.get(), answer.data(), answer.size(), MSG_DONTWAIT);
            if (length < 1) {
                drop_child();
                continue;
            }
            if (answer[0] != kKnown) return std::nullopt;
            return std::string(answer.data() + 1, static_cast<std::size_t>(length) - 1);
        }
        return std::nullopt;
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
    UniqueFd socket_;
    pid_t child_ = 0;
    std::vector<pid_t> stuck_; // killed, and perhaps still there
    std::map<pid_t, Ms> aside_; // processes that were too slow, until when
};

} // namespace

std::unique_ptr<Reader> make_reader(int limit_ms) { return std::make_unique<ProcessReader>(limit_ms); }

} // namespace leash::finder
