// SPDX-License-Identifier: MIT
// enable, disable, mask, unmask, cat, show: what they write, and what they say.
#include "fake_init.h"
#include "initctl/config_files.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <unistd.h>

using namespace leash;
using namespace leash::initctl;
namespace fs = std::filesystem;

namespace {

struct ConfigCommands : testing::Test, FakeInit {
    ConfigCommands() {
        write("etc/leash/init.conf", "");
        answer("reload", "{\"complaint\":\"x.conf:3: "
                         "bad\"}\n{\"change\":\"new\",\"service\":\"web\",\"text\":\"\"}\n"
                         "{\"end\":1,\"message\":\"\"}\n");
        for (const auto* verb : {"start", "stop"})
            answer(std::string(verb) + "|web",
                   R"({"result":"web","state":")" +
                       std::string(verb == std::string("start") ? "running" : "stopped") +
                       R"(","main_pid":7,"reason":""})"
                       "\n"
                       R"({"end":0})"
                       "\n");
    }
    void write(const std::string& name, const std::string& text) {
        auto path = fs::path(folder_) / name;
        fs::create_directories(path.parent_path());
        std::ofstream(path) << text;
    }
    void service(const std::string& layer, const std::string& name, const std::string& lines = "") {
        write(layer + "/leash/services.d/" + name + ".conf",
              "[service]\ncommand = /bin/true\n" + lines);
    }
    [[nodiscard]] std::string read(const std::string& name) const {
        std::ostringstream text;
        text << std::ifstream(fs::path(folder_) / name).rdbuf();
        return text.str();
    }
    [[nodiscard]] bool there(const std::string& name) const {
        return fs::symlink_status(fs::path(folder_) / name).type() != fs::file_type::not_found;
    }
    static constexpr const char* kOwn = "etc/leash/services.d/web.conf.d/50-enabled.conf";
    static constexpr const char* kRuntime = "run/leash/services.d/web.conf.d/50-enabled.conf";
};

} // namespace

TEST_F(ConfigCommands, EnableAndDisable) {
    listen();
    service("usr/lib", "web", "start = manual\n");
    EXPECT_EQ(run({"initctl", "enable", "web"}), 0) << err;
    EXPECT_EQ(out, "web: enabled\n");
    EXPECT_EQ(err, "x.conf:3: bad\n"); // somebody else's
    EXPECT_EQ(read(kOwn), "# Written by initctl enable.\n[service]\nstart = auto\n");
    EXPECT_EQ(run({"initctl", "disable", "web"}), 0) << err;
    EXPECT_EQ(read(kOwn), "# Written by initctl disable.\n[service]\nstart = manual\n");
    EXPECT_EQ(run({"initctl", "enable", "web", "--runtime"}), 0) << err;
    EXPECT_EQ(out, "web: enabled until the next boot\n");
    EXPECT_TRUE(there(kRuntime));
    EXPECT_EQ(run({"initctl", "disable", "web"}), 0) << err; // for all boots wins
    EXPECT_FALSE(there("run/leash/services.d/web.conf.d"));
    EXPECT_EQ(run({"initctl", "enable", "--now", "web"}), 0) << err;
    EXPECT_EQ(out, "web: enabled\nweb: running (pid 7)\n");
    EXPECT_EQ(run({"initctl", "disable", "--now", "web"}), 0) << err;
    EXPECT_EQ(out, "web: disabled\nweb: stopped\n");
    for (const auto& left : fs::directory_iterator(folder_ + "/etc/leash/services.d/web.conf.d"))
        EXPECT_EQ(left.path().filename(), "50-enabled.conf"); // nothing temporary
}

TEST_F(ConfigCommands, NothingIsWrittenWhereNothingHasToChange) {
    service("etc", "web");
    EXPECT_EQ(run({"initctl", "enable", "web"}), 0) << err;
    EXPECT_EQ(out, "web: enabled\n");
    EXPECT_NE(err.find("it counts from the next boot or `initctl reload` on"), std::string::npos)
        << err;
    EXPECT_FALSE(there("etc/leash/services.d/web.conf.d"));
    EXPECT_EQ(run({"initctl", "enable", "--now", "web"}), 5);
}

TEST_F(ConfigCommands, SomebodyElseHasTheLastWord) {
    service("etc", "web");
    write("etc/leash/services.d/web.conf.d/90-site.conf", "[service]\nstart = auto\n");
    EXPECT_EQ(run({"initctl", "disable", "web"}), 1);
    EXPECT_NE(
        err.find(
            "web still says otherwise: /etc/leash/services.d/web.conf.d/90-site.conf:2: start"),
        std::string::npos)
        << err;
}

TEST_F(ConfigCommands, Names) {
    service("etc", "web");
    service("etc", "tty@");
    EXPECT_EQ(run({"initctl", "enable", "wbe"}), 4);
    EXPECT_NE(err.find("no such service 'wbe'; did you mean 'web'?"), std::string::npos) << err;
    EXPECT_EQ(run({"initctl", "enable", "../web"}), 4);
    EXPECT_EQ(run({"initctl", "enable", "tty@"}), 2);
    EXPECT_NE(err.find("tty@ is a template: name an instance of it"), std::string::npos) << err;
    EXPECT_EQ(run({"initctl", "enable"}), 2);
    EXPECT_EQ(run({"initctl", "enable", "web", "wbe"}), 4); // none of them
    EXPECT_FALSE(there("etc/leash/services.d/web.conf.d"));
}

TEST_F(ConfigCommands, Instances) {
    service("usr/lib", "tty@", "environment = TTY=%i\n");
    EXPECT_EQ(run({"initctl", "enable", "tty@ttyS0"}), 0) << err;
    EXPECT_TRUE(there("etc/leash/services.d/tty@ttyS0.conf.d/50-enabled.conf"));
    EXPECT_EQ(run({"initctl", "disable", "tty@ttyS0"}), 0) << err;
    EXPECT_FALSE(there("etc/leash/services.d/tty@ttyS0.conf.d")); // without a trace
    EXPECT_EQ(run({"initctl", "mask", "tty@ttyS0"}), 0) << err;
    EXPECT_EQ(run({"initctl", "enable", "tty@ttyS0"}), 1);
    EXPECT_NE(
        err.find("tty@ttyS0 is masked by /etc/leash/services.d/tty@ttyS0.conf: see initctl unmask"),
        std::string::npos)
        << err;
}

TEST_F(ConfigCommands, Masks) {
    service("usr/lib", "web");
    EXPECT_EQ(run({"initctl", "mask", "web"}), 0) << err;
    EXPECT_EQ(fs::read_symlink(folder_ + "/etc/leash/services.d/web.conf"), "/dev/null");
    EXPECT_EQ(run({"initctl", "cat", "web"}), 0);
    EXPECT_EQ(out, "# " + folder_ + "/etc/leash/services.d/web.conf (masks it)\n\n");
    EXPECT_EQ(run({"initctl", "show", "web"}), 1);
    EXPECT_EQ(run({"initctl", "unmask", "web"}), 0) << err;
    EXPECT_FALSE(there("etc/leash/services.d/web.conf"));
    EXPECT_EQ(run({"initctl", "unmask", "web"}), 0) << err; // as it is

    service("etc", "web", "user = mine\n");
    EXPECT_EQ(run({"initctl", "mask", "web"}), 1);
    EXPECT_NE(err.find("is a file of its own, which is not thrown away"), std::string::npos) << err;
    EXPECT_EQ(run({"initctl", "unmask", "web"}), 0);
    EXPECT_NE(read("etc/leash/services.d/web.conf").find("mine"), std::string::npos);
    EXPECT_EQ(run({"initctl", "mask", "--runtime", "web"}), 0) << err;
    EXPECT_TRUE(there("run/leash/services.d/web.conf"));
    EXPECT_EQ(run({"initctl", "unmask", "web"}), 0);

    fs::remove(folder_ + "/etc/leash/services.d/web.conf");
    write("usr/lib/leash/services.d/web.conf", "");
    EXPECT_EQ(run({"initctl", "unmask", "web"}), 1);
    EXPECT_NE(err.find("web is still masked by /usr/lib/leash"), std::string::npos) << err;
}

TEST_F(ConfigCommands, AnotherMachine) {
    auto other = folder_ + "/image";
    write("image/etc/leash/init.conf", "");
    write("image/usr/lib/leash/services.d/web.conf", "[service]\ncommand = /bin/true\n");
    EXPECT_EQ(run({"initctl", "disable", "--root", other, "web"}), 0) << err;
    EXPECT_EQ(err, ""); // init was not asked
    EXPECT_TRUE(there("image/etc/leash/services.d/web.conf.d/50-enabled.conf"));
    EXPECT_EQ(run({"initctl", "cat", "--root=" + other, "web"}), 0);
    EXPECT_EQ(out, "# " + other +
                       "/usr/lib/leash/services.d/web.conf\n[service]\ncommand = /bin/true\n\n# " +
                       other +
                       "/etc/leash/services.d/web.conf.d/50-enabled.conf\n"
                       "# Written by initctl disable.\n[service]\nstart = manual\n\n");
    EXPECT_EQ(run({"initctl", "show", "--root=" + other, "web"}), 0);
    EXPECT_EQ(out, "command = /bin/true  # " + other +
                       "/usr/lib/leash/services.d/web.conf:2\n"
                       "start   = manual     # " +
                       other + "/etc/leash/services.d/web.conf.d/50-enabled.conf:3\n");
    EXPECT_EQ(run({"initctl", "show", "--json", "--root=" + other, "web"}), 0);
    EXPECT_TRUE(out.starts_with(
        "{\"service\":\"web\",\"key\":\"command\",\"value\":\"/bin/true\",\"file\":\"" + other))
        << out;
    EXPECT_EQ(run({"initctl", "cat", "--root=" + other, "none"}), 4);
    EXPECT_EQ(run({"initctl", "show", "--root=" + other, "none"}), 4);
}

TEST_F(ConfigCommands, WhereItCannotBeWritten) {
    service("usr/lib", "web");
    write("etc/leash/services.d", ""); // not a folder
    EXPECT_EQ(run({"initctl", "disable", "web"}), 1);
    EXPECT_NE(err.find("/etc/leash/services.d/web.conf.d: Not a directory"), std::string::npos)
        << err;
}

TEST_F(ConfigCommands, VerifyOfLayersAndDropIns) {
    service("usr/lib", "web", "requires = net\n");
    service("etc", "net");
    service("etc", "tty@", "usr = %i\n");
    EXPECT_EQ(run({"initctl", "verify"}), 1);
    EXPECT_TRUE(out.starts_with(folder_ + "/etc/leash/services.d/tty@.conf:3: usr: unknown key"))
        << out;
    EXPECT_TRUE(out.ends_with("3 services: 1 error, 0 warnings\n")) << out;
    fs::remove(folder_ + "/etc/leash/services.d/tty@.conf");
    EXPECT_EQ(run({"initctl", "verify"}), 0) << out;
    // A file of a layer among the files of all layers; so is one that is yet to be installed.
    EXPECT_EQ(run({"initctl", "verify", folder_ + "/usr/lib/leash/services.d/web.conf"}), 0) << out;
    write("etc/leash/services.d/web.conf.d/10-x.conf", "[service]\nrestart-delay = 1h\n");
    EXPECT_EQ(run({"initctl", "verify", folder_ + "/etc/leash/services.d/web.conf.d/10-x.conf"}),
              1);
    EXPECT_TRUE(
        out.starts_with(folder_ + "/etc/leash/services.d/web.conf.d/10-x.conf:2: restart-delay: "))
        << out;
    EXPECT_TRUE(out.ends_with("0 services: 1 error, 0 warnings\n")) << out;
    EXPECT_EQ(run({"initctl", "verify", folder_ + "/etc/leash/services.d/net.conf"}), 0) << out;
    write("etc/leash/init.conf.d/a.conf", "[systme]\n");
    EXPECT_EQ(run({"initctl", "verify", folder_ + "/etc/leash/init.conf.d/a.conf"}), 1);
    EXPECT_NE(out.find("did you mean 'system'?"), std::string::npos) << out;
}

TEST_F(ConfigCommands, ReloadTellsWhatChanged) {
    listen();
    EXPECT_EQ(run({"initctl", "reload"}), 1);
    EXPECT_EQ(out, "web: new\n");
    EXPECT_EQ(err, "x.conf:3: bad\n");
}
