// SPDX-License-Identifier: MIT
#include "control/protocol.h"

#include <gtest/gtest.h>

using namespace leash;
using namespace leash::control;

namespace {

// Writes requests with '|' for NUL.
std::expected<Request, Refusal> parse(std::string text) {
    for (char& c : text)
        if (c == '|') c = '\0';
    return parse_request(text);
}

} // namespace

TEST(Protocol, GoodRequests) {
    auto list = parse("leash/1|list");
    ASSERT_TRUE(list);
    EXPECT_EQ(list->verb, "list");
    EXPECT_TRUE(list->args.empty());
    EXPECT_FALSE(list->option);

    auto start = parse("leash/1|start|httpd|+no-wait|getty@ttyS0");
    ASSERT_TRUE(start);
    EXPECT_EQ(start->args, (std::vector<std::string>{"httpd", "getty@ttyS0"}));
    EXPECT_TRUE(start->option);

    // A service may be called like an option of initctl.
    auto odd = parse("leash/1|stop|--no-wait");
    ASSERT_TRUE(odd);
    EXPECT_EQ(odd->args, std::vector<std::string>{"--no-wait"});
    EXPECT_FALSE(odd->option);
}

TEST(Protocol, Refusals) {
    struct {
        const char* request;
        int status;
        const char* message;
    } table[] = {
        {"", 2, "this init speaks leash/1, not ''"},
        {"leash/2|list", 2, "this init speaks leash/1, not 'leash/2'"},
        {"GET / HTTP/1.1\r", 2, "this init speaks leash/1, not 'GET / HTTP/1.1?'"},
        {"leash/1", 2, "no verb"},
        {"leash/1|", 2, "unknown verb ''"},
        {"leash/1|lst", 2, "unknown verb 'lst'"},
        {"leash/1|list|httpd", 2, "too many arguments for 'list'"},
        {"leash/1|list|", 2, "too many arguments for 'list'"},
        {"leash/1|list|+wait", 2, "'list' has no option '+wait'"},
        {"leash/1|list|+", 2, "'list' has no option '+'"},
        {"leash/1|start", 2, "'start' needs the name of a service"},
        {"leash/1|start|+no-wait", 2, "'start' needs the name of a service"},
        {"leash/1|start|+wait|a", 2, "'start' has no option '+wait'"},
        {"leash/1|start|../etc", 4, "no such service '../etc'"},
        {"leash/1|start|a||b", 4, "no such service ''"},
        {"leash/1|start|\x1b[2J", 4, "no such service '?[2J'"},
        {"leash/1|status|a|b", 2, "too many arguments for 'status'"},
    };
    for (const auto& row : table) {
        auto result = parse(row.request);
        ASSERT_FALSE(result) << row.request;
        EXPECT_EQ(result.error().status, row.status) << row.request;
        EXPECT_EQ(result.error().message, row.message);
    }
    EXPECT_FALSE(parse("leash/1|start|" + std::string(64, 'a')));
    EXPECT_EQ(parse(std::string(4096, 'a')).error().message, "request longer than 4096 bytes");
    std::string many = "leash/1|start";
    for (int i = 0; i < 64; ++i) many += "|a";
    EXPECT_TRUE(parse(many));
    EXPECT_FALSE(parse(many + "|a"));
}

TEST(Protocol, CommandsOfPluginsTakeAnyWords) {
    auto words = parse("leash/1|plugin|watchdog|reset|+5|two words/");
    ASSERT_TRUE(words) << words.error().message;
    EXPECT_EQ(words->args, (std::vector<std::string>{"watchdog", "reset", "+5", "two words/"}));
    EXPECT_FALSE(parse("leash/1|plugin"));
    EXPECT_FALSE(parse("leash/1|plugin|not/a/name|x"));
    EXPECT_FALSE(parse("leash/1|plugin|watchdog||x"));
    EXPECT_FALSE(parse("leash/1|plugin|watchdog|a\tb"));
    EXPECT_FALSE(parse("leash/1|plugin|watchdog|" + std::string(256, 'x')));
    auto line = encode_request("plugin", {"watchdog", "reset", "two words"});
    ASSERT_TRUE(line);
    EXPECT_EQ(parse(line->substr(0, line->size() - 1))->args.size(), 3U);
    EXPECT_FALSE(encode_request("plugin", {"watchdog", "a\nb"}));
}

TEST(Protocol, WhatIsEncodedParses) {
    auto line = encode_request("restart", {"a", "b"}, true);
    ASSERT_TRUE(line);
    ASSERT_EQ(line->back(), '\n');
    line->pop_back();
    auto request = parse_request(*line);
    ASSERT_TRUE(request);
    EXPECT_EQ(request->verb, "restart");
    EXPECT_EQ(request->args, (std::vector<std::string>{"a", "b"}));
    EXPECT_TRUE(request->option);

    EXPECT_FALSE(encode_request("dance", {}));
    EXPECT_FALSE(encode_request("start", {"a\nb"}));
    EXPECT_FALSE(encode_request("status", {"a", "b"}));
    EXPECT_FALSE(encode_request("start", std::vector<std::string>(64, std::string(63, 'x'))));
}

TEST(Protocol, WhoMayDoWhat) {
    for (const char* verb : {"version", "list", "status", "is-system-running", "cond-list"}) {
        EXPECT_TRUE(permitted(verb, 1000)) << verb;
        EXPECT_TRUE(permitted(verb, 0)) << verb;
    }
    for (const char* verb :
         {"ps", "start", "stop", "restart", "scope", "reload", "daemon-reexec", "reboot",
          "reboot-via-wdt",
          "poweroff", "halt", "kexec", "soft-reboot", "target", "freeze", "thaw",
          "cond-set", "cond-clear"}) {
        EXPECT_FALSE(permitted(verb, 1000)) << verb;
        EXPECT_TRUE(permitted(verb, 0)) << verb;
    }
    EXPECT_FALSE(permitted("dance", 0));
}

TEST(Protocol, DidYouMean) {
    EXPECT_EQ(no_such_service("htpd", {"cron", "httpd"}),
              "no such service 'htpd'; did you mean 'httpd'?");
    EXPECT_EQ(no_such_service("zebra", {"cron", "httpd"}), "no such service 'zebra'");
}
