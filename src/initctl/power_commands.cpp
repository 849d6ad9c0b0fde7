// SPDX-License-Identifier: MIT
// poweroff, reboot, halt, kexec, soft-reboot; daemon-reexec.
#include <linux/reboot.h>

#include "base/text.h"
#include "control/protocol.h"
#include "initctl/client.h"
#include "initctl/commands.h"

namespace leash::initctl {
namespace {

constexpr Ms kPatience{10'000};
constexpr Ms kReexec{30'000}; // a check of the new binary, and its reading the configuration

int command_of(std::string_view name) {
    if (name == "poweroff") return static_cast<int>(LINUX_REBOOT_CMD_POWER_OFF);
    if (name == "halt") return static_cast<int>(LINUX_REBOOT_CMD_HALT);
    if (name == "kexec") return static_cast<int>(LINUX_REBOOT_CMD_KEXEC);
    return static_cast<int>(LINUX_REBOOT_CMD_RESTART);
}

} // namespace

int run_power(const Command& command, const Options& options, const Session& session) {
    namespace status = control::status;
    std::string verb(command.name);
    if (options.via_wdt) verb += "-via-wdt"; // the request has a name of its own
    if (options.force < 2 || command.name == "soft-reboot") {
        auto answer = ask(session.socket, verb, {}, options.force > 0, kPatience,
                          [](const std::string&, const auto&) {});
        if (!answer.message.empty()) {
            if (answer.status == status::done) session.print("{}", printable(answer.message));
            else session.complain("{}", printable(answer.message));
        }
        if (answer.status != status::unreachable) return answer.status;
        if (command.name == "soft-reboot") return answer.status; // nobody but init can do that
        if (options.force == 0) {
            session.err(fmt::format("  without init: initctl {} -f\n", command.name));
            return answer.status;
        }
    }
    session.reboot_now(command_of(command.name));
    session.complain("{}: {}", command.name, std::strerror(errno));
    return errno == EPERM ? status::not_permitted : status::failed;
}

// The new life finds who has asked for it meanwhile in the backlog of the socket: with its answer it
// is there.
int run_daemon_reexec(const Command& command, const Options&, const Session& session) {
    namespace status = control::status;
    auto nothing = [](const std::string&, const auto&) {};
    auto answer = ask(session.socket, command.name, {}, false, kReexec, nothing);
    if (answer.status == status::done)
        answer = ask(session.socket, "version", {}, false, kReexec, nothing);
    if (!answer.message.empty()) session.complain("{}", printable(answer.message));
    return answer.status;
}

} // namespace leash::initctl
