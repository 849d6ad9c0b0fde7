// SPDX-License-Identifier: MIT
// The one table of all keys. It feeds the parser, the complaints, `initctl verify` and the man
// pages leash.service(5) and init.conf(5) (man/schema_man.cpp).
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "config/system_settings.h"
#include "service/settings.h"

namespace leash {

// What is wrong with a value, and what to do.
struct Fault {
    std::string text, hint;
};
template <class T> using Checked = std::expected<T, Fault>;
[[nodiscard]] inline std::unexpected<Fault> fault(std::string text, std::string hint = {}) {
    return std::unexpected(Fault{std::move(text), std::move(hint)});
}

enum class ValueType {
    text,     // anything
    word,     // one of `words`
    duration, // with unit ms s m h; least..most in ms
    size,     // bytes, with or without K M G; least..most
    rate,     // N/TIME
    signal,   // name or number
    command,  // split by the shell's quoting rules
    commands, // as `command`, with a '-' before it if it may fail; may be repeated, as a list
    policy,   // steps on trouble
    list,     // items separated by commas, each as `grammar` says
    grammar,  // as `grammar` says; the setter checks it
};
[[nodiscard]] std::string_view to_string(ValueType type); // as the man page calls it

// A value after its type has been checked. Which members are set depends on the type.
struct Value {
    std::string text;               // every type: as written, without blanks at its ends
    Ms time{0};                     // duration
    std::uint64_t size = 0;         // size
    std::size_t word = 0;           // word: index in `words`
    bool may_fail = false;          // commands
    bool over = false;              // every type: from a drop-in, after an earlier file's value
    RateLimit rate;                 // rate
    int signal = 0;                 // signal
    std::vector<std::string> items; // list: raw items, quotes kept; command: argv
    Policy policy;                  // policy
};

// A setter puts a checked value into the settings. List setters add the items to what is there;
// with no items they clear it. After a Fault the settings are as before.
using ServiceSetter = Checked<void> (*)(ServiceSettings&, const Value&);
using SystemSetter = Checked<void> (*)(SystemSettings&, const Value&);

// Which types of service may have a key.
enum ServiceTypes : unsigned {
    kDaemon = 1U << static_cast<unsigned>(ServiceType::daemon),
    kOneshot = 1U << static_cast<unsigned>(ServiceType::oneshot),
    kConsole = 1U << static_cast<unsigned>(ServiceType::console),
    kTarget = 1U << static_cast<unsigned>(ServiceType::target),
    kProcess = kDaemon | kOneshot | kConsole,
    kEveryType = kProcess | kTarget,
};

struct KeySpec {
    std::string_view section;    // service, system, or a plugin's: watchdog, "watchdog DEVICE"
    std::string_view group = {}; // heading in the man page
    std::string_view key = {};
    ValueType type = ValueType::text;
    std::string_view grammar = {};             // list and grammar: what is allowed
    std::vector<std::string_view> words = {};  // word
    std::int64_t least = 0, most = 0;          // duration, size
    std::int64_t step = 1;                     // duration: a multiple of this many ms
    std::string_view zero = {};     // duration: what 0 means; empty: 0 only if the range has it
    std::string_view fallback = {}; // the default as text; empty: nothing
    std::string_view fallback_note = {}; // what there is to say about the default
    std::string_view since = "0.1";
    unsigned types = kEveryType;    // services only
    bool filled = false;            // %i, %n and %% are replaced (of commands: the setter does it)
    std::string_view text = {};     // for users; `...` marks keys and values
    // A null SystemSetter: a key of a plugin, which gets it as text once it has been checked.
    std::variant<ServiceSetter, SystemSetter> set = ServiceSetter{nullptr};

    [[nodiscard]] bool is_list() const { return type == ValueType::list || type == ValueType::commands; }
};

[[nodiscard]] const std::vector<KeySpec>& service_schema(); // [service], and so [defaults]
[[nodiscard]] const std::vector<KeySpec>& system_schema();  // [system], then those of plugins
// They are made when they are first asked for. For who reads files now and then, and has better use for
// their memory in between: what points into them is gone then.
void forget_schemas();

// The section whose rows describe [NAME] or [NAME LABEL]; empty: a section that nothing is known of.
[[nodiscard]] std::string_view schema_section(std::string_view section);

// nullptr if the section has no such key.
[[nodiscard]] const KeySpec* find_key(std::string_view section, std::string_view key);

// What a value may be: "always, on-failure, no", "100ms..1h", ...
[[nodiscard]] std::string allowed(const KeySpec& spec);

// Checks what the type demands. An empty text is fine for lists (no items) and texts only.
[[nodiscard]] Checked<Value> parse_value(const KeySpec& spec, std::string_view text);

} // namespace leash
