// SPDX-License-Identifier: MIT
#include "init/black_box.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <ctime>

#include <elf.h>
#include <link.h>
#include <unistd.h>

#include "base/fixed_text.h"
#include "base/state_page.h"

namespace leash {
namespace {

static_assert(sizeof(BlackBox) <= StatePage::kExtraBytes);

BlackBox* the_box = nullptr;

// To a tick (4 ms), which is had without asking the hardware of the clock.
std::int64_t now_ms() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

void find_build_id(BlackBox::Image& image, const char* notes, std::size_t bytes) {
    auto padded = [](std::size_t size) { return (size + 3) & ~std::size_t{3}; };
    while (bytes >= sizeof(ElfW(Nhdr))) {
        ElfW(Nhdr) note;
        std::memcpy(&note, notes, sizeof note);
        auto whole = sizeof note + padded(note.n_namesz) + padded(note.n_descsz);
        if (whole > bytes) return;
        bool of_gnu = note.n_namesz == 4 && std::memcmp(notes + sizeof note, "GNU", 4) == 0;
        if (of_gnu && note.n_type == NT_GNU_BUILD_ID) {
            image.build_id_bytes = std::min<std::uint32_t>(note.n_descsz, sizeof image.build_id);
            std::memcpy(image.build_id, notes + sizeof note + padded(note.n_namesz),
                        image.build_id_bytes);
            return;
        }
        notes += whole;
        bytes -= whole;
    }
}

int note_image(dl_phdr_info* info, std::size_t, void*) {
    auto& box = *the_box;
    if (box.image_count >= BlackBox::kImages) return 1;
    BlackBox::Image image{};
    image.base = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; ++i) {
        const auto& part = info->dlpi_phdr[i];
        auto start = image.base + part.p_vaddr;
        if (part.p_type == PT_NOTE && image.build_id_bytes == 0)
            find_build_id(image, reinterpret_cast<const char*>(start), part.p_memsz);
        if (part.p_type != PT_LOAD || (part.p_flags & PF_X) == 0) continue;
        image.start = image.end == 0 ? start : std::min<std::uint64_t>(image.start, start);
        image.end = std::max<std::uint64_t>(image.end, start + part.p_memsz);
    }
    std::string_view name = info->dlpi_name ? info->dlpi_name : "";
    if (name.size() >= sizeof image.name) name.remove_prefix(name.size() - sizeof image.name + 1);
    put_text(image.name, name);
    if (image.end == 0) return 0;
    box.images[box.image_count] = image;
    ++box.image_count;
    return 0;
}

} // namespace

BlackBox* black_box() { return the_box; }

void start_black_box(std::span<std::byte> place) {
    the_box = place.size() >= sizeof(BlackBox) ? reinterpret_cast<BlackBox*>(place.data()) : nullptr;
    if (!the_box) return;
    if (the_box->magic != BlackBox::kMagic) {
        std::memset(static_cast<void*>(the_box), 0, sizeof *the_box);
        the_box->magic = BlackBox::kMagic;
    }
    the_box->crash = {};
    std::memset(the_box->exception, 0, sizeof the_box->exception);
    std::memset(the_box->what, 0, sizeof the_box->what);
    note_images();
}

std::unique_ptr<BlackBox> read_black_box(int fd) {
    auto box = std::make_unique<BlackBox>();
    auto got = pread(fd, box.get(), sizeof *box, StatePage::kExtraAt);
    if (got != static_cast<ssize_t>(sizeof *box) || box->magic != BlackBox::kMagic) return nullptr;
    return box;
}

void note_event(std::string_view what, std::string_view more) {
    if (!the_box) return;
    auto& event = the_box->events[the_box->event_count++ % BlackBox::kEvents];
    event.ms = now_ms();
    auto length = what.copy(event.text, sizeof event.text - 1);
    length += more.copy(event.text + length, sizeof event.text - 1 - length);
    event.text[length] = '\0';
}

void note_event(std::string_view what, long long number) {
    char digits[24];
    auto end = std::to_chars(digits, digits + sizeof digits, number).ptr;
    note_event(what, std::string_view(digits, static_cast<std::size_t>(end - digits)));
}

void note_images() {
    if (!the_box) return;
    the_box->image_count = 0;
    dl_iterate_phdr(note_image, nullptr);
}

} // namespace leash
