// SPDX-License-Identifier: MIT
#include "service/manager_impl.h"

namespace leash {

Manager::Manager(std::function<StartId()> new_start_id) : impl_(std::make_unique<Impl>()) {
    impl_->new_start_id = std::move(new_start_id);
}
Manager::~Manager() = default;

void Manager::define(ServiceSettings settings) {
    // What it waits for, or who waits for it, may have changed: by links that go, and by new ones.
    auto look_again = [this](Node& node) {
        impl_->enqueue(node);
        for (const auto* links : {&node.later, &node.earlier})
            for (const auto& link : *links) impl_->enqueue(*link.node);
        for (const auto& rival : node.rivals) impl_->enqueue(*rival.node);
    };
    if (auto* known = impl_->roster.find(settings.name)) look_again(*known);
    Node& node = impl_->roster.define(std::move(settings));
    impl_->note(node);
    look_again(node);
}

bool Manager::forget(std::string_view name) {
    auto* node = impl_->roster.find(name);
    if (!node || node->service.alive()) return false;
    impl_->forget(*node);
    return true;
}

const Life* Manager::life(std::string_view name) const {
    auto* node = impl_->roster.find(name);
    return node ? &node->service.life() : nullptr;
}

void Manager::resume(std::string_view name, const Life& life, const ServiceSettings* in_force) {
    auto* node = impl_->roster.find(name);
    if (!node) return;
    node->service.resume(life, in_force);
    impl_->note(*node);
    impl_->failed.clear(); // the earlier life has answered that
    impl_->changed.clear();
}

Actions Manager::handle(const Event& event, Ms now) {
    Actions out;
    Turn turn{now, out, impl_->shutting_down};
    std::visit([&](const auto& each) { impl_->on(turn, each); }, event);
    impl_->settle(turn);
    impl_->report(turn);
    return out;
}

std::vector<std::string> Manager::take_changed() {
    auto changed = std::exchange(impl_->changed, {});
    return {changed.begin(), changed.end()};
}

std::optional<Ms> Manager::next_deadline() const {
    Ms first = impl_->shutdown_deadline;
    if (!impl_->deadlines.empty()) first = std::min(first, impl_->deadlines.begin()->first);
    if (!impl_->queue.empty()) first = Ms{0}; // define() or forget() left something to settle
    return first == kNever ? std::nullopt : std::optional(first);
}

void Manager::shift_deadlines(Ms by) {
    if (impl_->shutdown_deadline != kNever) impl_->shutdown_deadline += by;
    for (auto* node : impl_->roster.all()) {
        node->service.shift_deadlines(by);
        impl_->note(*node);
    }
    impl_->changed.clear();
}

std::vector<std::string> Manager::names() const {
    std::vector<std::string> names;
    for (const auto* node : impl_->roster.all()) names.push_back(node->service.name());
    return names;
}

std::optional<ServiceView> Manager::view(std::string_view name) const {
    const auto* node = impl_->roster.find(name);
    if (!node) return std::nullopt;
    return view_of(*node, impl_->facts);
}

const ServiceSettings* Manager::settings(std::string_view name) const {
    const auto* node = impl_->roster.find(name);
    return node ? &node->service.settings() : nullptr;
}

const ServiceSettings* Manager::settings_of(StartId start) const {
    auto found = impl_->starts.find(start);
    return found == impl_->starts.end() ? nullptr : &found->second->service.in_force();
}

std::string Manager::service_of(StartId start) const {
    auto found = impl_->starts.find(start);
    return found == impl_->starts.end() ? "" : found->second->service.name();
}

Manager::Cause Manager::cause_of(std::string_view name) const {
    const auto* node = impl_->roster.find(name);
    return node ? Cause{*node->troubled, *node->trouble} : Cause{};
}

std::vector<std::string> Manager::conditions() const {
    std::set<std::string> facts;
    for (const auto* node : impl_->roster.all())
        for (const auto* settings : {&node->service.settings(), &node->service.in_force()})
            for (const auto& condition : settings->conditions) facts.insert(condition.fact());
    return {facts.begin(), facts.end()};
}

std::optional<bool> Manager::holds(const std::string& condition) const {
    auto parsed = parse_condition(condition);
    return parsed ? impl_->facts.holds(*parsed) : std::nullopt;
}

std::vector<std::string> Manager::dependants(std::string_view name) const {
    std::vector<std::string> names;
    if (auto* node = impl_->roster.find(name))
        for (const auto* dependant : Roster::dependants(*node))
            if (to_be_stopped(*dependant)) names.push_back(dependant->service.name());
    return names;
}

} // namespace leash
