// SPDX-License-Identifier: MIT
#include "notify/s6_ready.h"

#include <string_view>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

namespace leash {

Result<S6Pipe> make_s6_pipe() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) < 0) return fail_errno(errno, "pipe for readiness");
    S6Pipe pipe{UniqueFd(ends[0]), UniqueFd(ends[1])};
    // Only our end: the flag of the other one would be seen by the service.
    ::fcntl(pipe.read.get(), F_SETFL, O_NONBLOCK);
    return pipe;
}

struct S6Ready::Core : std::enable_shared_from_this<S6Ready::Core> {
    UniqueFd fd;
    std::function<void()> ready, closed, beat;
    std::unique_ptr<IoWatch> watch;
    std::unique_ptr<Timer> pause; // only where heartbeats are heard

    void look() {
        auto self = shared_from_this();
        char buffer[4096];
        // One read a time: a service that floods the pipe has written its newline soon, or waits.
        auto got = fd ? ::read(fd.get(), buffer, sizeof buffer) : 0;
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        bool newline = got > 0 && std::string_view(buffer, static_cast<std::size_t>(got))
                                          .find('\n') != std::string_view::npos;
        if (got > 0 && !newline) {
            if (watch) watch->set_events(UEV_READ); // libuev stops a watch when the writer is gone
            return;
        }
        if (newline && beat) {
            // Not `callback()` first: it may destroy us, and then there is nothing left to pause.
            if (watch) watch->set_events(0);
            pause->in(kBeatPause);
            if (auto first = std::exchange(ready, nullptr)) first();
            else if (auto again = beat) again();
            return;
        }
        close();
        auto callback = std::exchange(newline ? ready : closed, nullptr);
        if (callback) callback();
    }

    void close() {
        watch.reset();
        if (pause) pause->cancel();
        fd.reset();
    }
};

S6Ready::S6Ready(EventLoop& loop, UniqueFd read_end, std::function<void()> ready,
                 std::function<void()> closed, std::function<void()> beat)
    : core_(std::make_shared<Core>()) {
    core_->fd = std::move(read_end);
    core_->ready = std::move(ready);
    core_->closed = std::move(closed);
    core_->beat = std::move(beat);
    if (core_->beat)
        core_->pause = std::make_unique<Timer>(loop, [core = core_.get()] {
            if (core->watch) core->watch->set_events(UEV_READ);
        });
    core_->watch = std::make_unique<IoWatch>(loop, core_->fd.get(), UEV_READ,
                                             [core = core_.get()](int) { core->look(); });
}

S6Ready::~S6Ready() {
    core_->close();
    core_->ready = core_->closed = core_->beat = nullptr;
}

void S6Ready::drain() {
    auto core = core_;
    if (core->fd) core->look();
}

int S6Ready::fd() const { return core_->fd.get(); }

} // namespace leash
