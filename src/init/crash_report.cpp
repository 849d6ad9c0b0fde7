// SPDX-License-Identifier: MIT
#include "init/crash_report.h"

#include <algorithm>
#include <csignal>
#include <cstdlib>
#include <ctime>

#include <cxxabi.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/fixed_text.h"
#include "base/signal_name.h"
#include "base/text.h"
#include "base/whole_file.h"
#include "init/evidence.h"
#include "init/workers.h"
#include "records/record.h"

namespace leash {
namespace {

constexpr int kMostCutShort = 3;

std::string_view meaning_of_code(int signal, int code) {
    if (code == SI_USER || code == SI_QUEUE) return "sent by a process";
    if (code == SI_TKILL) return "sent to the thread";
    if (code == SI_KERNEL) return "by the kernel";
    switch (signal) {
    case SIGSEGV: return code == SEGV_MAPERR   ? "address not mapped"
                         : code == SEGV_ACCERR ? "access not allowed"
                                               : "";
    case SIGBUS: return code == BUS_ADRALN   ? "address not aligned"
                        : code == BUS_ADRERR ? "no such memory: a file that was cut off, a full disk"
                        : code == BUS_OBJERR || code == BUS_MCEERR_AR ? "the memory has failed"
                                                                      : "";
    case SIGFPE: return code == FPE_INTDIV ? "division by zero" : "";
    case SIGILL: return "no valid instruction";
    case SIGTRAP: return "trap";
    case SIGSYS: return "forbidden system call";
    default: return "";
    }
}

bool was_sent(const BlackBox::Crash& crash) { return crash.code <= 0; }

std::string name_of(const BlackBox::Image& image) {
    auto path = get_text(image.name);
    if (path.empty()) return "init";
    return printable(path.substr(path.rfind('/') + 1));
}

std::span<const BlackBox::Image> images_of(const BlackBox& box) {
    return std::span(box.images).first(std::min(box.image_count, BlackBox::kImages));
}

std::string place_of(const BlackBox& box, std::uint64_t address) {
    for (const auto& image : images_of(box))
        if (address >= image.start && address < image.end)
            return fmt::format("{}+{:#x}", name_of(image), address - image.base);
    return fmt::format("{:#x}", address);
}

std::string what_of(const BlackBox& box) {
    auto what = printable(trim(get_text(box.what))), type = get_text(box.exception);
    if (type.empty()) return what;
    int status = 0;
    char* name = abi::__cxa_demangle(type.c_str(), nullptr, nullptr, &status);
    auto text = fmt::format("uncaught {}: {}", name ? printable(name) : printable(type), what);
    std::free(name);
    return text;
}

std::string events_of(const BlackBox& box) {
    std::string text;
    auto count = std::min(box.event_count, BlackBox::kEvents);
    for (auto i = box.event_count - count; i != box.event_count; ++i) {
        const auto& event = box.events[i % BlackBox::kEvents];
        if (event.ms == 0) continue;
        auto before = static_cast<double>(event.ms) - static_cast<double>(box.crash.monotonic_ms);
        text += fmt::format("  {:>9.3f}  {}\n", before / 1000.0, printable(get_text(event.text)));
    }
    return text;
}

} // namespace

std::string describe_crash(const BlackBox& box) {
    const auto& crash = box.crash;
    auto text = signal_name(crash.signal);
    auto what = what_of(box);
    bool by_itself = crash.sender == crash.tid; // abort
    if (was_sent(crash) && !by_itself)
        text += fmt::format(", sent by process {} of user {},", crash.sender, crash.sender_uid);
    else if (auto meaning = meaning_of_code(crash.signal, crash.code); !was_sent(crash))
        text += crash.signal == SIGSYS ? fmt::format(" ({}: {})", meaning, crash.system_call)
                                       : fmt::format(" ({}: {:#x})", meaning, crash.address);
    text += " in " + place_of(box, crash.instruction);
    if (!what.empty()) text += ": " + what;
    return text;
}

std::string crash_report(const BlackBox& box, const CrashContext& context) {
    const auto& crash = box.crash;
    std::string text;
    auto line = [&text](std::string_view key, std::string_view value) {
        text += fmt::format("{:<13}{}\n", fmt::format("{}:", key), value);
    };
    line("Init", "Leash " LEASH_VERSION);
    line("Date", records::show_date(crash.realtime_s));
    line("Boot", fmt::format("{}, {:.3f} s after its start", context.boot,
                             static_cast<double>(crash.monotonic_ms) / 1000.0));
    line("Crashes", fmt::format("{} since boot", context.crashes));
    line("Signal", fmt::format("{} ({}), code {} ({})", crash.signal, signal_name(crash.signal),
                               crash.code, meaning_of_code(crash.signal, crash.code)));
    if (was_sent(crash)) {
        auto name = context.sender_name.empty() ? "" : " (" + printable(context.sender_name) + ")";
        line("Sender", fmt::format("process {}{}, user {}", crash.sender, name, crash.sender_uid));
    } else if (crash.signal == SIGSYS) {
        line("System call", std::to_string(crash.system_call));
    } else {
        line("Address", fmt::format("{:#x}", crash.address));
    }
    line("Instruction", place_of(box, crash.instruction));
    line("Stack", fmt::format("{:#x}", crash.stack));
    line("Thread", std::to_string(crash.tid));
    if (auto what = what_of(box); !what.empty()) line("Reason", what);
    if (!context.lost.empty()) line("State", "lost: " + context.lost);
    if (crash.state != BlackBox::complete) line("Note", "a second fault has cut this short");

    text += "\nBacktrace, innermost first; calls that had ended already may be among them:\n";
    text += fmt::format("  {}\n", place_of(box, crash.instruction));
    auto frames = std::span(crash.frames).first(std::min(crash.frame_count, BlackBox::kFrames));
    for (auto address : frames)
        text += fmt::format("  {}\n", place_of(box, address));
    text += "  Names: addr2line -Cfpe FILE 0xOFFSET, with the unstripped FILE of that build id.\n";
    text += "\nCode:\n";
    for (const auto& image : images_of(box)) {
        std::string id;
        auto bytes = std::min<std::size_t>(image.build_id_bytes, sizeof image.build_id);
        for (auto byte : std::span(image.build_id).first(bytes)) id += fmt::format("{:02x}", byte);
        text += fmt::format("  {:#x} {} build id {}\n", image.base, name_of(image),
                            id.empty() ? "-" : id);
    }
    text += "\nLast events, in seconds before the crash:\n" + events_of(box);
    return text;
}

std::string crash_report_name(const BlackBox& box, int crashes) {
    std::string date;
    for (char c : records::show_date(box.crash.realtime_s))
        if (c != '-' && c != ':') date += c;
    return fmt::format("{}-{:03}-{}.txt", date, crashes, signal_name(box.crash.signal));
}

int store_crash_report(const BlackBox& box, CrashContext context, int out) {
    context.boot = read_value("/proc/sys/kernel/random/boot_id");
    if (was_sent(box.crash))
        context.sender_name = read_value(fmt::format("/proc/{}/comm", box.crash.sender));
    auto text = crash_report(box, context);
    auto name = crash_report_name(box, context.crashes);
    DumpLimits in_memory{kMostCrashReports, kMostCrashBytes, false}, on_disk = in_memory;
    on_disk.durable = true;
    auto kept = write_dump(kCrashFolderInMemory, name, text, in_memory);
    if (kept) tell(out, *kept);
    // A disk that hangs shall hold up one of these, not one for each crash.
    UniqueFd turn(open("/run/leash/crash/.turn", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600));
    for (int tries = 0; turn && flock(turn.get(), LOCK_EX | LOCK_NB) < 0; ++tries) {
        if (tries == 40) return 1;
        usleep(50'000);
    }
    auto written = write_dump(kCrashFolder, name, text, on_disk);
    if (!written) return 1;
    if (kept) (void)unlink(kept->c_str());
    tell(out, *written);
    return 0;
}

const char* reason_to_stay_minimal(const SystemRecord& record, RateLimit limit, Ms now) {
    if (record.limit_count > 0) limit = {record.limit_count, Ms{record.limit_window}};
    int lately = 0;
    for (int i = 0; i < std::clamp<int>(record.crashes, 0, SystemRecord::kCrashes); ++i)
        if (now - Ms{record.crash_times[i]} < limit.window) ++lately;
    // No more than that can be counted.
    if (lately > std::min(limit.count, SystemRecord::kCrashes - 1))
        return "more often than crash-limit allows";
    if (record.lives_cut_short > kMostCutShort)
        return "three lives in a row have ended before they had taken over";
    return nullptr;
}

} // namespace leash
