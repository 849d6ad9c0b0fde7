// SPDX-License-Identifier: MIT
// Configuration texts. The first byte says what the rest is: `i` init.conf, `j` a drop-in of it,
// `p` what came through the worker's pipe, `d` a drop-in of a service, `t` a template, anything
// else a service's file.
#include "config/load.h"

#include <cstdint>
#include <cstdlib>
#include <string>

using namespace leash;

namespace {

void check(bool holds) {
    if (!holds) std::abort();
}

void check(const Catalog& catalog) {
    for (const auto& complaint : catalog.complaints) {
        check(!complaint.file.empty() && !complaint.text.empty() && complaint.line >= 0);
        auto line = format(complaint);
        for (unsigned char c : line)
            check(c >= 0x20 && c != 0x7F);
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
    case 'j': {
        auto catalog = load({{"init.conf", "[system]\nhostname = one\n[defaults]\nuser = x\n", ""},
                             {"init.conf.d/a.conf", text, ""},
                             other});
        check(catalog);
        check(catalog.services.size() + catalog.left_out.size() == 1);
        break;
    }
    case 'd': {
        auto catalog =
            load({{"init.conf", "", ""},
                  {"services.d/it@1.conf", "[service]\ncommand = a\nenvironment = A=1\n", ""},
                  {"services.d/it@1.conf.d/a.conf", text, ""},
                  {"services.d/it@1.conf.d/b.conf", text, ""},
                  other});
        check(catalog);
        check(catalog.services.contains("other"));
        check(catalog.services.contains("it@1") != catalog.left_out.contains("it@1"));
        for (const auto& line : catalog.lines["it@1"])
            check(line.place.line > 0 && !line.place.file.empty());
        break;
    }
    case 't': {
        auto catalog =
            load({{"init.conf", "", ""}, {"services.d/it@.conf", text, ""}, other}, {"it@1"});
        check(catalog);
        check(catalog.services.contains("other"));
        check(catalog.masked.contains("it@") ||
              catalog.services.contains("it@1") != catalog.left_out.contains("it@1"));
        break;
    }
    default: {
        auto catalog =
            load(SourceFile{"init.conf", "", ""}, {{"services.d/it@1.conf", text, ""}, other});
        check(catalog);
        check(catalog.services.contains("other")); // somebody else's fault is not its own
        check(catalog.services.contains("it@1") != catalog.left_out.contains("it@1") ||
              catalog.masked.contains("it@1"));
    }
    }
    return 0;
}
