// SPDX-License-Identifier: MIT
// One folder over the other, drop-ins, templates and their instances, masks.
#include "config/files.h"
#include "config/host_check.h"
#include "helpers.h"

#include <filesystem>
#include <fstream>

#include <gtest/gtest.h>

using namespace leash;
namespace fs = std::filesystem;

namespace {

using Words = std::vector<std::string>;

class Layers : public testing::Test {
  protected:
    Layers() {
        std::string pattern = testing::TempDir() + "leash-layers-XXXXXX";
        root_ = ::mkdtemp(pattern.data());
        write("etc/leash/init.conf", "");
    }
    ~Layers() override {
        std::error_code ignored;
        fs::remove_all(root_, ignored);
    }
    void write(const std::string& name, const std::string& text) {
        fs::create_directories((root_ / name).parent_path());
        std::ofstream(root_ / name, std::ios::binary) << text;
    }
    void service(const std::string& layer, const std::string& name, const std::string& lines = "") {
        write(layer + "/leash/services.d/" + name + ".conf",
              "[service]\ncommand = /bin/true\n" + lines);
    }
    void drop_in(const std::string& layer, const std::string& name, const std::string& file,
                 const std::string& lines) {
        write(layer + "/leash/services.d/" + name + ".conf.d/" + file + ".conf",
              "[service]\n" + lines);
    }
    void null(const std::string& path) {
        fs::create_directories((root_ / path).parent_path());
        fs::create_symlink("/dev/null", root_ / path);
    }
    Catalog read(const Words& wanted = {}) {
        tree_ = read_config_layers(config_layers(root_.string()));
        return load(tree_, wanted);
    }
    [[nodiscard]] std::string paths() const {
        std::string text;
        for (const auto& file : tree_)
            text += file.path + (file.error.empty() ? "\n" : " " + file.error + "\n");
        return text;
    }
    fs::path root_;
    std::vector<SourceFile> tree_;
};

} // namespace

TEST_F(Layers, TheLastOneCounts) {
    service("usr/lib", "a", "user = one\n");
    service("usr/lib", "b", "user = one\n");
    service("usr/lib", "c", "user = one\n");
    service("etc", "b", "user = two\n");
    service("etc", "c", "user = two\n");
    service("run", "c", "user = three\n");
    write("usr/lib/leash/init.conf", "[system]\nhostname = vendor\n");
    auto catalog = read();
    EXPECT_EQ(all(catalog.complaints), "");
    EXPECT_EQ(paths(), "/etc/leash/init.conf\n/usr/lib/leash/services.d/a.conf\n"
                       "/etc/leash/services.d/b.conf\n/run/leash/services.d/c.conf\n");
    EXPECT_EQ(catalog.services.at("a").user, "one");
    EXPECT_EQ(catalog.services.at("b").user, "two");
    EXPECT_EQ(catalog.services.at("c").user, "three");
    EXPECT_EQ(catalog.system.hostname, ""); // the whole file is replaced
    fs::remove(root_ / "etc/leash/init.conf");
    EXPECT_EQ(read().system.hostname, "vendor");
}

TEST_F(Layers, NothingAnywhere) {
    fs::remove_all(root_ / "etc");
    (void)read();
    EXPECT_EQ(paths(), "/etc/leash/init.conf No such file or directory\n"
                       "/etc/leash/services.d No such file or directory\n");
    fs::create_directories(root_ / "run/leash/services.d");
    (void)read();
    EXPECT_EQ(paths(), "/etc/leash/init.conf No such file or directory\n");
}

TEST_F(Layers, Masks) {
    for (const auto* name : {"a", "b", "c", "d", "e"})
        service("usr/lib", name);
    service("etc", "needs", "requires = a\n");
    service("etc", "more", "requires = needs\n");
    service("etc", "wants", "wants = a\nafter = b\nbefore = c\n");
    null("etc/leash/services.d/a.conf");
    write("run/leash/services.d/b.conf", "");
    null("usr/lib/leash/services.d/d.conf.d/x.conf"); // masks nothing: it is an empty drop-in
    null("etc/leash/services.d/e.conf.d/10-x.conf");
    drop_in("usr/lib", "e", "10-x", "user = ghost\n");
    auto catalog = read();
    EXPECT_EQ(catalog.masked,
              (std::map<std::string, std::string>{{"a", "/etc/leash/services.d/a.conf"},
                                                  {"b", "/run/leash/services.d/b.conf"}}));
    EXPECT_EQ(all(catalog.complaints),
              "/etc/leash/services.d/needs.conf:3: requires: requires a, which is masked by "
              "/etc/leash/services.d/a.conf; initctl unmask a, or take it out of requires\n"
              "/etc/leash/services.d/more.conf:3: requires: requires needs, which is left out; put "
              "/etc/leash/services.d/needs.conf right first\n");
    EXPECT_EQ(catalog.left_out, (std::set<std::string>{"needs", "more"}));
    EXPECT_EQ(catalog.services.at("wants").wants, Words{"a"});
    EXPECT_TRUE(catalog.services.contains("d"));
    EXPECT_EQ(catalog.services.at("e").user, "");
}

TEST_F(Layers, DropInsAddAndOverride) {
    service("usr/lib", "web",
            "user = one\nenvironment = A=1, B=2\nwants = x\nafter = p\n"
            "command-pre = /bin/one\nstop-timeout = 1s\n");
    for (const auto* name : {"x", "y", "p", "q"})
        service("usr/lib", name);
    drop_in("run", "web", "10-first", "user = two\nwants = y\nenvironment = B=3, C=4\n");
    drop_in("etc", "web", "20-second",
            "user = three\nafter =\nafter = q\ncommand-pre = /bin/two\n");
    drop_in("usr/lib", "web", "30-third", "stop-timeout = 9s\n");
    drop_in("etc", "web", "30-third", "stop-timeout = 8s\n"); // in its place
    write("etc/leash/services.d/web.conf.d/readme.txt", "x");
    auto catalog = read();
    EXPECT_EQ(all(catalog.complaints), "");
    const auto& web = catalog.services.at("web");
    EXPECT_EQ(web.user, "three");
    EXPECT_EQ(web.wants, (Words{"x", "y"}));
    EXPECT_EQ(web.after, Words{"q"});
    EXPECT_EQ(web.stop_timeout, 8s);
    EXPECT_EQ(commands_of(web, ControlKind::pre).size(), 2U);
    EXPECT_EQ(web.environment, (std::vector<std::pair<std::string, std::string>>{
                                   {"A", "1"}, {"B", "3"}, {"C", "4"}}));
    EXPECT_EQ(catalog.files.at("web"), (Words{"/usr/lib/leash/services.d/web.conf",
                                              "/run/leash/services.d/web.conf.d/10-first.conf",
                                              "/etc/leash/services.d/web.conf.d/20-second.conf",
                                              "/etc/leash/services.d/web.conf.d/30-third.conf"}));
    EXPECT_EQ(catalog.place_of("web", "user"),
              (Place{"/etc/leash/services.d/web.conf.d/20-second.conf", 2}));
    std::string lines;
    for (const auto& line : catalog.lines.at("web"))
        lines += fmt::format("{}={}@{}\n", line.key, line.text, line.place.line);
    EXPECT_EQ(lines,
              "command=/bin/true@2\nuser=three@2\nenvironment=A=1, B=2@4\nenvironment=B=3, C=4@4\n"
              "wants=x@5\nwants=y@3\nafter=q@4\ncommand-pre=/bin/one@7\n"
              "command-pre=/bin/two@5\nstop-timeout=8s@2\n");
}

TEST_F(Layers, ABrokenDropInNamesItsLine) {
    service("usr/lib", "web", "user = one\n");
    service("usr/lib", "other");
    struct {
        std::string lines, complaint;
    } const rows[] = {
        {"usr = x\n", ":2: usr: unknown key; did you mean 'user'?"},
        {"user = a\nuser = b\n", ":3: user: is already set in line 2"},
        {"leave = keep\n", ":2: leave: not for type = daemon"},
        {"restart-delay = 1h\n", ":2: restart-delay: the first pause (1h) is longer"},
        {"[service]\n", ":2: section [service] began in line 1 already; put the keys together"},
        {"[servcie]\n", ":2: unknown section [servcie]"},
        {"nonsense\n", ":2: 'nonsense' is neither"},
        {"user = a%i\n", ":2: user: %i stands for"},
    };
    for (const auto& row : rows) {
        drop_in("etc", "web", "50-x", row.lines);
        auto catalog = read();
        EXPECT_TRUE(
            has(catalog.complaints, "/etc/leash/services.d/web.conf.d/50-x.conf" + row.complaint))
            << row.lines;
        EXPECT_EQ(catalog.left_out, std::set<std::string>{"web"}) << row.lines;
        EXPECT_TRUE(catalog.services.contains("other"));
    }
    drop_in("etc", "web", "50-x", "");
    drop_in("etc", "wbe", "50-x", "user = x\n"); // nobody of that name
    auto catalog = read();
    EXPECT_EQ(
        all(catalog.complaints),
        "/etc/leash/services.d/wbe.conf.d/50-x.conf: warning: there is no service wbe, and so "
        "nothing that this could change; add wbe.conf, or remove it\n");
    fs::create_directories(root_ / "etc/leash/services.d/web.conf.d/60.conf");
    EXPECT_TRUE(
        has(read().complaints, "web.conf.d/60.conf: cannot be read: is not a regular file"));
}

TEST_F(Layers, DropInsOfInitConf) {
    write("etc/leash/init.conf",
          "[system]\nhostname = one\nmodules = a\n[watchdog]\ntimeout = 30s\n"
          "[defaults]\nuser = one\nenvironment = A=1\n");
    write("usr/lib/leash/init.conf.d/10.conf", "[system]\nhostname = two\nmodules = b\n");
    write("etc/leash/init.conf.d/20.conf", "[watchdog]\ntimeout = 40s\ntimeuot = "
                                           "1s\n[defaults]\nuser = two\nenvironment = A=2, B=3\n");
    write("etc/leash/init.conf.d/30.conf", "nonsense\n[system]\nhostname = three\n");
    service("etc", "a");
    auto catalog = read();
    EXPECT_EQ(all(catalog.complaints),
              "/etc/leash/init.conf.d/30.conf:1: 'nonsense' is neither [section] nor key = value; "
              "a command "
              "goes on one line: there are no continuation lines\n"
              "/etc/leash/init.conf.d/20.conf:3: timeuot: unknown key; did you mean 'timeout'?\n");
    EXPECT_EQ(catalog.system.hostname, "three"); // every good line counts
    EXPECT_EQ(catalog.system.modules, (Words{"a", "b"}));
    EXPECT_EQ(catalog.system.watchdog.timeout, 40s);
    EXPECT_EQ(catalog.services.at("a").user, "two");
    EXPECT_EQ(catalog.services.at("a").environment.size(), 2U);
    EXPECT_EQ(catalog.place_of("a", "user"), (Place{"/etc/leash/init.conf.d/20.conf", 5}));
    EXPECT_EQ(catalog.place_of("", "hostname"), (Place{"/etc/leash/init.conf.d/30.conf", 3}));
}

TEST_F(Layers, EveryListOfNamesKnowsItsInstance) {
    write("usr/lib/leash/services.d/net@.conf",
          "[service]\ncommand = /bin/x\nbinds-to = link@%i\nconflicts = old@%i\non-failure = "
          "alarm@%i\n");
    for (auto name : {"link@", "old@", "alarm@"}) service("usr/lib", name, "start = manual\n");
    auto catalog = read({"net@eth0", "old@eth0"});
    EXPECT_EQ(all(catalog.complaints), "");
    const auto& net = catalog.services.at("net@eth0");
    EXPECT_EQ(net.binds, Words{"link@eth0"});
    EXPECT_EQ(net.conflicts, Words{"old@eth0"});
    EXPECT_EQ(net.on_failure, Words{"alarm@eth0"});
}

TEST_F(Layers, TemplatesAndInstances) {
    write("usr/lib/leash/services.d/tty@.conf",
          "[service]\ntype = console\ndescription = Login on %i (%n, 100%%)\ntty = %i\n"
          "command = /bin/getty %i\nrequires = dev@%i\nenvironment = TTY=%i\n");
    service("usr/lib", "dev@", "directory = /run/%i\nstart = auto\n");
    drop_in("etc", "tty@", "10-all", "user = all\ngroup = all\nstart = auto\n");
    drop_in("etc", "tty@ttyS0", "20-own", "user = own\n");
    drop_in("etc", "tty@ttyS1", "50-enabled", "start = auto\n");
    service("etc", "tty@ttyS2", "user = file\n"); // a whole file of its own
    service("etc", "needs",
            "requires = tty@ttyS3\nwants = dev@more\nafter = tty@ttyS4\nbefore = tty@ttyS5\n");
    null("etc/leash/services.d/tty@ttyS6.conf");
    auto catalog = read({"tty@ttyS6", "tty@ttyS7", "no@template", "tty@", "tty@a/b"});
    EXPECT_EQ(all(catalog.complaints), "");
    Words names;
    for (const auto& [name, settings] : catalog.services)
        names.push_back(name);
    EXPECT_EQ(names, (Words{"dev@more", "dev@ttyS0", "dev@ttyS1", "dev@ttyS3", "dev@ttyS4",
                            "dev@ttyS5", "dev@ttyS7", "needs", "tty@ttyS0", "tty@ttyS1",
                            "tty@ttyS2", "tty@ttyS3", "tty@ttyS4", "tty@ttyS5", "tty@ttyS7"}));
    const auto& first = catalog.services.at("tty@ttyS0");
    EXPECT_EQ(first.description, "Login on ttyS0 (tty@ttyS0, 100%)");
    EXPECT_EQ(first.tty, "ttyS0");
    EXPECT_EQ(first.command, (Words{"/bin/getty", "ttyS0"}));
    EXPECT_EQ(first.needs, Words{"dev@ttyS0"});
    EXPECT_EQ(first.environment.front().second, "ttyS0");
    EXPECT_EQ(first.user, "own");
    EXPECT_EQ(first.group, "all");
    // Only its own file or drop-in says that an instance is started at boot.
    EXPECT_EQ(first.start, StartMode::manual);
    EXPECT_EQ(catalog.services.at("tty@ttyS1").start, StartMode::automatic);
    EXPECT_EQ(catalog.services.at("dev@ttyS1").start, StartMode::manual);
    EXPECT_EQ(catalog.services.at("dev@ttyS1").directory, "/run/ttyS1");
    EXPECT_EQ(catalog.services.at("tty@ttyS2").type, ServiceType::daemon);
    EXPECT_EQ(catalog.services.at("tty@ttyS2").group, "all"); // drop-ins of the template count
    EXPECT_EQ(catalog.services.at("tty@ttyS2").start, StartMode::automatic);
    EXPECT_EQ(catalog.templates.size(), 2U);
    EXPECT_EQ(catalog.from_template.count("tty@ttyS2"), 0U);
    EXPECT_EQ(catalog.from_template.count("tty@ttyS3"), 1U);
    EXPECT_EQ(catalog.files.at("tty@ttyS0").size(), 3U);
    EXPECT_EQ(catalog.files.at("tty@").size(), 2U);
}

TEST_F(Layers, ABrokenTemplateIsToldOnce) {
    write("usr/lib/leash/services.d/job@.conf", "[service]\ncommand = /bin/x %i\nusr = x\n");
    auto alone = read();
    EXPECT_EQ(all(alone.complaints),
              "/usr/lib/leash/services.d/job@.conf:3: usr: unknown key; did you mean 'user'?\n");
    service("etc", "needs", "requires = job@1\n");
    service("etc", "wants", "wants = job@1, job@2\n");
    auto catalog = read();
    EXPECT_EQ(catalog.left_out, (std::set<std::string>{"job@1", "job@2", "needs"}));
    EXPECT_EQ(catalog.complaints.size(), 2U) << all(catalog.complaints);
    // What only one instance gets wrong.
    write("usr/lib/leash/services.d/job@.conf",
          "[service]\ncommand = /bin/x\ntty = %i\ntype = console\n");
    service("etc", "wants", "wants = job@ok, job@a@b\n");
    fs::remove(root_ / "etc/leash/services.d/needs.conf");
    catalog = read();
    EXPECT_EQ(catalog.left_out, std::set<std::string>{"job@a@b"});
    EXPECT_TRUE(has(catalog.complaints, "job@.conf:3: tty: 'a@b' is not a device"));
}

TEST_F(Layers, ATemplateThatNamesItselfHasAnEnd) {
    service("etc", "a@", "wants = a@%i1, a@%i2\n");
    service("etc", "b", "wants = a@x\n");
    auto catalog = read();
    EXPECT_TRUE(has(catalog.complaints, "is one too many: 4096 services are allowed"));
    EXPECT_LE(catalog.services.size(), 4096U);
    EXPECT_TRUE(catalog.services.contains("b"));
}

TEST_F(Layers, PercentOutsideOfAnInstance) {
    struct {
        std::string line, complaint; // the latter empty: fine
    } const rows[] = {
        {"description = 100 %", ""},
        {"description = %n at 50%", ""},
        {"description = of %i",
         ":3: description: %i stands for what follows the @ of the service's name, "
         "and this name has none; name the file NAME@INSTANCE.conf, or NAME@.conf "
         "for all instances, or write %%i for a plain %i"},
        {"description = of %%i", ""},
        {"requires = net@%i", ":3: requires: %i stands for"},
        {"notify = pidfile:/run/%i.pid", ":3: notify: %i stands for"},
        {"notify = pidfile:/run/%n.pid", ""},
    };
    for (const auto& row : rows) {
        service("etc", "plain", row.line + "\n");
        auto text = all(read().complaints);
        if (row.complaint.empty())
            EXPECT_EQ(text, "") << row.line;
        else
            EXPECT_NE(text.find("plain.conf" + row.complaint), std::string::npos) << text;
    }
}

TEST_F(Layers, ProgramsOfTemplatesAreLookedFor) {
    write("etc/leash/services.d/a@.conf",
          "[service]\ncommand = /bin/nothing %i\nuser = ghost\ndirectory = /%i\n");
    write("etc/leash/services.d/b@.conf", "[service]\ncommand = /bin/%i\n");
    auto text = all(check_programs(read(), root_.string()));
    EXPECT_NE(
        text.find("/etc/leash/services.d/a@.conf:2: command: there is no program '/bin/nothing'"),
        std::string::npos)
        << text;
    EXPECT_NE(text.find("a@.conf:3: user"), std::string::npos) << text;
    EXPECT_EQ(text.find("directory"), std::string::npos) << text;
    EXPECT_EQ(text.find("b@.conf"), std::string::npos) << text;
}

TEST(Calendar, AsAKey) {
    struct {
        std::string lines, complaint; // the latter empty: fine
    } const rows[] = {
        {"type = oneshot\ncalendar = Mon..Fri 03:00\n", ""},
        {"calendar = daily\n", ":3: calendar: not for type = daemon; allowed for: oneshot"},
        {"type = oneshot\ncalendar = dialy\n",
         ":4: calendar: 'dialy' is not known; did you mean daily?"},
        {"type = oneshot\ncalendar = *-2-30\n", ":4: calendar: '*-2-30' never comes"},
        {"type = oneshot\ncalendar = daily\ninterval = 5m\n",
         ":4: calendar: a job has either `interval` or `calendar`; take one of them out"},
    };
    for (const auto& row : rows) {
        auto catalog = load_daemon(row.lines);
        if (row.complaint.empty())
            EXPECT_EQ(all(catalog.complaints), "");
        else
            EXPECT_TRUE(has(catalog.complaints, kPath + row.complaint));
    }
}
