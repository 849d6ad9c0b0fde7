// SPDX-License-Identifier: MIT
// System calls without the C library: what runs in init's own memory before it is a process of its own
// must not touch errno, which is init's. They return the kernel's answer, a negative errno for errors.
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include <linux/sched.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace leash {

// Whether a child may run in init's memory at all: see share_memory in child_plan.h.
#if defined(__x86_64__) && !defined(__ILP32__) && !defined(__SANITIZE_ADDRESS__)
inline constexpr bool kCanShareMemory = true;
#else
inline constexpr bool kCanShareMemory = false;
#endif

template <class... Args> inline long raw_call(long number, Args... args) {
    static_assert(sizeof...(Args) <= 6);
    long values[6] = {(long)args...};
#if defined(__x86_64__) && !defined(__ILP32__)
    long answer;
    register long fourth asm("r10") = values[3];
    register long fifth asm("r8") = values[4];
    register long sixth asm("r9") = values[5];
    asm volatile("syscall"
                 : "=a"(answer)
                 : "a"(number), "D"(values[0]), "S"(values[1]), "d"(values[2]), "r"(fourth), "r"(fifth),
                   "r"(sixth)
                 : "rcx", "r11", "memory");
    return answer;
#else
    // In a process of its own, with an errno of its own.
    long answer = ::syscall(number, values[0], values[1], values[2], values[3], values[4], values[5]);
    return answer < 0 ? -errno : answer;
#endif
}

// clone3 of a child that runs `entry(argument)` on the stack that `arguments` name. Never returns in
// the child; gives back its pid, or a negative errno.
inline long clone3_onto([[maybe_unused]] const clone_args& arguments,
                        [[maybe_unused]] void (*entry)(void*), [[maybe_unused]] void* argument) {
#if defined(__x86_64__) && !defined(__ILP32__)
    long answer;
    register long with asm("r12") = reinterpret_cast<long>(argument);
    register long where asm("r13") = reinterpret_cast<long>(entry);
    asm volatile("syscall\n\t"
                 "test %%rax, %%rax\n\t"
                 "jnz 1f\n\t"
                 "xor %%ebp, %%ebp\n\t" // the outermost frame
                 "mov %%r12, %%rdi\n\t"
                 "call *%%r13\n\t"
                 "ud2\n"
                 "1:"
                 : "=a"(answer)
                 : "a"(SYS_clone3), "D"(&arguments), "S"(sizeof arguments), "r"(with), "r"(where)
                 : "rcx", "r11", "memory");
    return answer;
#else
    return -ENOSYS;
#endif
}

} // namespace leash
