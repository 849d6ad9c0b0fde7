// SPDX-License-Identifier: MIT
#include "plugin/loader.h"

#include <gtest/gtest.h>

namespace leash {
namespace {

std::string error_of(const std::string& name) {
    auto loaded = load_plugin(TOYS, name);
    if (!loaded) return loaded.error().text;
    unload_plugin(*loaded);
    return "";
}

TEST(Loader, loads_a_plugin) {
    EXPECT_EQ(error_of("toy"), "");
}

TEST(Loader, says_which_file_is_missing) {
    EXPECT_EQ(error_of("absent"), "plugin absent: " TOYS "/absent.so cannot be read: "
                                  "No such file or directory");
}

TEST(Loader, refuses_paths_and_suffixes) {
    EXPECT_NE(error_of("../toy"), "");
    EXPECT_NE(error_of("toy.so"), "");
    EXPECT_NE(error_of(""), "");
}

TEST(Loader, refuses_another_interface) {
    EXPECT_EQ(
        error_of("wrong_abi"),
        "plugin wrong_abi: built for plugin interface 77, this init speaks 1; build it against "
        "the leash_plugin.h of this version");
}

TEST(Loader, refuses_a_struct_that_is_too_small) {
    EXPECT_NE(error_of("too_small").find("has 16 bytes"), std::string::npos);
}

TEST(Loader, refuses_another_name_and_no_entry) {
    EXPECT_NE(error_of("wrong_name").find("calls itself 'somebody'"), std::string::npos);
    EXPECT_NE(error_of("no_entry").find("exports no leash_plugin_entry"), std::string::npos);
}

const leash_plugin* small_entry() {
    // As an older plugin would have it: may_end is beyond its size and must not be read.
    static leash_plugin plugin{};
    plugin.size = offsetof(leash_plugin, may_end);
    plugin.abi = LEASH_PLUGIN_ABI;
    plugin.name = "small";
    plugin.start = [](const leash_host*, const void*, size_t) { return 0; };
    plugin.event = [](const leash_event*) {};
    plugin.may_end = [](int, char*, size_t) { return -1; };
    return &plugin;
}

TEST(Loader, takes_a_smaller_struct_and_leaves_out_the_rest) {
    auto loaded = check_plugin("small", small_entry);
    ASSERT_TRUE(loaded);
    EXPECT_EQ(loaded->plugin.may_end, nullptr);
    EXPECT_NE(loaded->plugin.start, nullptr);
}

} // namespace
} // namespace leash
