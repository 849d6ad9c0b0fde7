// SPDX-License-Identifier: MIT
#include "initctl/screen.h"

#include <cerrno>
#include <csignal>
#include <initializer_list>

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <termios.h>
#include <unistd.h>

#include "base/unique_fd.h"

namespace leash::initctl {
namespace {

// Of a serial console, which does not know how large the terminal at its other end is.
constexpr std::size_t kUsualWidth = 80, kUsualHeight = 24;

// Signals come as input while this lives, so that nothing ends the program in the middle of a line.
class SignalInput {
  public:
    explicit SignalInput(std::initializer_list<int> signals) {
        sigset_t set;
        sigemptyset(&set);
        for (int signal : signals) sigaddset(&set, signal);
        ::sigprocmask(SIG_BLOCK, &set, &before_);
        fd_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
    }
    ~SignalInput() { ::sigprocmask(SIG_SETMASK, &before_, nullptr); }
    SignalInput(const SignalInput&) = delete;
    SignalInput& operator=(const SignalInput&) = delete;

    [[nodiscard]] int fd() const { return fd_.get(); }
    int next() { // 0: there is none
        signalfd_siginfo info{};
        return ::read(fd_.get(), &info, sizeof info) == sizeof info
                   ? static_cast<int>(info.ssi_signo) : 0;
    }

  private:
    sigset_t before_{};
    UniqueFd fd_;
};

class RealScreen : public Screen {
  public:
    explicit RealScreen(bool interactive)
        : interactive_(interactive),
          signals_(interactive ? std::initializer_list<int>{SIGINT, SIGTERM, SIGHUP, SIGQUIT,
                                                            SIGTSTP, SIGWINCH}
                               : std::initializer_list<int>{SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
        has_keys_ = interactive && ::tcgetattr(STDIN_FILENO, &before_) == 0;
        if (interactive_) take();
    }
    ~RealScreen() override {
        if (interactive_) give_back();
    }
    RealScreen(const RealScreen&) = delete;
    RealScreen& operator=(const RealScreen&) = delete;

    [[nodiscard]] taskview::Terminal terminal() const override {
        if (!interactive_) return {};
        auto terminal = taskview::terminal_of(STDOUT_FILENO);
        if (terminal.width == 0) terminal.width = kUsualWidth;
        if (terminal.height == 0) terminal.height = kUsualHeight;
        return terminal;
    }
    [[nodiscard]] int signal() const override { return signal_; }

    Input wait(Ms time) override {
        const auto end = monotonic_now() + time;
        while (true) {
            auto left = std::max(end - monotonic_now(), Ms{0});
            pollfd inputs[] = {{signals_.fd(), POLLIN, 0}, {has_keys_ ? STDIN_FILENO : -1, POLLIN, 0}};
            int ready = ::poll(inputs, 2, static_cast<int>(left.count()));
            if (ready < 0 && errno != EINTR) return {Event::ended};
            if (ready == 0) return {Event::nothing};
            if (inputs[0].revents != 0) {
                if (auto input = on_signal(signals_.next()); input.event != Event::nothing)
                    return input;
            } else if (inputs[1].revents != 0) {
                char key = '\0';
                auto length = ::read(STDIN_FILENO, &key, 1);
                if (length < 0 && (errno == EINTR || errno == EAGAIN)) continue;
                if (length <= 0) return {Event::ended}; // hung up
                return {Event::key, key};
            }
        }
    }

  private:
    Input on_signal(int signal) {
        switch (signal) {
        case 0: return {};
        case SIGWINCH: return {Event::resized};
        case SIGTSTP: // to the background, and some day back from it
            give_back();
            ::raise(SIGSTOP);
            take();
            return {Event::resized};
        default: signal_ = signal; return {Event::ended};
        }
    }

    void take() {
        taskview::write_text(STDOUT_FILENO, "\033[?25l"); // no cursor
        if (!has_keys_) return;
        termios keys = before_;
        keys.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
        keys.c_cc[VMIN] = 1;
        keys.c_cc[VTIME] = 0;
        ::tcsetattr(STDIN_FILENO, TCSADRAIN, &keys);
    }

    void give_back() {
        // Below the last line; a terminal with fewer lines takes that for its last one.
        taskview::write_text(STDOUT_FILENO, "\033[0m\033[999;1H\033[?25h\r\n");
        if (has_keys_) ::tcsetattr(STDIN_FILENO, TCSADRAIN, &before_);
    }

    bool interactive_, has_keys_ = false;
    SignalInput signals_;
    int signal_ = 0;
    termios before_{};
};

} // namespace

std::unique_ptr<Screen> open_real_screen(bool batch) {
    return std::make_unique<RealScreen>(!batch && ::isatty(STDOUT_FILENO));
}

} // namespace leash::initctl
