// SPDX-License-Identifier: MIT
#include "service/machine_trouble.h"

#include <algorithm>
#include <type_traits>

#include "base/fixed_text.h"
#include "base/text.h"

namespace leash {
namespace {

static_assert(std::is_trivially_copyable_v<MachineTroubleRecord>);

bool of_a_machine(StepKind kind) {
    switch (kind) {
    case StepKind::report:
    case StepKind::exec:
    case StepKind::safe:
    case StepKind::reboot:
    case StepKind::poweroff:
    case StepKind::halt: return true;
    default: return false;
    }
}

std::unexpected<MachineTroubles::Refused> refuse(MachineTroubles::Refusal why, std::string text) {
    return std::unexpected(MachineTroubles::Refused{why, std::move(text)});
}

bool is_name(std::string_view text, std::size_t most) {
    return !text.empty() && text.size() <= most && printable(text) == text;
}

} // namespace

Result<Policy> parse_machine_policy(std::string_view text) {
    auto policy = parse_policy(text);
    if (!policy) return policy;
    for (std::size_t i = 0; i < policy->size(); ++i) {
        const auto& step = (*policy)[i];
        if (!of_a_machine(step.kind))
            return fail("step {}: '{}' needs a service, and this is trouble of the machine: use report, "
                        "exec:COMMAND, safe, reboot, poweroff, halt",
                        i + 1, to_string(step.kind));
        if (step.at_percent)
            return fail("step {}: 'at {}%' means nothing here: the trouble has no level", i + 1,
                        *step.at_percent);
    }
    return policy;
}

MachineTroubles::Trouble* MachineTroubles::find(std::string_view source, std::string_view kind) {
    auto found = std::ranges::find_if(
        troubles_, [&](const Trouble& t) { return t.source == source && t.kind == kind; });
    return found == troubles_.end() ? nullptr : &*found;
}

// Null: all of them stand.
MachineTroubles::Trouble* MachineTroubles::place_for_another() {
    if (auto* free = find("", "")) return free;
    if (troubles_.size() < kMost) return &troubles_.emplace_back();
    Trouble* oldest = nullptr;
    for (auto& trouble : troubles_)
        if (!trouble.standing && (!oldest || trouble.heard < oldest->heard)) oldest = &trouble;
    return oldest;
}

MachineAnswer MachineTroubles::answer(Trouble& trouble, std::size_t from, bool waited, Ms now) {
    trouble.before = trouble.budgets;
    auto next = next_steps(trouble.policy, from, waited, trouble.budgets, 0, now);
    trouble.next = next.next;
    trouble.due = next.due;
    trouble.changed = true;
    return {trouble.source, trouble.kind, trouble.evidence, trouble.policy, std::move(next)};
}

MachineTroubles::Seen MachineTroubles::seen(std::string_view source, std::string_view kind,
                                            std::string_view policy, std::string_view evidence, Ms now) {
    if (!is_name(source, kMostSource))
        return refuse(Refusal::invalid,
                      fmt::format("a source has 1 to {} printable characters", kMostSource));
    if (!is_name(kind, kMostKind) || kind.find(' ') != std::string_view::npos)
        return refuse(Refusal::invalid, fmt::format("a kind is a word of at most {} bytes", kMostKind));
    auto* trouble = find(source, kind);
    if (trouble) trouble->heard = now;
    if (trouble && trouble->standing) return std::nullopt;
    if (policy.size() > kMostPolicy)
        return refuse(Refusal::invalid, fmt::format("the policy is longer than {} bytes", kMostPolicy));
    auto steps = parse_machine_policy(policy);
    if (!steps) return refuse(Refusal::invalid, steps.error().text);
    if (!trouble) {
        trouble = place_for_another();
        if (!trouble)
            return refuse(Refusal::full,
                          fmt::format("{} troubles stand already, which is the most", kMost));
        *trouble = Trouble{};
        trouble->source = source;
        trouble->kind = kind;
    }
    if (trouble->policy_text != policy) trouble->budgets.clear(); // they count steps by their number
    trouble->policy_text = policy;
    trouble->policy = std::move(*steps);
    trouble->evidence = printable(evidence);
    trouble->heard = trouble->since = now;
    trouble->standing = true;
    trouble->retry = kFirstRetry;
    return answer(*trouble, 0, false, now);
}

bool MachineTroubles::over(std::string_view source, std::string_view kind) {
    auto* trouble = source.empty() ? nullptr : find(source, kind);
    if (!trouble || !trouble->standing) return false;
    trouble->standing = false;
    trouble->next.reset();
    trouble->changed = true;
    return true;
}

void MachineTroubles::refused(std::string_view source, std::string_view kind, StepKind end, Ms now) {
    auto* trouble = find(source, kind);
    if (!trouble || !trouble->standing) return;
    auto step = std::ranges::find(trouble->policy, end, &Step::kind);
    if (step == trouble->policy.end()) return;
    trouble->budgets = trouble->before;
    trouble->next = static_cast<std::size_t>(step - trouble->policy.begin());
    trouble->due = now + trouble->retry;
    trouble->retry = std::min(trouble->retry * 2, kLongestRetry);
    trouble->changed = true;
}

std::vector<MachineAnswer> MachineTroubles::tick(Ms now) {
    std::vector<MachineAnswer> answers;
    for (auto& trouble : troubles_)
        if (trouble.next && trouble.due <= now)
            answers.push_back(answer(trouble, *trouble.next, true, now));
    return answers;
}

std::optional<Ms> MachineTroubles::next_deadline() const {
    std::optional<Ms> first;
    for (const auto& trouble : troubles_)
        if (trouble.next && (!first || trouble.due < *first)) first = trouble.due;
    return first;
}

std::size_t MachineTroubles::standing() const {
    return static_cast<std::size_t>(std::ranges::count(troubles_, true, &Trouble::standing));
}

std::vector<MachineTroubles::View> MachineTroubles::views() const {
    std::vector<View> views;
    for (const auto& trouble : troubles_) {
        if (!trouble.standing) continue;
        View view{trouble.source, trouble.kind, trouble.evidence, trouble.since, "", Ms{0}};
        if (trouble.next) {
            auto step = trouble.policy[*trouble.next];
            step.after = Ms{0};
            view.next = to_string(step);
            view.due = trouble.due;
        }
        views.push_back(std::move(view));
    }
    return views;
}

// ---- for the next life ---------------------------------------------------------------------------

std::vector<std::size_t> MachineTroubles::take_changed() {
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < troubles_.size(); ++i)
        if (std::exchange(troubles_[i].changed, false)) places.push_back(i);
    return places;
}

MachineTroubleRecord MachineTroubles::record(std::size_t place) const {
    MachineTroubleRecord record{};
    if (place >= troubles_.size()) return record;
    const auto& trouble = troubles_[place];
    put_text(record.source, trouble.source);
    put_text(record.kind, trouble.kind);
    put_text(record.policy, trouble.policy_text);
    put_text(record.evidence, trouble.evidence);
    record.due = trouble.due.count();
    record.since = trouble.since.count();
    record.standing = trouble.standing;
    record.pending = trouble.next.has_value();
    record.next = static_cast<std::uint32_t>(trouble.next.value_or(0));
    for (const auto& use : trouble.budgets.newest(MachineTroubleRecord::kBudgets))
        record.budgets[record.budgets_used++] = use;
    return record;
}

void MachineTroubles::restore(std::size_t place, const MachineTroubleRecord& record, Ms not_before) {
    Trouble trouble;
    trouble.source = get_text(record.source);
    trouble.kind = get_text(record.kind);
    trouble.policy_text = get_text(record.policy);
    trouble.evidence = get_text(record.evidence);
    auto policy = parse_machine_policy(trouble.policy_text);
    if (place >= kMost || !policy || !is_name(trouble.source, kMostSource) ||
        !is_name(trouble.kind, kMostKind) || find(trouble.source, trouble.kind))
        return;
    trouble.policy = std::move(*policy);
    trouble.standing = record.standing != 0;
    trouble.since = Ms{record.since};
    if (trouble.standing && record.pending != 0 && record.next < trouble.policy.size()) {
        trouble.next = record.next;
        trouble.due = std::max(Ms{record.due}, not_before);
    }
    for (std::uint32_t i = 0; i < std::min<std::size_t>(record.budgets_used, record.kBudgets); ++i)
        trouble.budgets.restore(record.budgets[i]);
    if (troubles_.size() <= place) troubles_.resize(place + 1);
    troubles_[place] = std::move(trouble);
}

} // namespace leash
