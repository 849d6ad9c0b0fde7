// SPDX-License-Identifier: MIT
// doctor and explain: what is found in what init says, and what is told where init says nothing.
#include "initctl/doctor.h"

#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "fake_init.h"
#include "initctl/history.h"
#include "records/record.h"

using namespace leash;
using namespace leash::initctl;

namespace {

MachineView healthy() {
    MachineView machine;
    machine.reached = true;
    machine.system = Json::parse(R"({"state":"running","target":"default",
        "module":"loaded, ABI 1; 4 starts","failed":[],
        "notes":[],"crashes":0,"crashed_ms":null,"troubles":0,"records":""})");
    machine.services = {Json::parse(
        R"({"name":"httpd","state":"running","since_ms":9000,"restarts":0,"reason":""})")};
    machine.wdts = {Json::parse(R"({"device":"/dev/watchdog","state":"kicking","enabled":true,
        "verdict":"feed","kick_errors":0,"missed":0})")};
    machine.reset = Json::parse(R"({"cause":"none"})");
    machine.budget = Json::parse(R"({"spent":0,"limit":5})");
    return machine;
}

// Each as "severity what whose: next".
std::vector<std::string> found(const MachineView& machine) {
    std::vector<std::string> lines;
    for (const auto& f : findings_of(machine)) {
        auto whose = f.service.empty() ? f.source : f.service;
        lines.push_back(fmt::format("{} {}{}{}{}{}",
                                    f.severity == Finding::Severity::note ? "note" : "trouble", f.what,
                                    whose.empty() ? "" : " " + whose, f.kind.empty() ? "" : " " + f.kind,
                                    f.next.empty() ? "" : ": " + f.next,
                                    f.due ? fmt::format(" in {}", f.due->count()) : ""));
    }
    return lines;
}

using Lines = std::vector<std::string>;

} // namespace

TEST(Doctor, AHealthyMachine) { EXPECT_EQ(found(healthy()), Lines{}); }

TEST(Doctor, OneThingAtATime) {
    struct {
        const char *where, *json;
        Lines wanted;
    } const rows[] = {
        {"service", R"({"name":"a","state":"failed","since_ms":5,"reason":"killed"})",
         {"trouble service-failed a"}},
        {"service", R"({"name":"a","state":"backoff","since_ms":5,"next_attempt_ms":70})",
         {"trouble service-backoff a: start in 70"}},
        {"service", R"({"name":"a","state":"waiting","since_ms":59999,"listens_on":[]})", {}},
        {"service", R"({"name":"a","state":"waiting","since_ms":60000,"listens_on":[]})",
         {"note service-waiting a"}},
        {"service", R"({"name":"a","state":"waiting","since_ms":60000,"listens_on":["/s"]})", {}},
        {"service", R"({"name":"a","state":"running","since_ms":5,"restarts":3,"last_exit":"exit 1"})",
         {"note service-restarted a"}},
        {"service", R"({"name":"a","state":"running","since_ms":99999999,"restarts":3})", {}},
        {"service", R"({"name":"a","state":"stopped","since_ms":5})", {}},
        {"service", R"({"name":7,"state":null})", {}}, // a newer init may say anything
        {"trouble",
         R"({"service":"a","source":null,"kind":"crash-loop","since_ms":1,"next":"reboot","due_ms":9})",
         {"trouble trouble a crash-loop: reboot in 9"}},
        {"trouble",
         R"({"service":null,"source":"monitor m","kind":"memory","next":null,"due_ms":null})",
         {"trouble trouble monitor m memory"}},
        {"task", R"({"pid":3,"service":"a","command":"x","stray":true})", {"trouble strays a"}},
        {"task", R"({"pid":3,"service":"a","command":"x","stray":false})", {}},
        {"wdt", R"({"device":"/dev/watchdog1","state":"missing","enabled":true})",
         {"trouble wdt watchdog"}},
        {"wdt", R"({"device":"/dev/watchdog1","state":"disabled","enabled":false})",
         {"trouble wdt watchdog"}},
        {"wdt", R"({"device":"/dev/watchdog1","state":"starving","enabled":true,"verdict":"starve"})",
         {"trouble wdt watchdog"}},
        {"wdt", R"({"device":"/dev/watchdog1","state":"kicking","enabled":true,"missed":2})",
         {"note wdt watchdog"}},
        {"reset", R"({"cause":"requested"})", {}},
        {"reset", R"({"cause":"unknown"})", {"note unclean-reset watchdog unknown"}},
        {"reset", R"({"cause":"missed-heartbeat","service":"a"})",
         {"trouble unclean-reset a missed-heartbeat"}},
        {"budget", R"({"spent":2,"limit":5})", {"note reboot-budget watchdog"}},
        {"budget", R"({"spent":5,"limit":5})", {"trouble reboot-budget watchdog"}},
        {"budget", R"({"spent":5,"limit":0})", {}},
        {"system", R"({"module":"not installed"})", {"note module-missing"}},
        {"system", R"({"module":"modprobe ended with 1"})", {"trouble module-missing"}},
        {"system", R"({"module":"loaded, ABI 1; INCOMPLETE: of 3"})",
         {"trouble lineage-incomplete: search"}},
        {"system", R"({"crashes":2,"crashed_ms":5000})", {"trouble init-crashed"}},
        {"system", R"({"crashes":2,"crashed_ms":90000000})", {"note init-crashed"}},
        {"system", R"({"notes":["cannot mount x","init has crashed once since boot"]})",
         {"trouble degraded"}},
        {"system", R"({"notes":["init has lost its state (x): everything was ended and begun anew"]})",
         {"trouble state-lost"}},
        {"system", R"({"target":"rescue"})", {"trouble target"}},
        {"system", R"({"state":"starting"})", {"note system"}},
        {"system", R"({"records":"2 wait"})", {"trouble records"}},
    };
    for (const auto& row : rows) {
        auto machine = healthy();
        auto object = Json::parse(row.json);
        std::string_view where = row.where;
        if (where == "service") machine.services.push_back(object);
        if (where == "trouble") machine.troubles.push_back(object);
        if (where == "task") machine.tasks.push_back(object);
        if (where == "wdt") machine.wdts.push_back(object);
        if (where == "reset") machine.reset = object;
        if (where == "budget") machine.budget = object;
        if (where == "system") machine.system.update(object);
        EXPECT_EQ(found(machine), row.wanted) << row.json;
    }
}

TEST(Doctor, TroubleBeforeNotesAndTheNextStepFirst) {
    auto machine = healthy();
    machine.damaged = 1;
    for (auto [name, due] : {std::pair{"late", 9000}, {"soon", 10}, {"never", 0}}) {
        Json trouble{{"service", name}, {"kind", "k"}};
        if (due > 0) trouble["next"] = "reboot", trouble["due_ms"] = due;
        machine.troubles.push_back(trouble);
    }
    EXPECT_EQ(found(machine), (Lines{"trouble trouble soon k: reboot in 10",
                                     "trouble trouble late k: reboot in 9000", "trouble trouble never k",
                                     "note records-damaged"}));
}

// It has come up again, and the trouble stands until that has lasted.
TEST(Doctor, RestartsInACrashLoopAreToldByTheTrouble) {
    auto machine = healthy();
    machine.services.push_back(
        Json::parse(R"({"name":"a","state":"running","since_ms":5,"restarts":3})"));
    machine.troubles.push_back(Json{{"service", "b"}, {"kind", "crash-loop"}});
    machine.troubles.push_back(Json{{"service", "a"}, {"kind", "memory-hog"}});
    EXPECT_EQ(found(machine), (Lines{"trouble trouble b crash-loop", "trouble trouble a memory-hog",
                                     "note service-restarted a"}));
    machine.troubles.back()["kind"] = "crash-loop";
    EXPECT_EQ(found(machine), (Lines{"trouble trouble b crash-loop", "trouble trouble a crash-loop"}));
}

TEST(Doctor, ALoopIsNotToldTwice) {
    auto machine = healthy();
    machine.services.push_back(Json::parse(
        R"({"name":"a","state":"backoff","since_ms":5,"next_attempt_ms":70,"reason":"crash loop"})"));
    machine.troubles.push_back(Json::parse(
        R"({"service":"a","kind":"crash-loop","next":"stop","due_ms":70})"));
    EXPECT_EQ(found(machine),
              (Lines{"trouble trouble a crash-loop: stop in 70", "trouble service-backoff a"}));
}

TEST(Doctor, Texts) {
    Finding finding;
    finding.what = "trouble";
    finding.service = "a";
    finding.kind = "crash-loop";
    finding.text = "3 exits\n";
    finding.since = Ms{61'000};
    finding.next = "reboot";
    finding.due = Ms{3'500};
    finding.remedy = "initctl explain a";
    EXPECT_EQ(finding_text(finding, {}), "a: crash-loop for 1m: 3 exits?\n"
                                         "    next:   reboot in 4s\n"
                                         "    remedy: initctl explain a\n");
    EXPECT_EQ(finding_json(finding),
              R"({"finding":"trouble","severity":"trouble","service":"a","source":null,)"
              R"("kind":"crash-loop","text":"3 exits\n","since_ms":61000,"next":"reboot",)"
              R"("due_ms":3500,"remedy":"initctl explain a"})");
    Finding note;
    note.severity = Finding::Severity::note;
    note.what = "system";
    note.text = "the machine is starting";
    EXPECT_EQ(finding_text(note, {}), "(machine: system): the machine is starting\n");
}

// ---- the commands ---------------------------------------------------------------------------------

class DoctorCommand : public testing::Test, public FakeInit {
  protected:
    void healthy_init() {
        const std::string end = "{\"end\":0,\"message\":\"\"}\n";
        answer("status", healthy().system.dump() + "\n" + end);
        answer("list", healthy().services[0].dump() + "\n" + end);
        answer("troubles", end);
        answer("ps", end);
        for (const char* word : {"status", "reason", "counter"})
            answer(std::string("plugin|watchdog|") + word, end);
    }
    void record(std::uint64_t number, const std::string& service, const std::string& evidence,
                const std::string& boot = "b", std::int64_t date = 1'795'354'800) {
        records::Record entry;
        entry.event = "trouble";
        entry.service = service;
        entry.kind = "crash-loop";
        entry.evidence = evidence;
        entry.answer = "restart";
        std::ofstream(folder_ + "/troubles", std::ios::app)
            << records::encode(entry, {boot, number}, date, Ms{0}) << "\n";
    }
};

TEST_F(DoctorCommand, StatusAndWords) {
    healthy_init();
    listen();
    EXPECT_EQ(run({"initctl", "doctor"}), 0) << out << err;
    EXPECT_EQ(out, "nothing is wrong\n");
    EXPECT_EQ(run({"initctl", "doctor", "--json"}), 0);
    EXPECT_EQ(out, "");
}

TEST_F(DoctorCommand, Trouble) {
    healthy_init();
    answer("troubles", R"({"service":"a","kind":"crash-loop","evidence":"e","since_ms":5})"
                       "\n{\"end\":0,\"message\":\"\"}\n");
    listen();
    EXPECT_EQ(run({"initctl", "doctor"}), 1);
    EXPECT_EQ(out.substr(0, out.find('\n')), "a: crash-loop for 0s: e");
}

TEST_F(DoctorCommand, NobodyAnswers) {
    record(1, "a", "long ago");
    session_.process_one = [] { return std::optional(std::pair{std::string("init"), 'D'}); };
    EXPECT_EQ(run({"initctl", "doctor"}), 5);
    EXPECT_TRUE(out.contains("init-unreachable")) << out;
    EXPECT_TRUE(out.contains("process 1 is init in state D")) << out;
    EXPECT_TRUE(out.contains("trouble: long ago")) << out;
    session_.process_one = [] { return std::optional(std::pair{std::string("leash-rescue"), 'S'}); };
    EXPECT_EQ(run({"initctl", "doctor"}), 5);
    EXPECT_TRUE(out.contains("minimal-mode")) << out;
}

TEST_F(DoctorCommand, Explain) {
    record(1, "a", "first", "b1");
    record(2, "other", "not of a", "b1");
    record(1, "a", "second", "b2", 1'795'354'800 + 3600);
    answer("status|a", R"({"name":"a","state":"backoff","since_ms":4000,"reason":"crash loop",)"
                       R"("last_exit":"exit 3","restarts":2,"next_attempt_ms":9000})"
                       "\n{\"end\":3,\"message\":\"\"}\n");
    answer("troubles", R"({"service":"a","kind":"crash-loop","evidence":"e","since_ms":5,)"
                       R"("next":"stop","due_ms":9000})"
                       "\n{\"end\":0,\"message\":\"\"}\n");
    answer("status|b", "{\"end\":4,\"message\":\"no such service 'b'\"}\n");
    listen();
    EXPECT_EQ(run({"initctl", "explain", "a"}), 0);
    EXPECT_EQ(out, "a: backoff for 4s: crash loop\n"
                   "  last exit   exit 3\n"
                   "  restarts    2\n"
                   "  next try    in 9s\n"
                   "  trouble     crash-loop for 0s: e; next: stop in 9s\n"
                   "2026-11-22 13:40:00Z  trouble  crash-loop: first\n"
                   "    answer: restart\n"
                   "---- the machine has booted\n"
                   "2026-11-22 14:40:00Z  trouble  crash-loop: second\n"
                   "    answer: restart\n");
    EXPECT_EQ(run({"initctl", "explain", "a", "-n", "1"}), 0);
    EXPECT_FALSE(out.contains("first"));
    EXPECT_TRUE(out.contains("(1 older record: -n 2)"));
    EXPECT_EQ(run({"initctl", "explain", "a", "--since", "2026-11-22 14:00"}), 0);
    EXPECT_FALSE(out.contains("first"));
    EXPECT_TRUE(out.contains("second"));
    EXPECT_EQ(run({"initctl", "explain"}), 0);
    EXPECT_TRUE(out.contains("other: trouble  crash-loop: not of a")) << out;
    EXPECT_EQ(run({"initctl", "explain", "b"}), 4);
    EXPECT_EQ(run({"initctl", "explain", "a", "--since", "soon"}), 2);
    EXPECT_TRUE(err.contains("write how long ago (90s, 30m, 2h)")) << err;
    EXPECT_EQ(run({"initctl", "explain", "a", "-n", "0"}), 2);
    EXPECT_TRUE(err.contains("write -n 1 or more")) << err;
    EXPECT_EQ(run({"initctl", "explain", "a/b"}), 4);
    EXPECT_EQ(run({"initctl", "explain", "a", "--json"}), 0);
    std::istringstream lines(out);
    std::string line;
    std::vector<Json> objects;
    while (std::getline(lines, line)) objects.push_back(Json::parse(line));
    ASSERT_EQ(objects.size(), 3u);
    EXPECT_EQ(objects[0]["evidence"], "first");
    EXPECT_EQ(objects[2]["event"], "now");
    EXPECT_EQ(objects[2]["now"]["state"], "backoff");
    EXPECT_EQ(objects[2]["troubles"][0]["next"], "stop");
}

TEST_F(DoctorCommand, ExplainWithoutInit) {
    EXPECT_EQ(run({"initctl", "explain", "a"}), 5);
    record(1, "a", "first");
    std::ofstream(folder_ + "/troubles", std::ios::app) << "{\"seq\":2,\"boot\":\"b\",\"ev"; // torn
    EXPECT_EQ(run({"initctl", "explain", "a"}), 0);
    EXPECT_TRUE(out.contains("crash-loop: first"));
    EXPECT_TRUE(err.contains("1 record is torn")) << err;
}

TEST(History, Since) {
    const std::int64_t now = 1'795'354'800; // 2026-11-22T13:40:00Z
    struct {
        const char *text, *wanted; // "": refused
    } const rows[] = {
        {"2h", "2026-11-22T11:40:00Z"},
        {"2026-11-22", "2026-11-22T00:00:00Z"},
        {"2026-11-22 13:40", "2026-11-22T13:40:00Z"},
        {"2026-11-22T13:40Z", "2026-11-22T13:40:00Z"},
        {"2026-11-22T13:40:05", "2026-11-22T13:40:05Z"},
        {"yesterday", ""},
        {"2026-11", ""},
        {"2026-11-22 25", ""},
        {"", ""},
    };
    for (const auto& row : rows)
        EXPECT_EQ(parse_since(row.text, now).value_or(""), row.wanted) << row.text;
}
