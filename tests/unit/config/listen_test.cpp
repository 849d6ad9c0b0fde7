// SPDX-License-Identifier: MIT
// The keys about sockets, good and bad.
#include "config/listen_value.h"

#include <gtest/gtest.h>

#include "base/endpoint.h"
#include "helpers.h"

using namespace leash;

TEST(Listen, Good) {
    struct Case {
        const char* text;
        ListenSocket wanted;
    };
    using enum ListenKind;
    const Case cases[] = {
        {"stream:80", {"", stream, "80"}},
        {"http=stream:80", {"http", stream, "80"}},
        {"stream:0.0.0.0:80", {"", stream, "0.0.0.0:80"}},
        {"a-b.c_d@1=stream:127.0.0.1:65535", {"a-b.c_d@1", stream, "127.0.0.1:65535"}},
        {"stream:[::]:80", {"", stream, "[::]:80"}},
        {"dgram:[2001:db8::1]:53", {"", dgram, "[2001:db8::1]:53"}},
        {"dgram:/dev/log", {"", dgram, "/dev/log"}},
        {"stream:/run/a=b.sock", {"", stream, "/run/a=b.sock"}},
        {"stream:@bus", {"", stream, "@bus"}},
        {"seqpacket:/run/x", {"", seqpacket, "/run/x"}},
        {"seqpacket:@x", {"", seqpacket, "@x"}},
        {"in=fifo:/run/in", {"in", fifo, "/run/in"}},
    };
    for (const auto& each : cases) {
        auto socket = parse_listen(each.text);
        ASSERT_TRUE(socket) << each.text << ": " << socket.error().text;
        EXPECT_EQ(*socket, each.wanted) << each.text;
        EXPECT_EQ(to_string(*socket), each.text);
    }
}

TEST(Listen, Bad) {
    struct Case {
        std::string text, complaint;
    };
    const Case cases[] = {
        {"80", "'80' is not [NAME=]KIND:ADDRESS"},
        {"strem:80", "'strem' is no kind of socket; allowed: stream, dgram, seqpacket, fifo"},
        {"tcp:80", "'tcp' is no kind of socket"},
        {"=stream:80", "'' is no name for a socket"},
        {"a b=stream:80", "'a b' is no name for a socket"},
        {std::string(65, 'n') + "=stream:80", "is no name for a socket; allowed: 1 to 64"},
        {"stream:", "is no port (1..65535)"},
        {"stream:0", "'0' is no port"},
        {"stream:65536", "'65536' is no port"},
        {"stream:1.2.3.4", "'1.2.3.4' is no port"},
        {"stream:1.2.3.4:", "does not end in a port"},
        {"stream:localhost:80", "has no numeric address (names are not looked up)"},
        {"stream:1.2.3.400:80", "has no numeric address"},
        {"stream:::1:80", "has an IPv6 address without brackets"},
        {"stream:[::1]", "does not end in a port"},
        {"stream:[::g]:80", "has no IPv6 address in its brackets"},
        {"stream:[fe80::1%eth0]:80", "has no IPv6 address in its brackets"},
        {"stream:/run/../x", "'..' part"},
        {"stream:run/x", "is no port"},
        {"stream:@", "a name of no letters"},
        {"stream:/" + std::string(107, 'x'), "has 108 bytes; a socket's path has at most 107"},
        {"dgram:@" + std::string(107, 'x'), "has 108 bytes"},
        {"seqpacket:80", "'80' is no address of a seqpacket; allowed: /path, @name"},
        {"fifo:80", "is not an absolute path"},
        {"fifo:@x", "is not an absolute path"},
        {"fifo:/", "'/' is a folder"},
    };
    for (const auto& each : cases) {
        auto socket = parse_listen(each.text);
        ASSERT_FALSE(socket) << each.text;
        EXPECT_NE(socket.error().text.find(each.complaint), std::string::npos)
            << each.text << ": " << socket.error().text;
    }
    EXPECT_EQ(parse_listen("strem:80").error().hint, did_you_mean("stream"));
    EXPECT_TRUE(parse_listen("stream:/" + std::string(106, 'x')));
}

TEST(Listen, Endpoints) {
    EXPECT_TRUE(parse_endpoint("80")->both);
    EXPECT_EQ(parse_endpoint("80")->family(), AF_INET6);
    EXPECT_FALSE(parse_endpoint("[::]:80")->both);
    EXPECT_EQ(parse_endpoint("0.0.0.0:80")->family(), AF_INET);
    EXPECT_EQ(parse_endpoint("/run/x")->length, sizeof(sa_family_t) + 7);
    EXPECT_EQ(parse_endpoint("@x")->length, sizeof(sa_family_t) + 2); // no byte behind the name
}

TEST(Listen, Keys) {
    auto catalog = load_daemon("listen = http=stream:80, adm=stream:/run/adm.sock\n"
                               "listen = fifo:/run/in\n"
                               "listen-start = demand\nlisten-mode = 0660\nlisten-user = www-data\n"
                               "listen-group = 33\nlisten-backlog = 16\n");
    ASSERT_TRUE(catalog.complaints.empty()) << all(catalog.complaints);
    const auto& listen = *catalog.services.at(kName).listen;
    ASSERT_EQ(listen.sockets.size(), 3U);
    EXPECT_EQ(listen.sockets[1].name, "adm");
    EXPECT_TRUE(listen.on_demand());
    EXPECT_EQ(listen.mode, 0660U);
    EXPECT_EQ(listen.user, "www-data");
    EXPECT_EQ(listen.group, "33");
    EXPECT_EQ(listen.backlog, 16);
    auto cleared = load_daemon("listen = stream:80\nlisten =\n");
    EXPECT_TRUE(cleared.services.at(kName).listen->sockets.empty());
}

TEST(Listen, Complaints) {
    struct Case {
        std::string lines, complaint;
    };
    std::string many = "listen = stream:1";
    for (int port = 2; port <= 17; ++port) many += ", stream:" + std::to_string(port);
    const Case cases[] = {
        {"listen = stream:host:80\n", "services.d/test@one.conf:3: listen: 'host:80' has no numeric"},
        {"listen = stream:80, http=stream:80\n", "'stream:80' is there twice"},
        {many + "\n", "more than 16 of them"},
        {"listen-mode = 888\n", "'888' is no mode; allowed: 000..777 (octal)"},
        {"listen-mode = 01777\n", "is no mode"},
        {"listen-mode = 6\n", "is no mode"},
        {"listen-backlog = 0\n", "is no number of connections; allowed: 1..65535"},
        {"listen-start = lazy\n", "allowed: always, demand"},
        {"listen-start = demand\n", "has no effect without `listen`"},
        {"listen = stream:80\nlisten-mode = 0600\n", "has no effect: none of `listen` is a path"},
        {"listen = stream:80, stream:81\nnotify = s6:4\n",
         "descriptor 4 is one of those that `listen` passes (3 to 4)"},
        {"environment = LISTEN_FDS=1\n", "LISTEN_FDS is set by Leash itself"},
        {"type = oneshot\nlisten = stream:80\n", "not for type = oneshot; allowed for: daemon"},
    };
    for (const auto& each : cases)
        EXPECT_TRUE(has(load_daemon(each.lines).complaints, each.complaint)) << each.lines;
    EXPECT_TRUE(load_daemon("listen = stream:80, stream:81\nnotify = s6:5\n").complaints.empty());
}

TEST(Listen, TwoServicesOneAddress) {
    std::string lines = "[service]\ncommand = /bin/true\nlisten = stream:80\n";
    auto catalog = load(SourceFile{"init.conf", "", ""},
                        {{"services.d/a.conf", lines, ""}, {"services.d/b.conf", lines, ""}});
    EXPECT_TRUE(has(catalog.complaints,
                    "services.d/b.conf:3: warning: listen: stream:80 is listened on by a as well"));
    EXPECT_FALSE(catalog.has_errors());
    EXPECT_EQ(catalog.services.size(), 2U);
}
