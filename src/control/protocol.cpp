// SPDX-License-Identifier: MIT
#include "control/protocol.h"

#include <algorithm>

#include "base/tag.h"
#include "base/text.h"

namespace leash::control {
namespace {

template <class... Args>
std::unexpected<Refusal> refuse(int status, fmt::format_string<Args...> format, Args&&... args) {
    return std::unexpected(Refusal{status, fmt::format(format, std::forward<Args>(args)...)});
}

// A word of the request in a message: harmless and short.
std::string quoted(std::string_view word) {
    constexpr std::size_t kEnough = 80;
    if (word.size() > kEnough) return "'" + printable(word.substr(0, kEnough)) + "...'";
    return "'" + printable(word) + "'";
}

std::vector<std::string_view> words_of(std::string_view line) {
    std::vector<std::string_view> words;
    while (true) {
        auto at = line.find('\0');
        words.push_back(line.substr(0, at));
        if (at == std::string_view::npos) return words;
        line.remove_prefix(at + 1);
    }
}

} // namespace

const Verb* find_verb(std::string_view name) {
    auto found = std::ranges::find(kVerbs, name, &Verb::name);
    return found == kVerbs.end() ? nullptr : &*found;
}

// What a verb takes as its index-th argument.
static bool valid_argument(const Verb& verb, std::size_t index, std::string_view word) {
    if (!verb.words || index == 0) return valid_service_name(word);
    return !word.empty() && word.size() <= kMaxWord && std::ranges::none_of(word, [](char c) {
        return static_cast<unsigned char>(c) < ' ' || c == 0x7f;
    });
}

std::expected<Request, Refusal> parse_request(std::string_view line) {
    if (line.size() >= kMaxRequest)
        return refuse(status::usage, "request longer than {} bytes", kMaxRequest);
    auto words = words_of(line);
    if (words[0] != kProtocol)
        return refuse(status::usage, "this init speaks {}, not {}", kProtocol, quoted(words[0]));
    if (words.size() < 2) return refuse(status::usage, "no verb");

    const Verb* verb = find_verb(words[1]);
    if (verb == nullptr) return refuse(status::usage, "unknown verb {}", quoted(words[1]));

    Request request;
    request.verb = verb->name;
    for (std::size_t i = 2; i < words.size(); ++i) {
        auto word = words[i];
        if (word.starts_with('+') && !(verb->words && !request.args.empty())) {
            if (verb->option.empty() || word.substr(1) != verb->option)
                return refuse(status::usage, "'{}' has no option {}", verb->name, quoted(word));
            request.option = true;
        } else if (request.args.size() == verb->max_names) {
            return refuse(status::usage, "too many arguments for '{}'", verb->name);
        } else if (!valid_argument(*verb, request.args.size(), word)) {
            if (!request.args.empty() && verb->words)
                return refuse(status::usage, "{} is no word for '{}'", quoted(word), verb->name);
            return refuse(status::no_such_service, "no such service {}", quoted(word));
        } else {
            request.args.emplace_back(word);
        }
    }
    if (request.args.size() < verb->min_names)
        return refuse(status::usage, "'{}' needs the name of a service", verb->name);
    return request;
}

bool permitted(std::string_view verb, uid_t uid) {
    const Verb* known = find_verb(verb);
    return known != nullptr && (uid == 0 || known->for_everyone);
}

Result<std::string> encode_request(std::string_view verb, const std::vector<std::string>& names,
                                   bool option) {
    const Verb* known = find_verb(verb);
    if (known == nullptr) return fail("unknown verb {}", quoted(verb));
    std::string line(kProtocol);
    line += '\0';
    line += verb;
    if (option) {
        line += '\0';
        line += '+';
        line += known->option;
    }
    for (const auto& name : names) {
        auto index = static_cast<std::size_t>(&name - names.data());
        if (!valid_argument(*known, index, name))
            return known->words && index > 0 ? fail("{} is no word for '{}'", quoted(name), verb)
                                             : fail("no such service {}", quoted(name));
        line += '\0';
        line += name;
    }
    line += '\n';
    if (line.size() > kMaxRequest || names.size() > known->max_names)
        return fail("too many arguments for '{}'", verb);
    return line;
}

std::string no_such_service(std::string_view name, const std::vector<std::string>& known) {
    std::string text = "no such service " + quoted(name);
    auto near = closest_word(name, {known.begin(), known.end()});
    if (!near.empty()) text += fmt::format("; did you mean '{}'?", near);
    return text;
}

} // namespace leash::control
