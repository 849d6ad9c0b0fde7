// SPDX-License-Identifier: MIT
// What init and its clients say to each other.
//
// Socket    /run/leash/control, AF_UNIX SOCK_STREAM, mode 0666. Who may do what is decided by the
//           credentials of the connecting process (SO_PEERCRED).
// Request   one line of at most 4096 bytes: words separated by NUL, ended by '\n'. First word: the
//           protocol, "leash/1". Second: the verb. Then arguments (names of services) and options
//           (which begin with '+', as no service's name can) in any order. One request a
//           connection.
// Reply     JSON objects, one a line; empty lines mean nothing. The last one is
//           {"end":<exit status>,"message":"<text for people, may be empty>"}; a connection that
//           closes before it has failed. Unknown keys are to be ignored: more may be added.
//
// verb               arguments          who       reply before the end                     since
// version                               everyone  {"version","schema"}                     0.1
// list               [+all]             everyone  a service a line, without tasks; with    0.1
//                                                 +all masked ones, too
// status             [NAME]             everyone  the service with its tasks; without a    0.1
//                                                 name the system
// ps                 [+threads]         root      a task a line                            0.1
// start              NAME... [+no-wait] root      {"result","state","main_pid","reason"}   0.1
//                                                 for each name
// stop               NAME... [+no-wait] root      {"dependant"} for each service that is   0.1
//                                                 stopped first, then as start
// restart            NAME... [+no-wait] root      as stop                                  0.1
// scope              NAME               root      {"scope","start_id"}: the process that   0.1
//                                                 asks is the main process of a start of
//                                                 its own now
// reload                                root      {"complaint"} for each, then {"change",  0.1
//                                                 "service","text"} for each
// reload             NAME... [+no-wait] root      as start: these services reload          0.1
// daemon-reexec                         root      nothing; init is executed anew after it 0.1
// target             NAME [+no-wait]    root      {"target","failed"} once it has settled  0.1
// freeze, thaw       NAME...            root      {"result","state","main_pid","frozen"}   0.2
//                                                 for each
// cond-set,          NAME...            root      nothing: user:NAME holds, or does not 0.1
// cond-clear
// cond-list                             everyone  {"condition","holds","services"} each 0.1
// troubles                              everyone  a trouble that stands a line             0.2
// is-system-running  [+wait]            everyone  {"state"}                                0.1
// reboot, poweroff,  [+force]           root      nothing                                  0.1
// halt
// kexec, soft-reboot [+force]           root      nothing                               0.1
// plugin             NAME WORD...       everyone  what the plugin says; by the uid it decides  0.1
//                                                 what the client may. Words: see kMaxWord
//
// Limits: 64 clients at once, of whom at most 32 may be other than root; 64 names a request; 5 s to
// send the request; a client that does not read its reply for 10 s, or lets more than kMaxOutput
// bytes of it pile up, is dropped.
#pragma once

#include <array>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include <sys/types.h>

#include "base/result.h"

namespace leash::control {

inline constexpr std::string_view kProtocol = "leash/1";
inline constexpr std::string_view kSocketPath = "/run/leash/control";
inline constexpr int kSchema = 1;
inline constexpr std::size_t kMaxRequest = 4096; // the '\n' included
inline constexpr std::size_t kMaxNames = 64;
inline constexpr std::size_t kMaxOutput = 512 * 1024; // of one client, waiting to be read

// Exit statuses of initctl, as "end" gives them.
namespace status {
inline constexpr int done = 0; // of `status`: running or done
inline constexpr int failed = 1;
inline constexpr int usage = 2;
inline constexpr int not_running = 3; // of `status` only
inline constexpr int no_such_service = 4;
inline constexpr int unreachable = 5; // never sent: the client itself finds out
inline constexpr int not_permitted = 6;
} // namespace status

struct Verb {
    std::string_view name;
    bool for_everyone = false;
    std::size_t min_names = 0;
    std::size_t max_names = 0;
    std::string_view option = {}; // the one it takes, without '+'; "" for none
    bool words = false;           // behind the first name: any words, not names
};
inline constexpr std::size_t kMaxWord = 255; // bytes of such a word, at least 1; no control characters
inline constexpr std::array<Verb, 25> kVerbs{{
    {"version", true},
    {"list", true, 0, 0, "all"},
    {"status", true, 0, 1},
    {"ps", false, 0, 0, "threads"},
    {"start", false, 1, kMaxNames, "no-wait"},
    {"stop", false, 1, kMaxNames, "no-wait"},
    {"restart", false, 1, kMaxNames, "no-wait"},
    {"scope", false, 1, 1},
    {"reload", false, 0, kMaxNames, "no-wait"},
    {"daemon-reexec", false},
    {"target", false, 1, 1, "no-wait"},
    {"freeze", false, 1, kMaxNames},
    {"thaw", false, 1, kMaxNames},
    {"cond-set", false, 1, kMaxNames},
    {"cond-clear", false, 1, kMaxNames},
    {"cond-list", true},
    {"troubles", true},
    {"is-system-running", true, 0, 0, "wait"},
    {"reboot", false, 0, 0, "force"},
    {"reboot-via-wdt", false, 0, 0, "force"},
    {"poweroff", false, 0, 0, "force"},
    {"halt", false, 0, 0, "force"},
    {"kexec", false, 0, 0, "force"},
    {"soft-reboot", false, 0, 0, "force"},
    {"plugin", true, 1, kMaxNames, {}, true},
}};
[[nodiscard]] const Verb* find_verb(std::string_view name); // null if unknown

struct Request {
    std::string verb;
    std::vector<std::string> args; // names of services: valid as names, known or not
    bool option = false;           // the verb's one option was given
    uid_t uid = 0;
    gid_t gid = 0;
    pid_t pid = 0; // of the process that connected; it may be gone
};

// Why a request is not served.
struct Refusal {
    int status = status::usage;
    std::string message;
};

// `line` comes without its '\n'. Credentials are left for the caller to fill in.
[[nodiscard]] std::expected<Request, Refusal> parse_request(std::string_view line);

// May `uid` call this verb?
[[nodiscard]] bool permitted(std::string_view verb, uid_t uid);

// The client's side: the whole line, '\n' included. Fails where it would not be valid.
[[nodiscard]] Result<std::string> encode_request(std::string_view verb,
                                                 const std::vector<std::string>& names,
                                                 bool option = false);

// "no such service 'htpd'; did you mean 'httpd'?"
[[nodiscard]] std::string no_such_service(std::string_view name,
                                          const std::vector<std::string>& known);

} // namespace leash::control
