// SPDX-License-Identifier: MIT
#include "base/calendar.h"

#include "base/text.h"

#include <algorithm>
#include <ctime>

namespace leash {
namespace {

constexpr std::int64_t kMinute = 60, kHour = 60 * kMinute, kDay = 24 * kHour;

// ---- days ---------------------------------------------------------------------------------------

// Of the proleptic Gregorian calendar; day 0 is 1970-01-01, a Thursday.
std::int64_t days_from_civil(int year, int month, int day) {
    std::int64_t y = month <= 2 ? year - 1 : year;
    std::int64_t era = (y >= 0 ? y : y - 399) / 400;
    std::int64_t of_era = y - era * 400;
    std::int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146'097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719'468;
}

struct Date {
    int year, month, day; // month and day from 1
};

Date civil_from_days(std::int64_t days) {
    days += 719'468;
    std::int64_t era = (days >= 0 ? days : days - 146'096) / 146'097;
    auto of_era = days - era * 146'097;
    auto year_of_era = (of_era - of_era / 1460 + of_era / 36'524 - of_era / 146'096) / 365;
    auto of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    auto shifted = (5 * of_year + 2) / 153;
    int day = static_cast<int>(of_year - (153 * shifted + 2) / 5 + 1);
    int month = static_cast<int>(shifted < 10 ? shifted + 3 : shifted - 9);
    return {static_cast<int>(year_of_era + era * 400 + (month <= 2 ? 1 : 0)), month, day};
}

int days_in(int year, int month) {
    auto next = month == 12 ? days_from_civil(year + 1, 1, 1) : days_from_civil(year, month + 1, 1);
    return static_cast<int>(next - days_from_civil(year, month, 1));
}

// ---- the next match, in local time alone --------------------------------------------------------

template <std::size_t N>
int first_from(const std::bitset<N>& set, int from) {
    for (auto i = static_cast<std::size_t>(std::max(from, 0)); i < N; ++i)
        if (set[i]) return static_cast<int>(i);
    return -1;
}

// Seconds of the day, or -1.
std::int64_t time_from(const CalendarRule& rule, std::int64_t from) {
    int hour = static_cast<int>(from / kHour), minute = static_cast<int>(from / kMinute % 60);
    int second = static_cast<int>(from % 60);
    for (int h = first_from(rule.hours, hour); h >= 0; h = first_from(rule.hours, h + 1)) {
        bool same_hour = h == hour;
        for (int m = first_from(rule.minutes, same_hour ? minute : 0); m >= 0;
             m = first_from(rule.minutes, m + 1)) {
            int s = first_from(rule.seconds, same_hour && m == minute ? second : 0);
            if (s >= 0) return h * kHour + m * kMinute + s;
        }
    }
    return -1;
}

bool day_matches(const CalendarRule& rule, std::int64_t day, const Date& date) {
    auto index = rule.from_end ? days_in(date.year, date.month) - date.day : date.day - 1;
    return rule.days[static_cast<std::size_t>(index)] &&
           rule.weekdays[static_cast<std::size_t>((day % 7 + 7 + 3) % 7)];
}

// The first match at or after `local`, both as if local time were UTC.
std::optional<std::int64_t> match_from(const CalendarRule& rule, std::int64_t local) {
    local = std::max<std::int64_t>(local, 0);
    auto day = local / kDay;
    auto of_day = local % kDay;
    while (true) {
        auto date = civil_from_days(day);
        if (date.year > CalendarRule::kLastYear) return std::nullopt;
        if (!rule.years[static_cast<std::size_t>(date.year - CalendarRule::kFirstYear)]) {
            day = days_from_civil(date.year + 1, 1, 1);
        } else if (!rule.months[static_cast<std::size_t>(date.month - 1)]) {
            day += days_in(date.year, date.month) - date.day + 1;
        } else {
            auto time = day_matches(rule, day, date) ? time_from(rule, of_day) : -1;
            if (time >= 0) return day * kDay + time;
            ++day;
        }
        of_day = 0;
    }
}

// ---- with a time zone ---------------------------------------------------------------------------

// The first instant at which the offset is no longer that of `from`; it changes before `to`.
std::int64_t change_between(std::int64_t from, std::int64_t to, const ZoneOffset& offset) {
    auto before = offset(from);
    while (to - from > 1) {
        auto middle = from + (to - from) / 2;
        if (offset(middle) == before)
            from = middle;
        else
            to = middle;
    }
    return to;
}

struct Instants {
    std::int64_t first;                 // of a local time that is left out: when the clocks change
    std::optional<std::int64_t> second; // it comes twice
    bool left_out = false;
};

// A zone is taken to change its offset at most once in two days.
Instants instants_of(std::int64_t local, const ZoneOffset& offset) {
    auto before = offset(local - kDay), after = offset(local + kDay);
    bool in_old = offset(local - before) == before, in_new = offset(local - after) == after;
    if (before == after || (in_old && !in_new)) return {local - before, {}, false};
    if (in_new && !in_old) return {local - after, {}, false};
    if (in_old && in_new)
        return {std::min(local - before, local - after), std::max(local - before, local - after),
                false};
    return {change_between(local - kDay, local + kDay, offset), {}, true};
}

std::optional<std::int64_t> next_of(const CalendarRule& rule, std::int64_t after,
                                    const ZoneOffset& zone) {
    ZoneOffset none = [](std::int64_t) { return std::int64_t{0}; };
    const auto& offset = rule.utc ? none : zone;
    // No zone has ever put its clocks by more than this.
    constexpr std::int64_t kLargestChange = 3 * kHour;
    bool every_hour = rule.hours.all();
    bool near = offset(after - kLargestChange) != offset(after + kLargestChange);
    // What comes a second time has a local time before that of now.
    auto local = after + offset(after) + 1 - (every_hour && near ? kLargestChange : 0);
    std::optional<std::int64_t> best;
    while (auto match = match_from(rule, local)) {
        auto when = instants_of(*match, offset);
        if (!(every_hour && when.left_out)) {
            if (when.first > after) best = std::min(best.value_or(when.first), when.first);
            if (every_hour && when.second && *when.second > after)
                best = std::min(best.value_or(*when.second), *when.second);
        }
        // Later local times are later instants, but for those within a change.
        if (best && (!(every_hour && near) || *match > *best + offset(*best) + kLargestChange))
            return best;
        local = *match + 1;
    }
    return best;
}

// ---- reading ------------------------------------------------------------------------------------

constexpr std::array<std::string_view, 7> kWeekdays{"Mon", "Tue", "Wed", "Thu",
                                                    "Fri", "Sat", "Sun"};
constexpr std::array<std::string_view, 7> kLongWeekdays{
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};
struct Word {
    std::string_view name, means;
};
constexpr Word kWords[] = {{"minutely", "*-*-* *:*:00"},  {"hourly", "*-*-* *:00:00"},
                           {"daily", "*-*-* 00:00:00"},   {"weekly", "Mon *-*-* 00:00:00"},
                           {"monthly", "*-*-1 00:00:00"}, {"yearly", "*-1-1 00:00:00"},
                           {"annually", "*-1-1 00:00:00"}};

std::string shown(std::string_view text) {
    return fmt::format("'{}'", printable(text.substr(0, 60)));
}

std::string lower(std::string_view text) {
    std::string low(text);
    for (char& c : low)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return low;
}

int weekday_named(std::string_view name) {
    for (std::size_t i = 0; i < 7; ++i)
        if (lower(name) == lower(kWeekdays[i]) || lower(name) == lower(kLongWeekdays[i]))
            return static_cast<int>(i);
    return -1;
}

bool is_weekdays(std::string_view text) {
    char c = text.empty() ? '\0' : text[0];
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

Result<void> read_weekdays(std::string_view text, CalendarRule& rule) {
    for (auto item : split(text, ',')) {
        auto dots = item.find("..");
        int from = weekday_named(item.substr(0, dots));
        int to = dots == std::string_view::npos ? from : weekday_named(item.substr(dots + 2));
        if (from < 0 || to < 0)
            return fail(
                "{} is no day of the week; allowed: Mon, Tue, Wed, Thu, Fri, Sat, Sun, a list "
                "Mon,Wed or a range Mon..Fri",
                shown(item));
        for (int day = from;; day = (day + 1) % 7) { // Sat..Mon goes round
            rule.weekdays.set(static_cast<std::size_t>(day));
            if (day == to) break;
        }
    }
    return {};
}

// `least` is the number of the first bit.
template <std::size_t N>
Result<void> read_numbers(std::string_view text, std::string_view what, int least,
                          std::bitset<N>& set) {
    int most = least + static_cast<int>(N) - 1;
    auto number = [&](std::string_view digits) -> Result<int> {
        auto value = digits.size() <= 4 ? parse_unsigned(digits) : std::nullopt;
        if (!value || static_cast<int>(*value) < least || static_cast<int>(*value) > most)
            return fail("{} is no {}; allowed: *, {}..{}, a list 1,2, a range 1..5 or steps */2",
                        shown(digits), what, least, most);
        return static_cast<int>(*value);
    };
    for (auto item : split(text, ',')) {
        auto slash = item.find('/');
        auto range = item.substr(0, slash);
        int step = 1;
        if (slash != std::string_view::npos) {
            auto value =
                item.size() - slash <= 5 ? parse_unsigned(item.substr(slash + 1)) : std::nullopt;
            if (!value || *value == 0)
                return fail("{} is no step; allowed: a number from 1",
                            shown(item.substr(slash + 1)));
            step = static_cast<int>(*value);
        }
        int from = least, to = most;
        if (range != "*") {
            auto dots = range.find("..");
            auto first = number(range.substr(0, dots));
            if (!first) return std::unexpected(first.error());
            from = *first;
            if (dots != std::string_view::npos) {
                auto last = number(range.substr(dots + 2));
                if (!last) return std::unexpected(last.error());
                to = *last;
                if (to < from)
                    return fail("the range {} is empty; write it the other way round, or as two",
                                shown(range));
            } else if (slash == std::string_view::npos) {
                to = from;
            }
        }
        for (int value = from; value <= to; value += step)
            set.set(static_cast<std::size_t>(value - least));
    }
    return {};
}

Result<void> read_date(std::string_view text, CalendarRule& rule) {
    auto tilde = text.rfind('~');
    rule.from_end = tilde != std::string_view::npos;
    auto last = rule.from_end ? tilde : text.rfind('-');
    auto day = text.substr(last + 1);
    auto rest = text.substr(0, last); // YEAR-MONTH or MONTH
    auto dash = rest.find('-');
    auto year = dash == std::string_view::npos ? std::string_view("*") : rest.substr(0, dash);
    auto month = dash == std::string_view::npos ? rest : rest.substr(dash + 1);
    if (auto done = read_numbers(year, "year", CalendarRule::kFirstYear, rule.years); !done)
        return done;
    if (auto done = read_numbers(month, "month", 1, rule.months); !done) return done;
    return read_numbers(day, "day of the month", 1, rule.days);
}

Result<void> read_time(std::string_view text, CalendarRule& rule) {
    auto parts = split(text, ':');
    if (parts.size() > 3)
        return fail("{} is no time; allowed: HOUR:MINUTE or HOUR:MINUTE:SECOND", shown(text));
    if (auto done = read_numbers(parts[0], "hour", 0, rule.hours); !done) return done;
    if (auto done = read_numbers(parts[1], "minute", 0, rule.minutes); !done) return done;
    return read_numbers(parts.size() == 3 ? parts[2] : "0", "second", 0, rule.seconds);
}

Result<CalendarRule> read_rule(std::string_view text) {
    std::vector<std::string_view> names;
    for (const auto& word : kWords) {
        names.push_back(word.name);
        if (lower(text) == word.name) return read_rule(word.means);
    }
    CalendarRule rule;
    auto parts = split(text, ' ', true);
    auto part = parts.begin();
    if (parts.empty())
        return fail("there is nothing in it; write for example daily or Mon..Fri 03:00");
    if (part != parts.end() && is_weekdays(*part) && lower(*part) != "utc") {
        auto near = closest_word(lower(text), names);
        if (parts.size() == 1 && !near.empty() && weekday_named(part->substr(0, 3)) < 0)
            return fail("{} is not known; did you mean {}?", shown(text), near);
        if (auto done = read_weekdays(*part++, rule); !done) return std::unexpected(done.error());
    } else {
        rule.weekdays.set();
    }
    bool dated = part != parts.end() && part->find(':') == std::string_view::npos &&
                 part->find_first_of("-~") != std::string_view::npos;
    if (dated) {
        if (auto done = read_date(*part++, rule); !done) return std::unexpected(done.error());
    } else {
        rule.years.set(), rule.months.set(), rule.days.set();
    }
    if (part != parts.end() && part->find(':') != std::string_view::npos) {
        if (auto done = read_time(*part++, rule); !done) return std::unexpected(done.error());
    } else {
        rule.hours.set(0), rule.minutes.set(0), rule.seconds.set(0);
    }
    if (part != parts.begin() && part != parts.end() && lower(*part) == "utc")
        rule.utc = true, ++part;
    if (part != parts.end())
        return fail("{} is not understood; allowed: [WEEKDAYS] [YEAR-MONTH-DAY] "
                    "[HOUR:MINUTE[:SECOND]] [UTC], "
                    "for example Mon..Fri 03:00 or *-*-1 04:30",
                    shown(*part));
    if (!match_from(rule, 0)) return fail("{} never comes; look at day and month", shown(text));
    return rule;
}

} // namespace

Result<Calendar> parse_calendar(std::string_view text) {
    if (text.size() > kMaxCalendarText) return fail("it is longer than {} bytes", kMaxCalendarText);
    Calendar calendar;
    calendar.text = trim(text);
    for (auto piece : split(calendar.text, ';')) {
        auto rule = read_rule(piece);
        if (!rule) return std::unexpected(rule.error());
        if (calendar.rules.size() == kMaxCalendarRules)
            return fail("more than {} expressions; a list such as 8,12,18:00 may do",
                        kMaxCalendarRules);
        calendar.rules.push_back(std::move(*rule));
    }
    return calendar;
}

std::optional<std::int64_t> next_time(const Calendar& calendar, std::int64_t after,
                                      const ZoneOffset& offset) {
    std::optional<std::int64_t> first;
    for (const auto& rule : calendar.rules)
        if (auto next = next_of(rule, after, offset))
            first = std::min(first.value_or(*next), *next);
    return first;
}

ZoneOffset machine_zone() {
    ::tzset();
    return [](std::int64_t instant) -> std::int64_t {
        auto when = static_cast<std::time_t>(instant);
        std::tm local{};
        return ::localtime_r(&when, &local) != nullptr ? local.tm_gmtoff : 0;
    };
}

} // namespace leash
