// SPDX-License-Identifier: MIT
// poweroff, reboot, halt.
#include <linux/reboot.h>

#include "base/text.h"
#include "control/protocol.h"
#include "initctl/client.h"
#include "initctl/commands.h"

namespace leash::initctl {
namespace {

constexpr Ms kPatience{10'000};

int command_of(std::string_view name) {
    if (name == "poweroff") return static_cast<int>(LINUX_REBOOT_CMD_POWER_OFF);
    if (name == "halt") return static_cast<int>(LINUX_REBOOT_CMD_HALT);
    return static_cast<int>(LINUX_REBOOT_CMD_RESTART);
}

} // namespace

int run_power(const Command& command, const Options& options, const Session& session) {
    namespace status = control::status;
    if (options.force < 2) {
        auto answer = ask(session.socket, command.name, {}, options.force > 0, kPatience,
                          [](const std::string&, const auto&) {});
        if (!answer.message.empty()) {
            if (answer.status == status::done) session.print("{}", printable(answer.message));
            else session.complain("{}", printable(answer.message));
        }
        if (answer.status != status::unreachable) return answer.status;
        if (options.force == 0) {
            session.err(fmt::format("  without init: initctl {} -f\n", command.name));
            return answer.status;
        }
    }
    session.reboot_now(command_of(command.name));
    session.complain("{}: {}", command.name, std::strerror(errno));
    return errno == EPERM ? status::not_permitted : status::failed;
}

} // namespace leash::initctl
