// SPDX-License-Identifier: MIT
#include "lineage/kernel_events.h"

#include <cerrno>

#include <fcntl.h>
#include <unistd.h>

#include "lineage/kernel_lineage.h"

namespace leash {
namespace {

constexpr std::size_t kRecordsARead = 256;

} // namespace

Result<KernelEvents> KernelEvents::open() {
    UniqueFd fd(::open(kLeashDevice, O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    if (!fd) return fail_errno(errno, "{}", kLeashDevice);
    return take_over(std::move(fd));
}

Result<KernelEvents> KernelEvents::take_over(UniqueFd fd) {
    leash_version version{};
    if (auto asked = ask_device(fd.get(), LEASH_IOC_VERSION, &version, "version"); !asked)
        return std::unexpected(asked.error());
    if ((version.features & LEASH_FEATURE_EVENTS) == 0)
        return std::unexpected(Error{fmt::format("{}: the module (ABI {}) does not tell events: "
                                                 "load the one that came with this program",
                                                 kLeashDevice, version.abi),
                                     EPROTO});
    return KernelEvents(std::move(fd));
}

Result<std::uint32_t> KernelEvents::watch(const What& what) {
    leash_watch argument{};
    argument.start = what.start;
    argument.group = what.group;
    argument.pid = what.pid;
    argument.events = what.events;
    argument.flags = what.attributed ? LEASH_WATCH_ATTRIBUTED : 0;
    argument.queue = what.queue;
    argument.coalesce_ms = static_cast<std::uint32_t>(what.coalesce.count());
    argument.signo = what.signal;
    if (auto done = ask_device(fd_.get(), LEASH_IOC_WATCH, &argument, "watch"); !done)
        return std::unexpected(done.error());
    return 1U << (argument.id - 1);
}

Result<std::span<const leash_record>> KernelEvents::read() {
    records_.resize(kRecordsARead);
    auto size = ::read(fd_.get(), records_.data(), records_.size() * sizeof(leash_record));
    if (size < 0 && errno != EAGAIN && errno != EINTR)
        return fail_errno(errno, "{}: events", kLeashDevice);
    records_.resize(size < 0 ? 0 : static_cast<std::size_t>(size) / sizeof(leash_record));
    return std::span<const leash_record>(records_);
}

Result<leash_unwatch> KernelEvents::totals() {
    leash_unwatch argument{};
    if (auto done = ask_device(fd_.get(), LEASH_IOC_UNWATCH, &argument, "counters"); !done)
        return std::unexpected(done.error());
    return argument;
}

} // namespace leash
