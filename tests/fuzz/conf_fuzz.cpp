// SPDX-License-Identifier: MIT
// Configuration texts. The first byte says what the rest is: `i` init.conf, `p` what came through
// the worker's pipe, anything else a service's file.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "config/load.h"

using namespace leash;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

void check(const Catalog& catalog) {
    for (const auto& complaint : catalog.complaints) {
        check(!complaint.file.empty() && !complaint.text.empty() && complaint.line >= 0);
        auto line = format(complaint);
        for (unsigned char c : line) check(c >= 0x20 && c != 0x7F);
    }
    for (const auto& [name, settings] : catalog.services) {
        check(!catalog.left_out.contains(name) && settings.name == name);
        check(settings.command.empty() == (settings.type == ServiceType::target));
    }
    check(catalog.left_out.empty() || catalog.has_errors());
    check(!catalog.system.rescue_shell.empty());
    check(catalog.system.watchdog.interval < catalog.system.watchdog.timeout);
    check(!catalog.system.plugin_config.at("watchdog").empty());
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    std::string text(reinterpret_cast<const char*>(data) + 1, size - 1);
    const SourceFile other{"services.d/other.conf", "[service]\ncommand = /bin/true\n", ""};
    switch (data[0]) {
    case 'i': {
        auto catalog = load(SourceFile{"init.conf", text, ""}, {other});
        check(catalog);
        break;
    }
    case 'p':
        if (auto files = deserialize(text)) {
            check(deserialize(serialize(*files)).value_or(std::vector<SourceFile>{}) == *files);
            (void)load(*files);
        }
        break;
    default: {
        auto catalog = load(SourceFile{"init.conf", "", ""},
                            {{"services.d/it@1.conf", text, ""}, other});
        check(catalog);
        check(catalog.services.contains("other")); // somebody else's fault is not its own
        check(catalog.services.contains("it@1") != catalog.left_out.contains("it@1"));
    }
    }
    return 0;
}
