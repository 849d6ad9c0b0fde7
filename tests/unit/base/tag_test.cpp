// SPDX-License-Identifier: MIT
#include "base/tag.h"

#include <gtest/gtest.h>

using namespace leash;

TEST(Tag, SplitsAtTheLastAt) {
    auto tag = parse_tag("tty@ttyS0@00000012deadbeef");
    ASSERT_TRUE(tag);
    EXPECT_EQ(tag->service, "tty@ttyS0");
    EXPECT_EQ(tag->start, 0x12deadbeefU);
    EXPECT_EQ(format_tag(*tag), "tty@ttyS0@00000012deadbeef");
}

TEST(Tag, RefusesWhatIsNoTag) {
    for (auto text : {"", "httpd", "httpd@", "@12", "httpd@xyz", "httpd@0", "a/b@12",
                      "httpd@11112222333344445", "httpd@ 12", "..@12"})
        EXPECT_FALSE(parse_tag(text)) << text;
}

TEST(Tag, ServiceNames) {
    EXPECT_TRUE(valid_service_name("tty@ttyS0"));
    EXPECT_TRUE(valid_service_name(std::string(63, 'a')));
    EXPECT_FALSE(valid_service_name(std::string(64, 'a')));
    EXPECT_FALSE(valid_service_name("."));
    EXPECT_FALSE(valid_service_name(".."));
    EXPECT_FALSE(valid_service_name("a b"));
}
