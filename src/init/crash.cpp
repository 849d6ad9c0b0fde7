// SPDX-License-Identifier: MIT
#include "init/crash.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <exception>

#include <fcntl.h>
#include <unistd.h>

#include "base/fatal_signals.h"
#include "init/crash_scene.h"

namespace leash {
namespace {

// All that the handler needs is made before: nothing is composed in a broken process.
char g_page_number[16];
char g_name[] = "init", g_option[] = "--resume";
char* g_argv[] = {g_name, g_option, g_page_number, nullptr};
char g_path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
char* g_environment[] = {g_path, nullptr};
// For two signals' frames, of up to 11 KB each where a CPU has many registers.
alignas(16) char g_stack[65536];
pid_t g_owner = 0;

void keep_all_descriptors() {
    for (int fd = 3; fd < kMostDescriptors; ++fd) {
        int flags = fcntl(fd, F_GETFD);
        if (flags >= 0) fcntl(fd, F_SETFD, flags & ~FD_CLOEXEC);
    }
}

// Of a child that has not executed anything yet: it ends as any process does.
void end_of_child(int signal) {
    ::signal(signal, SIG_DFL);
    unblock_fatal_signals();
    raise(signal);
    _exit(1);
}

volatile sig_atomic_t g_dying = 0;

void on_fatal_signal(int signal, siginfo_t* info, void* context) {
    sigset_t all; // all are blocked in here: asynchronous ones that came now would be lost
    sigfillset(&all);
    if (getpid() != g_owner) end_of_child(signal);
    // A second fault while the first one is written down shall come here again: what is there has to do
    // then. No third one, since somebody may send them faster than they are answered.
    if (g_dying == 0) {
        g_dying = 1;
        write_crash_scene(signal, info, context);
        sigset_t others = all;
        for (int fatal : kFatalSignals) sigdelset(&others, fatal);
        sigprocmask(SIG_SETMASK, &others, nullptr);
        look_at_crash_scene();
    }
    sigprocmask(SIG_SETMASK, &all, nullptr);
    keep_all_descriptors();
    execve("/proc/self/exe", g_argv, g_environment);
    execve("/sbin/init", g_argv, g_environment);
    become_rescue("init has crashed and cannot be executed anew");
    // Nothing is left to run. Ending PID 1 panics the kernel, and kernel.panic reboots the machine.
    _exit(1);
}

} // namespace

void become_rescue(const char* why) {
    static char name[] = "leash-rescue";
    keep_all_descriptors(); // to close the WDT's could stop it
    char* argv[] = {name, const_cast<char*>(why), nullptr};
    execve("/sbin/leash-rescue", argv, g_environment);
}

void install_crash_handler(int page_fd, const void* outermost) {
    int digits = 0;
    for (int rest = page_fd; rest > 0 || digits == 0; rest /= 10)
        g_page_number[digits++] = static_cast<char>('0' + rest % 10);
    std::reverse(g_page_number, g_page_number + digits);
    g_page_number[digits] = '\0';

    g_owner = getpid();
    g_dying = 0;
    prepare_crash_scene(outermost);
    std::set_terminate([] {
        write_what_was_thrown();
        std::abort();
    });
    stack_t stack{};
    stack.ss_sp = g_stack;
    stack.ss_size = sizeof g_stack;
    sigaltstack(&stack, nullptr); // a stack overflow is a crash, too
    struct sigaction action {};
    action.sa_sigaction = on_fatal_signal;
    action.sa_flags = SA_ONSTACK | SA_NODEFER | SA_SIGINFO;
    sigfillset(&action.sa_mask);
    for (int signal : kFatalSignals) sigaction(signal, &action, nullptr);
}

void exec_next_life(const char* program) {
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    keep_all_descriptors();
    execve(program, g_argv, g_environment);
    int why = errno;
    execve("/proc/self/exe", g_argv, g_environment);
    for (int fd = 3; fd < kMostDescriptors; ++fd)
        if (fcntl(fd, F_GETFD) >= 0) fcntl(fd, F_SETFD, FD_CLOEXEC);
    sigprocmask(SIG_SETMASK, &before, nullptr);
    errno = why;
}

void unblock_fatal_signals() {
    sigset_t fatal;
    sigemptyset(&fatal);
    for (int signal : kFatalSignals) sigaddset(&fatal, signal);
    sigprocmask(SIG_UNBLOCK, &fatal, nullptr);
}

void close_unclaimed_descriptors(const int* claimed, int count) {
    for (int fd = 3; fd < kMostDescriptors; ++fd) {
        int flags = fcntl(fd, F_GETFD);
        if (flags < 0) continue;
        if (std::find(claimed, claimed + count, fd) == claimed + count) close(fd);
        else fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
    }
}

} // namespace leash
