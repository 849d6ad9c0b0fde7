// SPDX-License-Identifier: MIT
// Every key of [system] and [watchdog], good and bad.
#include <algorithm>
#include <functional>

#include <gtest/gtest.h>

#include "config/schema.h"
#include "helpers.h"

using namespace leash;

namespace {

using S = SystemSettings;
using Words = std::vector<std::string>;

constexpr const char* kFurther = "watchdog /dev/watchdog1";

std::string text_of(const S& s, const std::string& section, std::string_view key) {
    for (const auto& [name, value] : s.plugin_config.at(section))
        if (name == key) return value;
    return "(none)";
}

struct Good {
    std::string section, lines;
    std::function<bool(const S&)> holds;
};
struct Bad {
    std::string section, lines, complaint;
};

const std::vector<Good> kGood{
    {"system", "hostname = box-1.example.org\n",
     [](const S& s) { return s.hostname == "box-1.example.org"; }},
    {"system", "modules = i2c-dev, softdog  soft_margin=30\nmodules = fuse\n", [](const S& s) {
         return s.modules == Words{"i2c-dev", "softdog soft_margin=30", "fuse"};
     }},
    {"system", "mounts = /dev/vdb /data ext4 noatime nofail, tmpfs /tmp tmpfs size=10%\n",
     [](const S& s) {
         return s.mounts == std::vector<MountEntry>{
                                {"/dev/vdb", "/data", "ext4", {"noatime", "nofail"}},
                                {"tmpfs", "/tmp", "tmpfs", {"size=10%"}}};
     }},
    {"system", "mounts = \"/dev/a b\" /x vfat \"codepage=437,iocharset=utf8\"\n",
     [](const S& s) {
         return s.mounts.size() == 1 && s.mounts[0].source == "/dev/a b" &&
                s.mounts[0].options == Words{"codepage=437,iocharset=utf8"};
     }},
    {"system", "mounts = a /a b\nmounts =\nmounts = c /c d\n",
     [](const S& s) { return s.mounts.size() == 1 && s.mounts[0].source == "c"; }},
    {"system", "sysctl = kernel.sysrq=0, net/ipv4/ip_forward=1, a.b=\"1 2\"\n", [](const S& s) {
         return s.sysctl == TextPairs{{"kernel.sysrq", "0"}, {"net/ipv4/ip_forward", "1"},
                                      {"a.b", "1 2"}};
     }},
    {"system", "console = ttyS0\n", [](const S& s) { return s.console == "/dev/ttyS0"; }},
    {"system", "console = /dev/tty1\n", [](const S& s) { return s.console == "/dev/tty1"; }},
    {"system", "rescue-shell = /sbin/sulogin -p\n",
     [](const S& s) { return s.rescue_shell == Words{"/sbin/sulogin", "-p"}; }},
    {"system", "shutdown-timeout = 1s\n", [](const S& s) { return s.shutdown_timeout == 1s; }},
    {"system", "panic-reboot = 0\n", [](const S& s) { return s.panic_reboot == 0s; }},
    {"system", "panic-reboot = 1m\n", [](const S& s) { return s.panic_reboot == 60s; }},
    {"system", "deadman = 30s\n", [](const S& s) { return s.deadman.timeout == 30s; }},
    {"system", "deadman = 0\n", [](const S& s) { return s.deadman == DeadmanSettings{}; }},
    {"system", "deadman-grace = 100ms\n", [](const S& s) { return s.deadman.grace == 100ms; }},
    {"system", "on-deadman = nothing\n",
     [](const S& s) { return s.deadman.action == OnDeadman::nothing; }},
    {"system", "on-deadman = panic\n",
     [](const S& s) { return s.deadman.action == OnDeadman::panic; }},
    {"system", "on-deadman = restart\n",
     [](const S& s) { return s.deadman.action == OnDeadman::restart; }},
    {"system", "trouble-handler = none\n", [](const S& s) { return s.deadman.handler.empty(); }},
    {"system", "trouble-handler = /bin/x\n",
     [](const S& s) { return s.deadman.handler == "/bin/x"; }},
    {"system", "hung-task = 2m\n", [](const S& s) { return s.deadman.hung_task == 120s; }},
    {"system", "hung-task = 0\n", [](const S& s) { return s.deadman.hung_task == 0s; }},
    {"system", "exec-timeout = 5s\n", [](const S& s) { return s.exec_timeout == 5s; }},
    {"system", "crash-limit = 3/1h\n",
     [](const S& s) { return s.crash_limit == RateLimit{3, Ms{3'600'000}}; }},
    {"system", "log-size = 1M\n", [](const S& s) { return s.log_size == 1024 * 1024; }},
    {"system", "log-size = 4096\n", [](const S& s) { return s.log_size == 4096; }},
    {"system", "trouble-log-size = 8K\n", [](const S& s) { return s.trouble_log_size == 8192; }},
    {"system", "trouble-log-files = 64\n", [](const S& s) { return s.trouble_log_files == 64; }},
    {"system", "plugins =\n", [](const S& s) { return s.plugins.empty(); }},
    {"system", "plugins = a, b_c\n", [](const S& s) { return s.plugins == Words{"a", "b_c"}; }},
    {"watchdog", "device = /dev/watchdog1\n",
     [](const S& s) { return s.watchdog.device == "/dev/watchdog1"; }},
    {"watchdog", "timeout = 1m\n", [](const S& s) { return s.watchdog.timeout == 60s; }},
    {"watchdog", "reset-cause-file = none\n",
     [](const S& s) { return text_of(s, "watchdog", "reset-cause-file") == "none"; }},
    {"watchdog", "reboot-limit = 0\n",
     [](const S& s) { return text_of(s, "watchdog", "reboot-limit") == "0"; }},
    {"watchdog", "reboot-limit = 2/30m\n",
     [](const S& s) { return text_of(s, "watchdog", "reboot-limit") == "2/30m"; }},
    {"watchdog", "minimum-uptime = 1h\n",
     [](const S& s) { return text_of(s, "watchdog", "minimum-uptime") == "1h"; }},
    {"watchdog", "safe-on = panic, missed-heartbeat\nsafe-on = loop-stalled\n",
     [](const S& s) {
         return text_of(s, "watchdog", "safe-on") == "panic, missed-heartbeat, loop-stalled";
     }},
    {"watchdog", "cause-hook = /bin/tell 'a cause'\n",
     [](const S& s) { return text_of(s, "watchdog", "cause-hook") == "/bin/tell 'a cause'"; }},
    {"watchdog", "boot-fail-hook = /bin/slot b\nboot-fail-limit = 5\n",
     [](const S& s) {
         return text_of(s, "watchdog", "boot-fail-hook") == "/bin/slot b" &&
                text_of(s, "watchdog", "boot-fail-limit") == "5";
     }},
    {"watchdog", "boot-fail-limit = 0\n",
     [](const S& s) { return text_of(s, "watchdog", "boot-fail-limit") == "0"; }},
    {"watchdog", "shutdown-limit = 10m\n",
     [](const S& s) { return text_of(s, "watchdog", "shutdown-limit") == "10m"; }},
    {"watchdog", "timeout = 10s\ninterval = 9999ms\n",
     [](const S& s) { return s.watchdog.interval == 9999ms; }},
    {"watchdog", "interval = 5s\n", [](const S& s) { return s.watchdog.interval == 5s; }},
    {"watchdog", "priority = fifo:99\n", [](const S& s) { return s.watchdog.priority == "fifo:99"; }},
    {"watchdog", "priority = other\n", [](const S& s) { return s.watchdog.priority == "other"; }},
    {"watchdog", "loop-limit = 3500ms\n", [](const S& s) { return s.watchdog.loop_limit == 3500ms; }},
    {"watchdog", "on-missing-device = ignore\n",
     [](const S& s) { return s.watchdog.on_missing_device == OnMissingDevice::ignore; }},
    {"watchdog", "on-missing-device = warn\n",
     [](const S& s) { return s.watchdog.on_missing_device == OnMissingDevice::warn; }},
    {"watchdog", "clients = no\nclient-policy = report, exec:/bin/x 1/1h, reboot\n",
     [](const S& s) {
         const auto& texts = s.plugin_config.at("watchdog");
         auto has = [&](const std::string& key, const std::string& value) {
             return std::ranges::find(texts, std::pair(key, value)) != texts.end();
         };
         return has("clients", "no") && has("client-policy", "report, exec:/bin/x 1/1h, reboot");
     }},
    {"watchdog", "rescue = starve\n",
     [](const S& s) { return s.watchdog.rescue == RescueFeeding::starve; }},
    {"watchdog", "rescue = feed 30m\n", [](const S& s) {
         return s.watchdog.rescue == RescueFeeding::feed && s.watchdog.rescue_limit == 30min;
     }},
    {"watchdog", "delegate-to = watchdogd\ndelegate-pause = 0\ndelegate-limit = 90s\n",
     [](const S& s) {
         return s.watchdog.delegate_to == "watchdogd" &&
                text_of(s, "watchdog", "delegate-to") == "watchdogd" &&
                text_of(s, "watchdog", "delegate-pause") == "0" &&
                text_of(s, "watchdog", "delegate-limit") == "90s";
     }},
    {"watchdog", "boot-limit = 0\n", [](const S& s) { return s.watchdog.boot_limit == 0s; }},
    {"watchdog", "device = none\n", [](const S& s) { return s.watchdog.device.empty(); }},
    {"watchdog", "timeout = 30s\npretimeout = 10s\npretimeout-governor = panic\n",
     [](const S& s) { return text_of(s, "watchdog", "pretimeout") == "10s"; }},
    {"watchdog", "pretimeout-governor = noop\n",
     [](const S& s) { return text_of(s, "watchdog", "pretimeout-governor") == "noop"; }},
    {kFurther,
     "timeout = 1m\ninterval = 500ms\non-missing-device = ignore\npretimeout = 5s\n"
     "pretimeout-governor = panic\n",
     [](const S& s) {
         return text_of(s, kFurther, "timeout") == "1m" &&
                text_of(s, kFurther, "interval") == "500ms" &&
                text_of(s, kFurther, "on-missing-device") == "ignore" &&
                text_of(s, kFurther, "pretimeout-governor") == "panic";
     }},
};

const std::vector<Bad> kBad{
    {"watchdog", "reset-cause-file = cause\n", ": reset-cause-file: "},
    {"watchdog", "reset-cause-file = /cause\n", "a file in a folder of its own"},
    {"watchdog", "reboot-limit = 5\n", ": reboot-limit: '5'; allowed: N/TIME"},
    {"watchdog", "minimum-uptime = 1ms\n", ": minimum-uptime: '1ms' is out of range"},
    {"watchdog", "safe-on = Panic\n", ": safe-on: 'Panic' is no cause of a reset"},
    {"watchdog", "cause-hook = 'x\n", ": cause-hook: "},
    {"watchdog", "boot-fail-hook = \"x\n", ": boot-fail-hook: "},
    {"watchdog", "boot-fail-limit = many\n", ": boot-fail-limit: 'many'; allowed: 0..1000"},
    {"watchdog", "shutdown-limit = never\n", ": shutdown-limit: "},
    {"system", "hostname = -x\n", "hostname: '-x' is not a host's name; allowed:"},
    {"system", "hostname = a..b\n", "hostname: 'a..b' is not"},
    {"system", "hostname = a b\n", "hostname: 'a b' is not"},
    {"system", "modules = ../evil\n", "modules: '../evil' is not a module; allowed:"},
    {"system", "modules = x.ko\n", "leave .ko off"},
    {"system", "modules = a, -r\n", "modules: '-r' is not a module"},
    {"system", "mounts = /dev/vdb /data\n",
     "mounts: '/dev/vdb /data' is not SOURCE TARGET TYPE [OPTION ...]"},
    {"system", "mounts = tmpfs tmp tmpfs\n", "mounts: 'tmp' is not an absolute path"},
    {"system", "mounts = tmpfs /tmp size=1,x\n", "mounts: 'size=1' is not a type"},
    {"system", "mounts = a /a b, c /a d\n", "mounts: '/a' is mounted on twice"},
    {"system", "sysctl = kernel.sysrq\n", "sysctl: 'kernel.sysrq' is not NAME=VALUE"},
    {"system", "sysctl = ../../etc/passwd=1\n", "sysctl: '../../etc/passwd' is not a name below"},
    {"system", "sysctl = a = b\n", "sysctl: 'a = b' has blanks outside of quotes"},
    {"system", "console = /etc/passwd\n", "console: '/etc/passwd' is not a device"},
    {"system", "rescue-shell =\n", "rescue-shell: no value"},
    {"system", "shutdown-timeout = 11m\n",
     "shutdown-timeout: '11m' is out of range; allowed: 1s..10m"},
    {"system", "panic-reboot = 1500ms\n", "panic-reboot: '1500ms' is not a whole number of seconds; "
                                          "allowed: 0 (hang for ever) or 1s..1h in whole seconds"},
    {"system", "deadman = 999ms\n",
     "deadman: '999ms' is out of range; allowed: 0 (off) or 1s..1h"},
    {"system", "deadman-grace = 0\n", "deadman-grace: '0' is out of range; allowed: 100ms..1h"},
    {"system", "on-deadman = reboot\n", "on-deadman: 'reboot'"},
    {"system", "trouble-handler = bin/x\n", "trouble-handler: 'bin/x' is not an absolute path"},
    {"system", "hung-task = 99ms\n",
     "hung-task: '99ms' is out of range; allowed: 0 (off) or 100ms..24h"},
    {"system", "exec-timeout = 0\n", "exec-timeout: '0' is out of range; allowed: 100ms..1h"},
    {"system", "crash-limit = 60\n", "crash-limit: '60' is no rate"},
    {"system", "log-size = 1K\n", "log-size: '1K' is out of range; allowed: 4K..16M"},
    {"system", "trouble-log-size = 1K\n",
     "trouble-log-size: '1K' is out of range; allowed: 4K..16M"},
    {"system", "trouble-log-files = 0\n", "trouble-log-files: '0' is no number from 1 to 64"},
    {"system", "trouble-log-files = many\n", "trouble-log-files: 'many' is no number from 1 to 64"},
    {"system", "log-size = 64KB\n", "log-size: unknown unit 'KB'"},
    {"system", "plugins = /lib/x.so\n", "plugins: '/lib/x.so' is not a plugin's name"},
    {"system", "plugins = system\n", "plugins: 'system' is a section of its own"},
    {"system", "hostnam = x\n", "hostnam: unknown key; did you mean 'hostname'?"},
    {"system", "timeout = 20s\n", "timeout: unknown key; timeout belongs into [watchdog]"},
    {"system", "command = x\n",
     "command: unknown key; command belongs into services.d/NAME.conf or into [defaults]"},
    {"watchdog", "device = watchdog\n", "device: 'watchdog' is not an absolute path"},
    {"watchdog", "timeout = 20\n", "timeout: '20' has no unit"},
    {"watchdog", "timeout = 1500ms\n", "timeout: '1500ms' is not a whole number of seconds"},
    {"watchdog", "timeout = 0\n", "timeout: '0' is out of range; allowed: 1s..1h in whole seconds"},
    {"watchdog", "interval = 20s\n", "interval: 20s is not less than timeout, which is 20s"},
    {"watchdog", "interval = 50ms\n", "interval: '50ms' is out of range; allowed: 100ms..1h"},
    {"watchdog", "priority = fifo:100\n",
     "priority: 'fifo:100'; allowed: deadline, fifo:N (N 1..99), other"},
    {"watchdog", "priority = fifo\n", "write fifo:99"},
    {"watchdog", "priority = dedline\n", "did you mean 'deadline'?"},
    {"watchdog", "loop-limit = 0\n", "loop-limit: '0' is out of range"},
    // The loop beats once a second: less than three of them would be a matter of luck.
    {"watchdog", "loop-limit = 2s\n", "loop-limit: '2s' is out of range"},
    {"watchdog", "on-missing-device = fail\n", "on-missing-device: 'fail'; allowed: warn, ignore"},
    {"watchdog", "rescue = feed 10\n", "rescue: '10' has no unit"},
    {"watchdog", "rescue = feed 25h\n", "rescue: '25h' is out of range; allowed: feed, feed TIME"},
    {"watchdog", "clients = maybe\n", "clients: 'maybe'; allowed: yes, no"},
    {"watchdog", "client-policy = restart\n",
     "client-policy: step 1: 'restart' needs a service, and this is trouble of the machine: use report, "
     "exec:COMMAND, safe, reboot, poweroff, halt"},
    {"watchdog", "client-policy = signal TERM, reboot\n", "step 1: 'signal' needs a service"},
    {"watchdog", "client-policy = report, stop\n", "step 2: 'stop' needs a service"},
    {"watchdog", "client-policy = freeze, reboot\n", "step 1: 'freeze' needs a service"},
    {"watchdog", "client-policy = dump\n", "step 1: 'dump' needs a service"},
    {"watchdog", "client-policy = limit 50%\n", "step 1: 'limit' needs a service"},
    {"watchdog", "client-policy = restart-dependents\n", "step 1: 'restart-dependents' needs a service"},
    {"watchdog", "client-policy = reboot at 60%\n", "step 1: 'at 60%' means nothing here"},
    {"watchdog", "rescue = starv\n", "did you mean 'starve'?"},
    {"watchdog", "rescue = starve 1m\n", "rescue: 'starve 1m'; allowed: feed, feed TIME"},
    {"watchdog", "delegate-to = a b\n", "delegate-to: 'a b' is not a service's name; allowed: 1 to"},
    {"watchdog", "delegate-pause = 2\n", "delegate-pause: '2' has no unit"},
    {"watchdog", "delegate-limit = 0\n", "delegate-limit: '0' is out of range"},
    {"watchdog", "boot-limit = 1\n", "boot-limit: '1' has no unit"},
    {"watchdog", "pretimeout = 20s\n", "pretimeout: 20s is not less than timeout, which is 20s"},
    {"watchdog", "pretimeout-governor = PANIC\n", "allowed: a word such as noop, panic"},
    {kFurther, "timeout = 1\n", "timeout: '1' has no unit"},
    {kFurther, "interval = 20s\n",
     "interval: [watchdog /dev/watchdog1]: 20s is not less than timeout, which is 20s"},
    {kFurther, "pretimeout = 1m\n", "pretimeout: [watchdog /dev/watchdog1]: 1m is not less than"},
    {kFurther, "pretimeout-governor = a b\n", "allowed: a word such as noop, panic"},
    {kFurther, "on-missing-device = no\n", "on-missing-device: 'no'; allowed: warn, ignore"},
};

std::string text_of(const std::string& section, const std::string& lines) {
    return fmt::format("[{}]\n{}", section, lines);
}

std::string watchdog_text(const S& s, std::string_view key) {
    for (const auto& [name, value] : s.plugin_config.at("watchdog"))
        if (name == key) return value;
    return "absent";
}

} // namespace

TEST(SystemKeys, Good) {
    for (const auto& row : kGood) {
        auto catalog = load_init(text_of(row.section, row.lines));
        EXPECT_EQ(all(catalog.complaints), "") << row.lines;
        EXPECT_TRUE(row.holds(catalog.system)) << row.lines;
    }
}

TEST(SystemKeys, BadLinesKeepTheDefaultAndOthersCount) {
    for (const auto& row : kBad) {
        auto text = text_of(row.section, row.lines);
        text +=
            row.section == "system" ? "[watchdog]\nloop-limit = 7s\n" : "[system]\nhostname=ok\n";
        auto catalog = load_init(text);
        EXPECT_TRUE(has(catalog.complaints, row.complaint)) << row.lines;
        EXPECT_EQ(catalog.complaints.size(), 1U) << all(catalog.complaints);
        EXPECT_EQ(catalog.complaints[0].file, "init.conf");
        EXPECT_EQ(catalog.complaints[0].line, 2);
        if (row.section == "system") {
            EXPECT_EQ(catalog.system.watchdog.loop_limit, 7s);
            EXPECT_TRUE(catalog.system.hostname.empty());
            EXPECT_TRUE(catalog.system.mounts.empty());
            EXPECT_EQ(catalog.system.plugins, Words{"watchdog"});
        } else {
            EXPECT_EQ(catalog.system.hostname, "ok");
            for (const auto& spec : system_schema())
                if (spec.section == "watchdog") {
                    EXPECT_EQ(watchdog_text(catalog.system, spec.key), spec.fallback) << spec.key;
                }
        }
    }
}

TEST(SystemKeys, AFurtherWdtIsADeviceOfItsOwn) {
    auto name = load_init("[watchdog watchdog1]\ntimeout = 9s\n");
    EXPECT_TRUE(has(name.complaints, "init.conf:1: [watchdog watchdog1]: 'watchdog1' is no absolute "
                                     "path; name the device, as in [watchdog /dev/watchdog1]"));
    auto same = load_init("[watchdog /dev/watchdog]\ntimeout = 9s\n");
    EXPECT_TRUE(has(same.complaints, "[watchdog] itself is about that device; give it one section"));
    auto both = load_init("[watchdog]\ndevice = /dev/watchdog1\n[watchdog /dev/watchdog]\n");
    EXPECT_EQ(all(both.complaints), "");
    EXPECT_EQ(both.system.plugin_sections, Words{"watchdog /dev/watchdog"});
}

TEST(SystemKeys, TablesHaveEveryKey) {
    for (const auto& spec : system_schema()) {
        if (spec.section == "monitor NAME") continue; // monitor_keys_test.cpp
        if (spec.section == "finder") continue;       // finder_keys_test.cpp
        auto line = fmt::format("{} =", spec.key);
        auto names_it = [&](const auto& row) {
            return schema_section(row.section) == spec.section &&
                   (row.lines.starts_with(line) ||
                    row.lines.find("\n" + line) != std::string::npos);
        };
        EXPECT_TRUE(std::ranges::any_of(kGood, names_it)) << spec.key;
        EXPECT_TRUE(std::ranges::any_of(kBad, names_it)) << spec.key;
    }
}

TEST(SystemKeys, ThePluginSeesTexts) {
    auto catalog = load_init("[watchdog]\ntimeout = 30s\npriority=fifo:5\n");
    const auto& pairs = catalog.system.plugin_config.at("watchdog");
    std::size_t row = 0;
    for (const auto& spec : system_schema())
        if (spec.section == "watchdog") { EXPECT_EQ(pairs.at(row++).first, spec.key); }
    EXPECT_EQ(row, pairs.size());
    EXPECT_EQ(watchdog_text(catalog.system, "timeout"), "30s");
    EXPECT_EQ(watchdog_text(catalog.system, "interval"), "");
    EXPECT_EQ(watchdog_text(catalog.system, "priority"), "fifo:5");
    EXPECT_EQ(watchdog_text(catalog.system, "boot-limit"), "5m");
}

TEST(SystemKeys, OtherPluginsHaveSectionsOfTheirOwn) {
    auto catalog = load_init("[led]\npin = 4\ncolour=red\n[system]\nplugins = watchdog, led\n");
    EXPECT_EQ(all(catalog.complaints), "");
    EXPECT_EQ(catalog.system.plugin_config.at("led"), (TextPairs{{"pin", "4"}, {"colour", "red"}}));

    auto twice = load_init("[system]\nplugins=led\n[led]\npin = 4\npin=5\n");
    EXPECT_TRUE(has(twice.complaints, "init.conf:5: pin: is already set in line 4"));
    EXPECT_EQ(twice.system.plugin_config.at("led"), (TextPairs{{"pin", "4"}}));
}

TEST(SystemKeys, PluginsHaveSectionsWithLabels) {
    auto catalog = load_init("[system]\nplugins = led\n[led  front left]\npin = 4\n[led back]\npin=5\n");
    EXPECT_EQ(all(catalog.complaints), "");
    EXPECT_EQ(catalog.system.plugin_sections, (Words{"led front left", "led back"}));
    EXPECT_EQ(catalog.system.plugin_config.at("led front left"), (TextPairs{{"pin", "4"}}));
    EXPECT_EQ(catalog.system.plugin_config.at("led back"), (TextPairs{{"pin", "5"}}));

    auto unknown = load_init("[lde back]\npin=5\n[system x]\nhostname=y\n");
    EXPECT_TRUE(has(unknown.complaints, "init.conf:1: unknown section [lde back]"));
    EXPECT_TRUE(has(unknown.complaints, "init.conf:3: unknown section [system x]"));
}

TEST(SystemKeys, Sections) {
    struct {
        std::string text, complaint;
    } const rows[] = {
        {"[sytem]\nhostname=x\n", "init.conf:1: unknown section [sytem]; allowed: [system], "
                                  "[watchdog], [defaults], and one for each of `plugins`; did "
                                  "you mean 'system'?"},
        {"[led]\npin=1\n", "init.conf:1: unknown section [led]"},
        {"[service]\ncommand=x\n", "services have files of their own"},
        {"[]\n", "init.conf:1: unknown section []"},
        {"[system]\n[watchdog]\n[system]\nhostname=x\n",
         "init.conf:3: section [system] began in line 1 already"},
        {"[empty]\n", "init.conf:1: unknown section [empty]"},
    };
    for (const auto& row : rows) {
        auto catalog = load_init(row.text);
        EXPECT_TRUE(has(catalog.complaints, row.complaint)) << row.text;
        EXPECT_EQ(catalog.complaints.size(), 1U) << all(catalog.complaints);
    }
    EXPECT_EQ(load_init("[system]\n[system]\nhostname=x\n").system.hostname, "x");
}

TEST(SystemKeys, AFaultyFirstListLineDoesNotClearTheDefault) {
    auto catalog = load_init("[system]\nplugins = a b\n");
    EXPECT_EQ(catalog.system.plugins, Words{"watchdog"});
    auto second = load_init("[system]\nplugins = a b\nplugins = c\n");
    EXPECT_EQ(second.system.plugins, Words{"c"});
    EXPECT_EQ(second.complaints.size(), 1U);
}

TEST(SystemKeys, RubbishStillBootsToAConsole) {
    for (std::string text :
         {std::string("\0\0\0\0", 4), std::string("]]]]"), std::string("[system"),
          std::string("<xml/>\n"), std::string(100'000, 'x')}) {
        auto catalog = load_init(text);
        EXPECT_TRUE(catalog.has_errors());
        EXPECT_EQ(catalog.system.rescue_shell, (Words{"/bin/sh", "-l"}));
        EXPECT_EQ(catalog.system.plugins, Words{"watchdog"});
        EXPECT_EQ(watchdog_text(catalog.system, "timeout"), "20s");
    }
    auto missing = load(SourceFile{"init.conf", "", "No such file or directory"}, {});
    EXPECT_TRUE(has(missing.complaints,
                    "init.conf: cannot be read: No such file or directory; all of "
                    "its keys have their defaults"));
    EXPECT_TRUE(has(load({}).complaints, "init.conf: cannot be read"));
}
