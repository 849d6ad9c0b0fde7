// SPDX-License-Identifier: MIT
// The keys of [service] about what its processes may do and take, good and bad.
#include <functional>

#include <gtest/gtest.h>
#include <sys/resource.h>

#include "config/schema.h"
#include "helpers.h"

using namespace leash;

namespace {

struct Good {
    std::string lines;
    std::function<bool(const ProcessRights&)> holds;
};
struct Bad {
    std::string lines, complaint;
};

using R = ProcessRights;

const std::vector<Good> kGood{
    {"capabilities = net_bind_service, CAP_SYS_TIME\n",
     [](const R& r) { return r.capabilities == (1ULL << 10 | 1ULL << 25); }},
    {"capabilities = net_raw\ncapabilities = chown\n",
     [](const R& r) { return r.capabilities == (1ULL << 13 | 1); }},
    {"capabilities = none\n", [](const R& r) { return r.capabilities == 0; }},
    {"capabilities = chown\ncapabilities =\n", [](const R& r) { return !r.capabilities; }},
    {"no-new-privileges = yes\n", [](const R& r) { return r.no_new_privileges; }},
    {"delegate = yes\n", [](const R& r) { return r.delegate; }},
    {"umask = 077\n", [](const R& r) { return r.umask == 077; }},
    {"umask = 0\n", [](const R& r) { return r.umask == 0; }},
    {"nice = -20\n", [](const R& r) { return r.nice == -20; }},
    {"nice = 19\n", [](const R& r) { return r.nice == 19; }},
    {"oom-score-adjust = -1000\n", [](const R& r) { return r.oom_score_adjust == -1000; }},
    {"rlimit-nofile = 1024:4096\nrlimit-core = unlimited\nrlimit-as = 64M\n",
     [](const R& r) {
         return r.limits == std::vector<ResourceLimit>{
                                {"core", RLIMIT_CORE, kUnlimited, kUnlimited},
                                {"nofile", RLIMIT_NOFILE, 1024, 4096},
                                {"as", RLIMIT_AS, 64 << 20, 64 << 20}};
     }},
    {"rlimit-stack = 1M:unlimited\n",
     [](const R& r) {
         return r.limits ==
                std::vector<ResourceLimit>{{"stack", RLIMIT_STACK, 1 << 20, kUnlimited}};
     }},
};

const std::vector<Bad> kBad{
    {"capabilities = net_bnd_service\n",
     ":3: capabilities: 'net_bnd_service' is no capability; names as in capabilities(7)"},
    {"capabilities = none, chown\n", ":3: capabilities: 'none' and others"},
    {"capabilities = 12\n", ":3: capabilities: '12' is no capability"},
    {"capabilities = chown=ep\n", ":3: capabilities: 'chown=ep' is no capability"},
    {"no-new-privileges = on\n", ":3: no-new-privileges: 'on'"},
    {"delegate = 1\n", ":3: delegate: '1'"},
    {"umask = 088\n", ":3: umask: '088' is no file mode mask; an octal number"},
    {"umask = 1000\n", ":3: umask: '1000' is no file mode mask"},
    {"nice = 20\n", ":3: nice: '20' is not a number of -20..19"},
    {"nice = 1x\n", ":3: nice: '1x' is not a number of -20..19"},
    {"oom-score-adjust = -1001\n", ":3: oom-score-adjust: '-1001' is not a number of -1000..1000"},
    {"rlimit-nofile = 1K\n", ":3: rlimit-nofile: '1K' is no limit; a number, or `unlimited`"},
    {"rlimit-nofile = 5:\n", ":3: rlimit-nofile: '5:' is no limit"},
    {"rlimit-core = 2M:1M\n", ":3: rlimit-core: '2M:1M': the soft limit is above the hard one"},
    {"rlimit-core = many\n", ":3: rlimit-core: 'many' is no limit; bytes, with K, M or G"},
    {"type = target\nnice = 1\n", "nice: not for type = target"},
};

} // namespace

TEST(RightsKeys, GoodValuesAreTaken) {
    for (const auto& good : kGood) {
        auto catalog = load_daemon(good.lines);
        EXPECT_EQ(all(catalog.complaints), "") << good.lines;
        ASSERT_EQ(catalog.services.size(), 1u) << good.lines;
        EXPECT_TRUE(good.holds(*catalog.services.begin()->second.rights)) << good.lines;
    }
}

TEST(RightsKeys, BadValuesAreNamedWithARemedy) {
    for (const auto& bad : kBad)
        EXPECT_TRUE(has(load_daemon(bad.lines).complaints, bad.complaint)) << bad.lines;
}

TEST(RightsKeys, EachLimitIsTakenAndChecked) {
    int limits = 0;
    for (const auto& spec : service_schema()) {
        if (!spec.key.starts_with("rlimit-")) continue;
        ++limits;
        auto catalog = load_daemon(fmt::format("{} = 7:9\n", spec.key));
        EXPECT_EQ(all(catalog.complaints), "") << spec.key;
        ASSERT_EQ(catalog.services.size(), 1u) << spec.key;
        const auto& set = catalog.services.begin()->second.rights->limits;
        ASSERT_EQ(set.size(), 1u) << spec.key;
        EXPECT_EQ("rlimit-" + set[0].name, spec.key);
        EXPECT_EQ(set[0].soft, 7u);
        EXPECT_EQ(set[0].hard, 9u);
        EXPECT_TRUE(has(load_daemon(fmt::format("{} = 9:7\n", spec.key)).complaints,
                        fmt::format(":3: {}: '9:7': the soft limit", spec.key)));
    }
    EXPECT_EQ(limits, 14);
}

TEST(RightsKeys, EveryKeyStandsInATable) {
    for (const auto& spec : service_schema()) {
        if (spec.group != "What its processes may do and take") continue;
        if (spec.key.starts_with("rlimit-")) continue;
        auto begins = fmt::format("{} =", spec.key);
        EXPECT_TRUE(std::ranges::any_of(
            kGood, [&](const auto& good) { return good.lines.starts_with(begins); }))
            << spec.key;
        EXPECT_TRUE(std::ranges::any_of(
            kBad, [&](const auto& bad) { return bad.lines.starts_with(begins); }))
            << spec.key;
    }
}
