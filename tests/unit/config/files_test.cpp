// SPDX-License-Identifier: MIT
#include "config/files.h"

#include <filesystem>
#include <fstream>

#include <sys/stat.h>
#include <unistd.h>

#include <gtest/gtest.h>

#include "config/host_check.h"
#include "helpers.h"

using namespace leash;
namespace fs = std::filesystem;

namespace {

class Folder {
  public:
    Folder() {
        std::string pattern = testing::TempDir() + "leash-config-XXXXXX";
        path_ = ::mkdtemp(pattern.data());
    }
    ~Folder() {
        std::error_code ignored;
        fs::remove_all(path_, ignored);
    }
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;

    void write(const std::string& name, const std::string& text, mode_t mode = 0644) {
        auto file = path_ / name;
        fs::create_directories(file.parent_path());
        std::ofstream(file, std::ios::binary) << text;
        ::chmod(file.c_str(), mode);
    }
    [[nodiscard]] std::string path(const std::string& name = "") const { return path_ / name; }

  private:
    fs::path path_;
};

std::string summary(const std::vector<SourceFile>& files) {
    std::string text;
    for (const auto& file : files)
        text += fmt::format("{}|{}|{}\n", file.path, file.text.size(), file.error);
    return text;
}

} // namespace

TEST(Files, Tree) {
    Folder etc;
    etc.write("init.conf", "[system]\n");
    etc.write("services.d/b.conf", "bb");
    etc.write("services.d/a.conf", "a");
    etc.write("services.d/.hidden.conf", "x");
    etc.write("services.d/.conf", "x");
    etc.write("services.d/readme.txt", "x");
    etc.write("services.d/c.conf~", "x");
    etc.write("services.d/big.conf", std::string(kMaxConfigFileSize + 1, 'x'));
    etc.write("services.d/full.conf", std::string(kMaxConfigFileSize, 'x'));
    fs::create_directory(etc.path("services.d/folder.conf"));
    ASSERT_EQ(::mkfifo(etc.path("services.d/pipe.conf").c_str(), 0600), 0);
    fs::create_symlink("nowhere", etc.path("services.d/lost.conf"));
    fs::create_symlink("a.conf", etc.path("services.d/link.conf"));
    fs::create_symlink("/dev/null", etc.path("services.d/null.conf"));
    EXPECT_EQ(summary(read_config_tree(etc.path())),
              "init.conf|9|\n"
              "services.d/a.conf|1|\n"
              "services.d/b.conf|2|\n"
              "services.d/big.conf|0|is larger than 64 KiB\n"
              "services.d/folder.conf|0|is not a regular file\n"
              "services.d/full.conf|65536|\n"
              "services.d/link.conf|1|\n"
              "services.d/lost.conf|0|No such file or directory\n"
              "services.d/null.conf|0|\n" // masked
              "services.d/pipe.conf|0|is not a regular file\n");
}

TEST(Files, NothingThere) {
    Folder etc;
    EXPECT_EQ(summary(read_config_tree(etc.path("none"))),
              "init.conf|0|No such file or directory\nservices.d|0|No such file or directory\n");
    auto catalog = load(read_config_tree(etc.path("none")));
    EXPECT_EQ(catalog.complaints.size(), 2U) << all(catalog.complaints);
}

TEST(Files, Unreadable) {
    Folder etc;
    etc.write("init.conf", "", 0);
    ::chmod(etc.path().c_str(), 0755);
    bool root = ::geteuid() == 0; // who reads everything
    if (root) { ASSERT_EQ(::seteuid(65534), 0); }
    auto file = read_config_file(etc.path("init.conf"), "init.conf");
    if (root) { ASSERT_EQ(::seteuid(0), 0); }
    EXPECT_EQ(file.error, "Permission denied");
}

TEST(Files, TooMuch) {
    Folder etc;
    etc.write("init.conf", "");
    for (int i = 0; i < 130; ++i)
        etc.write(fmt::format("services.d/s{:03}.conf", i), std::string(kMaxConfigFileSize, '#'));
    auto files = read_config_tree(etc.path());
    ASSERT_EQ(files.size(), 131U);
    EXPECT_EQ(files[128].error, "");
    EXPECT_EQ(files[129].error, "all files together have more than 8 MiB");
    EXPECT_TRUE(deserialize(serialize(files)));
}

TEST(Files, TooMany) {
    Folder etc;
    etc.write("init.conf", "");
    for (std::size_t i = 0; i < kMaxConfigFiles + 5; ++i)
        etc.write(fmt::format("services.d/s{:05}.conf", i), "");
    auto files = read_config_tree(etc.path());
    EXPECT_EQ(files.size(), kMaxConfigFiles + 2);
    EXPECT_EQ(files.back().path, "services.d");
    EXPECT_NE(files.back().error.find("more than 4096 services"), std::string::npos);
    EXPECT_TRUE(deserialize(serialize(files)));
}

TEST(SourceFiles, GoThroughAPipe) {
    std::vector<std::vector<SourceFile>> rows{
        {},
        {{"init.conf", "[system]\n", ""}},
        {{"a", std::string("x\0y", 3), ""}, {"b", "", "No such file"}, {"", "", ""}},
    };
    for (const auto& files : rows) {
        auto bytes = serialize(files);
        auto back = deserialize(bytes);
        ASSERT_TRUE(back) << back.error().text;
        EXPECT_EQ(*back, files);
        for (std::size_t cut = 0; cut < bytes.size(); ++cut)
            EXPECT_FALSE(deserialize(std::string_view(bytes).substr(0, cut))) << cut;
        EXPECT_FALSE(deserialize(bytes + "x"));
    }
    EXPECT_FALSE(deserialize(std::string("LCF1\xff\xff\xff\xff", 8)));
    EXPECT_FALSE(deserialize(std::string("LCF1\1\0\0\0\xff\xff\xff\x7f", 12)));
}

namespace {

void make_root(Folder& root) {
    root.write("bin/httpd", "", 0755);
    root.write("bin/busybox", "", 0755);
    root.write("bin/notes", "", 0644);
    root.write("usr/bin/tool", "", 0755);
    fs::create_symlink("/bin/busybox", root.path("bin/sh"));
    root.write("etc/passwd", "root:x:0:0::/:/bin/sh\nwww-data:x:33:33::/:/bin/false\n");
    root.write("etc/group", "root:x:0:\nwww-data:x:33:\ndialout:x:20:\n");
    fs::create_directories(root.path("var/www"));
}

std::string check(const Folder& root, const std::string& lines, const std::string& init = "") {
    auto catalog = load_service(lines, init);
    EXPECT_FALSE(catalog.has_errors()) << all(catalog.complaints);
    return all(check_programs(catalog, root.path()));
}

} // namespace

TEST(HostCheck, Table) {
    Folder root;
    make_root(root);
    struct {
        std::string lines, complaint; // the latter empty: none
    } const rows[] = {
        {"command = /bin/httpd\n", ""},
        {"command = /bin/sh -c x\n", ""}, // an absolute link leads back into the root
        {"command = tool\n", ""},
        {"command = /bin/httpd\nuser = www-data\ngroup = dialout\ndirectory = /var/www\n", ""},
        {"command = /bin/httpd\nuser = 12345\ngroup = 7\n", ""},
        {"command = /bin/httpd\nuser = root\n", ""},
        {"command = /bin/htpd\n", ":2: command: there is no program '/bin/htpd'; did you mean "
                                  "'/bin/httpd'?"},
        {"command = /sbin/nothing\n", ":2: command: there is no program '/sbin/nothing'\n"},
        {"command = tol\n", ":2: command: there is no program 'tol' in /sbin, /usr/sbin, /bin, "
                            "/usr/bin; did you mean 'tool'?"},
        {"command = /bin/notes\n", ":2: command: '/bin/notes' is not executable; chmod +x /bin/notes"},
        {"command = /var/www\n", ":2: command: '/var/www' is a folder"},
        {"command = ./httpd\n", ":2: command: './httpd' is a relative path"},
        {"command = /bin/httpd\nuser = www-dta\n",
         ":3: user: there is no user 'www-dta' in /etc/passwd; did you mean 'www-data'?"},
        {"command = /bin/httpd\ngroup = dailout\n",
         ":3: group: there is no group 'dailout' in /etc/group; did you mean 'dialout'?"},
        {"command = /bin/httpd\ndirectory = /var/ww\n",
         ":3: directory: there is no folder '/var/ww'; did you mean '/var/www'?"},
        {"command = /bin/httpd\ndirectory = /bin/httpd\n",
         ":3: directory: '/bin/httpd' is not a folder"},
        {"command = /bin/httpd\non-crash-loop = exec:/bin/hook, stop\n",
         ":3: on-crash-loop: there is no program '/bin/hook'"},
    };
    for (const auto& row : rows) {
        auto text = check(root, row.lines);
        if (row.complaint.empty()) EXPECT_EQ(text, "") << row.lines;
        else EXPECT_NE(text.find(kPath + row.complaint), std::string::npos) << row.lines << text;
    }
}

TEST(HostCheck, DefaultsAndSystemHaveTheirPlaces) {
    Folder root;
    make_root(root);
    EXPECT_NE(check(root, "command = /bin/sh\n", "[defaults]\nuser = ghost\n")
                  .find("init.conf:2: user: there is no user 'ghost'"), std::string::npos);
    EXPECT_NE(check(root, "command = /bin/sh\n", "[system]\nrescue-shell = /bin/none\n")
                  .find("init.conf:2: rescue-shell: there is no program '/bin/none'"),
              std::string::npos);
}

TEST(HostCheck, WhatWillBeMountedIsOnlyAWarning) {
    Folder root;
    make_root(root);
    auto text = check(root, "command = /data/app\ndirectory = /data\n",
                      "[system]\nmounts = /dev/vdb /data ext4\n");
    EXPECT_NE(text.find("warning: command: there is no program '/data/app'; it may be on what is "
                        "mounted on /data"), std::string::npos) << text;
    EXPECT_NE(text.find("warning: directory: "), std::string::npos) << text;
    EXPECT_EQ(text.find("database"), std::string::npos);
}

TEST(HostCheck, AnEmptyRootDoesNoHarm) {
    auto catalog = load_daemon("user = nobody\n");
    EXPECT_FALSE(check_programs(catalog, "/nowhere/at/all").empty());
}

// The sample appliance is without fault, and so is what it says about itself.
TEST(Samples, AreClean) {
    auto top = fs::path(__FILE__).parent_path() / "../../..";
    ASSERT_TRUE(fs::exists(top / "init.conf")) << top;
    auto tree = read_config_tree(top);
    auto catalog = load(tree);
    EXPECT_EQ(all(catalog.complaints), "");
    EXPECT_GE(catalog.services.size(), 7U);
    EXPECT_EQ(catalog.services.at("dropbear").sessions, SessionPolicy::keep);
    EXPECT_EQ(catalog.services.at("network").type, ServiceType::oneshot);
    EXPECT_EQ(catalog.services.at("heartbeat").watchdog_source, WatchdogSource::heartbeat);
    EXPECT_EQ(catalog.services.at("console").tty, "console");
    for (const auto& [name, settings] : catalog.services)
        EXPECT_FALSE(settings.description.empty()) << name;
}
