// SPDX-License-Identifier: MIT
// The words of `initctl watchdog` that are about resets.
#include "causes.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string_view>

namespace leash_watchdog {

namespace {

constexpr int kDone = 0, kFailed = 1, kUsage = 2, kNotPermitted = 6;
constexpr long kMostDelay = 86'400'000;

void add(std::string& json, const char* key, std::string_view text) {
    if (json.size() > 1) json += ',';
    json += '"';
    json += key;
    json += "\":\"";
    for (char c : text) {
        if (c == '"' || c == '\\') json += '\\';
        json += static_cast<unsigned char>(c) < ' ' ? ' ' : c; // none is left in a record
    }
    json += '"';
}

void add(std::string& json, const char* key, long long number) {
    if (json.size() > 1) json += ',';
    json += '"';
    json += key;
    json += "\":";
    json += std::to_string(number);
}

void add(std::string& json, const char* key, bool value) {
    if (json.size() > 1) json += ',';
    json += '"';
    json += key;
    json += value ? "\":true" : "\":false";
}

bool parse_number(const char* text, long most, long& number) {
    if (*text == '\0' || std::strlen(text) > 9) return false;
    long value = 0;
    for (; *text != '\0'; ++text) {
        if (*text < '0' || *text > '9') return false;
        value = value * 10 + (*text - '0');
    }
    if (value > most) return false;
    number = value;
    return true;
}

std::string joined(const leash_command& command, std::uint32_t from) {
    std::string text;
    for (std::uint32_t i = from; i < command.argc; ++i) {
        if (!text.empty()) text += ' ';
        text += command.argv[i];
    }
    return text;
}

int refuse(const leash_command& command, int status, const char* text) {
    command.message(&command, text);
    return status;
}

} // namespace

std::string to_json(const Record& record) {
    char date[24];
    std::string json = "{";
    add(json, "cause", std::string_view(record.cause));
    add(json, "code", static_cast<long long>(code_of(record.cause)));
    add(json, "end", std::string_view(record.end));
    add(json, "service", std::string_view(record.service));
    add(json, "client", std::string_view(record.client));
    add(json, "task", static_cast<long long>(record.task));
    add(json, "task_name", std::string_view(record.task_name));
    add(json, "evidence", std::string_view(record.evidence));
    add(json, "date", std::string_view(show_date(record.date, date, sizeof date)));
    add(json, "uptime_ms", static_cast<long long>(record.uptime_ms));
    add(json, "resets", static_cast<long long>(record.resets));
    add(json, "boots", static_cast<long long>(record.boots));
    add(json, "failed_boots", static_cast<long long>(record.failed));
    add(json, "inferred", record.inferred);
    add(json, "counts", record.counts);
    add(json, "life", std::string_view(record.life));
    add(json, "wdt", std::string_view(record.wdt));
    return json + "}";
}

int Causes::command(const leash_command& command) {
    if (command.argc == 0) return -ENOENT;
    std::string_view word = command.argv[0];
    std::string_view more = command.argc > 1 ? command.argv[1] : "";
    bool mine = word == "reason" || word == "counter" || word == "clear" || word == "fail" ||
                word == "reset";
    if (!mine) return -ENOENT;
    if (file_.empty())
        return refuse(command, kFailed, "resets are not recorded: reset-cause-file = none");
    if (word == "reason" || word == "counter") {
        if (!known_) return refuse(command, kFailed, "the recorder has not told yet");
        if (word == "counter" && command.argc == 1) {
            std::string json = "{";
            add(json, "resets", static_cast<long long>(last_.resets));
            add(json, "boots", static_cast<long long>(last_.boots + 1)); // with this one
            add(json, "spent", static_cast<long long>(spent_.reboots));
            add(json, "limit", static_cast<long long>(rules_.limit));
            command.line(&command, (json + "}").c_str());
            return kDone;
        }
        if (word == "counter" || command.argc > 2)
            return refuse(command, kUsage, "usage: reason [all|next] | counter");
        if (more == "all") {
            for (const auto& record : ring_) command.line(&command, to_json(record).c_str());
            return kDone;
        }
        if (!more.empty() && more != "next") return refuse(command, kUsage, "usage: reason [all|next]");
        command.line(&command, to_json(more == "next" ? armed_ : last_).c_str());
        return kDone;
    }
    if (command.uid != 0) return refuse(command, kNotPermitted, "only root may do that");
    if (word == "fail") return fail_command(command);
    if (word == "reset") return reset_command(command);
    if (command.argc > 1) return refuse(command, kUsage, "usage: clear");
    clear();
    return kDone;
}

// fail CODE [MSEC] [TEXT]: with MSEC the machine is reset after that time.
int Causes::fail_command(const leash_command& command) {
    long code = 0, delay = -1;
    if (command.argc < 2 || !parse_number(command.argv[1], 10, code) || code == 0)
        return refuse(command, kUsage, "usage: fail CODE [MSEC] [TEXT], CODE 1 to 10");
    std::uint32_t text = 2;
    if (command.argc > 2 && parse_number(command.argv[2], kMostDelay, delay)) ++text;
    Record record;
    put(record.cause, cause_of_code(static_cast<int>(code)));
    put(record.evidence, joined(command, text));
    record.task = command.pid;
    host_->whose(command.pid, record.service, sizeof record.service, nullptr);
    if (delay < 0) {
        this->record(record);
        return kDone;
    }
    if (reset(record, delay) == 0) return kDone;
    return refuse(command, kFailed, "the machine is going down already, or may not be reset");
}

int Causes::reset_command(const leash_command& command) {
    long delay = 0;
    std::uint32_t text = 1;
    if (command.argc > 1 && parse_number(command.argv[1], kMostDelay, delay)) ++text;
    Record record;
    put(record.cause, "forced");
    auto why = joined(command, text);
    if (why.empty()) why = "watchdog reset (pid " + std::to_string(command.pid) + ")";
    put(record.evidence, why);
    record.task = command.pid;
    if (reset(record, delay) == 0) return kDone;
    return refuse(command, kFailed, "the machine is going down already, or may not be reset");
}

} // namespace leash_watchdog
