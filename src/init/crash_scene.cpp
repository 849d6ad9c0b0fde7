// SPDX-License-Identifier: MIT
// The backtrace is made by looking: every word of the stack that points behind a call instruction, in
// code that was there at start. That needs neither frame pointers nor tables, and a broken stack gives
// fewer frames, or wrong ones, but no fault. What lay on the stack from earlier calls may be among them.
#include "init/crash_scene.h"

#include <cstdint>
#include <cstring>
#include <ctime>
#include <exception>
#include <typeinfo>

#include <cxxabi.h>
#include <dlfcn.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "init/black_box.h"

namespace leash {
namespace {

constexpr std::uintptr_t kMostStack = 64 * 1024; // that is looked at
constexpr int kMostHoles = 32;                   // pages below a stack that has overflowed

// Why the C library has given up ("malloc(): corrupted top size"). It is kept for debuggers, and has
// no name in any header.
struct AbortMessage {
    unsigned size;
    char text[];
};
AbortMessage* const* g_abort_message = nullptr;
std::uintptr_t g_stack_end = 0, g_page_bytes = 4096;

struct Place {
    std::uint64_t instruction = 0, stack = 0;
};

Place place_of(const void* context) {
    const auto& machine = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
    return {static_cast<std::uint64_t>(machine.gregs[REG_RIP]),
            static_cast<std::uint64_t>(machine.gregs[REG_RSP])};
#elif defined(__i386__)
    return {static_cast<std::uint32_t>(machine.gregs[REG_EIP]),
            static_cast<std::uint32_t>(machine.gregs[REG_ESP])};
#elif defined(__aarch64__)
    return {machine.pc, machine.sp};
#elif defined(__arm__)
    return {machine.arm_pc, machine.arm_sp};
#elif defined(__riscv)
    return {machine.__gregs[REG_PC], machine.__gregs[REG_SP]};
#else
    (void)machine;
    return {};
#endif
}

bool is_mapped(std::uintptr_t page) {
    unsigned char residence;
    return mincore(reinterpret_cast<void*>(page), g_page_bytes, &residence) == 0;
}

// Does the instruction that ends before `at` call something?
bool follows_call(std::uintptr_t at, std::uintptr_t start) {
#if defined(__x86_64__) || defined(__i386__)
    if (at < start + 8) return false;
    const auto* code = reinterpret_cast<const unsigned char*>(at);
    if (code[-5] == 0xE8) return true;
    for (int length : {2, 3, 4, 6, 7}) // FF /2, with an address of any form
        if (code[-length] == 0xFF && (code[-length + 1] & 0x38) == 0x10) return true;
    return false;
#else
    return at > start;
#endif
}

bool may_be_return_address(const BlackBox& box, std::uintptr_t word) {
    auto count = box.image_count < BlackBox::kImages ? box.image_count : BlackBox::kImages;
    for (std::uint32_t i = 0; i < count; ++i)
        if (word > box.images[i].start && word < box.images[i].end)
            return follows_call(word, box.images[i].start);
    return false;
}

void walk_stack(const BlackBox& box, BlackBox::Crash& crash) {
    auto at = static_cast<std::uintptr_t>(crash.stack) & ~(sizeof(std::uintptr_t) - 1);
    if (at == 0 || at >= g_stack_end) return;
    auto end = g_stack_end - at > kMostStack ? at + kMostStack : g_stack_end;
    std::uintptr_t known = 0; // page that may be read
    for (int holes = 0; at + sizeof at <= end && crash.frame_count < BlackBox::kFrames;) {
        auto page = at & ~(g_page_bytes - 1);
        if (page != known && !is_mapped(page)) {
            if (++holes > kMostHoles) return;
            at = page + g_page_bytes;
            continue;
        }
        known = page;
        auto word = *reinterpret_cast<const volatile std::uintptr_t*>(at);
        if (may_be_return_address(box, word)) {
            crash.frames[crash.frame_count] = word;
            ++crash.frame_count;
        }
        at += sizeof at;
    }
}

void copy_abort_message(BlackBox& box) {
    if (!g_abort_message || box.what[0] != '\0') return;
    const auto* message = *g_abort_message;
    if (!message) return;
    for (std::size_t i = 0; i + 1 < sizeof box.what && message->text[i] != '\0'; ++i)
        box.what[i] = message->text[i] == '\n' ? ' ' : message->text[i];
}

} // namespace

void prepare_crash_scene(const void* outermost) {
    g_page_bytes = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
    g_stack_end = getauxval(AT_RANDOM); // the kernel puts it above the first frame
    auto end = reinterpret_cast<std::uintptr_t>(outermost);
    auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    if (end > here && end < g_stack_end) g_stack_end = end;
    g_abort_message = static_cast<AbortMessage* const*>(dlsym(RTLD_DEFAULT, "__abort_msg"));
}

void write_crash_scene(int signal, const siginfo_t* info, const void* context) {
    auto* box = black_box();
    if (!box) return;
    auto& crash = box->crash;
    crash.signal = signal;
    crash.code = info->si_code;
    crash.frame_count = 0;
    auto place = place_of(context);
    crash.instruction = place.instruction;
    crash.stack = place.stack;
    if (info->si_code <= 0) { // by kill, tgkill, sigqueue
        crash.sender = info->si_pid;
        crash.sender_uid = static_cast<std::int32_t>(info->si_uid);
    } else if (signal == SIGSYS) {
        crash.system_call = info->si_syscall;
        crash.address = reinterpret_cast<std::uintptr_t>(info->si_call_addr);
    } else {
        crash.address = reinterpret_cast<std::uintptr_t>(info->si_addr);
    }
    crash.state = BlackBox::begun;
    crash.tid = static_cast<std::int32_t>(::syscall(SYS_gettid));
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    crash.monotonic_ms = static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
    clock_gettime(CLOCK_REALTIME, &now);
    crash.realtime_s = now.tv_sec;
}

void look_at_crash_scene() {
    auto* box = black_box();
    if (!box) return;
    walk_stack(*box, box->crash);
    if (box->crash.signal == SIGABRT) copy_abort_message(*box);
    box->crash.state = BlackBox::complete;
}

void write_what_was_thrown() {
    auto* box = black_box();
    const auto* type = abi::__cxa_current_exception_type();
    if (!box) return;
    auto put = [](auto& to, const char* text) {
        std::strncpy(to, text, sizeof to - 1);
        to[sizeof to - 1] = '\0';
    };
    if (!type) {
        put(box->what, "std::terminate was called");
        return;
    }
    put(box->exception, type->name());
    try {
        throw;
    } catch (const std::exception& thrown) {
        put(box->what, thrown.what());
    } catch (...) {
        put(box->what, "not a std::exception");
    }
}

} // namespace leash
