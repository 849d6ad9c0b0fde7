// SPDX-License-Identifier: MIT
#include "init/kernel_command_line.h"

#include "base/tag.h"
#include "base/text.h"

namespace leash {

KernelCommandLine parse_kernel_command_line(std::string_view text) {
    KernelCommandLine asked;
    asked.text = text;
    constexpr std::string_view kTarget = "leash.target=";
    while (!text.empty() && (text.back() == '\n' || text.back() == '\0')) text.remove_suffix(1);
    for (auto word : split(text, ' ', true)) {
        if (word == "single") asked.target = "rescue";
        else if (word == "leash.nomodule") asked.no_module = true;
        else if (word == "leash.nowdt") asked.no_wdt = true;
        else if (word == "leash.debug") asked.debug = true;
        else if (word.starts_with(kTarget) && valid_service_name(word.substr(kTarget.size())))
            asked.target = word.substr(kTarget.size());
    }
    return asked;
}

} // namespace leash
