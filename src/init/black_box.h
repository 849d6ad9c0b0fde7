// SPDX-License-Identifier: MIT
// What a life of init that crashes leaves for the next one to tell: how it died and what it was doing.
// It lies in the state page, outside of the records, and is written with plain stores: the writer may be
// dying, so nothing in it is to be trusted by who reads it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace leash {

struct BlackBox {
    static constexpr std::uint32_t kMagic = 0x4C534232; // "LSB2": another layout, another number
    static constexpr std::uint32_t kEvents = 32, kImages = 14, kFrames = 48;

    // One of the last things that init did, the text cut where it does not fit.
    struct Event {
        std::int64_t ms; // CLOCK_MONOTONIC, to the tick of the kernel; 0: none
        char text[96];
    };
    // A file whose code runs in PID 1. An address minus `base` is what the file's symbols say.
    struct Image {
        std::uint64_t base, start, end; // [start, end): what may be executed
        std::uint32_t build_id_bytes;
        unsigned char build_id[20];
        char name[64]; // the end of its path; "": init itself
    };
    enum State : std::uint32_t { none, begun, complete };
    // Written by the handler of fatal signals.
    struct Crash {
        std::uint32_t state; // as enum State; begun: the handler has crashed, too
        std::int32_t signal, code;
        std::int32_t sender, sender_uid; // of a signal that was sent: code <= 0
        std::int32_t tid, system_call;   // system_call: of SIGSYS
        std::uint32_t frame_count;
        std::uint64_t address; // of the fault
        std::uint64_t instruction, stack;
        std::int64_t monotonic_ms, realtime_s;
        // Innermost first: words of the stack that may be return addresses.
        std::uint64_t frames[kFrames];
    };

    std::uint32_t magic;
    std::uint32_t event_count; // all that were ever written
    std::uint32_t image_count;
    std::uint32_t reserved;
    Event events[kEvents];
    Image images[kImages];
    char exception[64]; // its type, as the compiler writes it
    char what[320];     // why init itself, or its C library, has given up
    Crash crash;
};

// From now on events go to this place, which has room for a BlackBox and is there for ever. What an
// earlier life has written stays, but for its crash. Empty: nothing is kept.
void start_black_box(std::span<std::byte> place);
// As it lies in the state page `fd`, which may be damaged in all other places; null where there is none.
[[nodiscard]] std::unique_ptr<BlackBox> read_black_box(int fd);
// null before start_black_box. For the handler of fatal signals.
[[nodiscard]] BlackBox* black_box();

// Two texts, put together: a copy of at most 96 bytes.
void note_event(std::string_view what, std::string_view more = {});
void note_event(std::string_view what, long long number);

// Which files' code runs here. To be called again when plugins have come.
void note_images();

} // namespace leash
