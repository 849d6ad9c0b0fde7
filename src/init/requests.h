// SPDX-License-Identifier: MIT
// Answers the verbs of the control protocol: at once, when a state has been reached, or by a worker
// where /proc has to be read.
#pragma once

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "control/protocol.h"
#include "control/render.h"
#include "control/server.h"
#include "init/core_loop.h"
#include "init/final_stage.h"
#include "init/workers.h"
#include "plugin/host.h"
#include "service/machine_trouble.h"
#include "service/manager.h"

namespace leash {

// What a reload has found.
struct ReloadReport {
    struct Change {
        std::string what; // new, changed, kept, gone, refused
        std::string service, text;
    };
    bool failed = false; // something has errors
    std::vector<std::string> complaints;
    std::vector<Change> changes;
};

struct RequestHooks {
    std::function<control::SystemView()> system;
    std::function<Result<void>(EndKind, bool force, const std::string& who)> end_machine;
    // Executes init anew; calls back right before, or with the reason why not.
    std::function<void(std::function<void(const Result<void>&)>)> reexec;
    // Reads the configuration again.
    std::function<void(std::function<void(const ReloadReport&)>)> reload;
    // Makes a scope of the process that asks.
    std::function<Result<StartId>(const std::string& name, pid_t pid, int client)> scope;
    // Fills in what only the owner of its descriptors knows of a service.
    std::function<void(ServiceView&)> tell_of_notify = [](ServiceView&) {};
    std::function<Result<void>(const std::string& target, const std::string& why)> target{};
    // user:NAME, and which of them are set.
    std::function<Result<void>(const std::string& name, bool holds)> set_condition{};
    std::function<std::set<std::string>()> user_conditions{};
    // The files that mask services, by service.
    std::function<const std::map<std::string, std::string>&()> masked = {};
    // Makes an instance of a template; calls back when it is there, or with the reason why not.
    // False: there is no such template.
    std::function<bool(const std::string& name, std::function<void(const Result<void>&)>)>
        instance = {};
    std::function<Result<PluginAnswer>(const std::string& plugin, const PluginCommand&)> plugin = {};
    std::function<std::vector<MachineTroubles::View>()> machine_troubles = {};
    // Stops all tasks of a service, or lets them go on.
    std::function<Result<void>(const std::string& name, bool frozen, const std::string& who)>
        freeze = {};
    std::function<bool(const std::string& name)> is_frozen = [](const std::string&) { return false; };
};

class Requests {
  public:
    Requests(Manager& manager, CoreLoop& core, Workers& workers, RequestHooks hooks);
    ~Requests();

    void handle(const control::Request& request, std::shared_ptr<control::Reply> reply);
    // After every batch of events: ends the replies whose state has been reached.
    void settle();
    // Somebody has: those who wait for another one need not any more.
    void target_asked(const std::string& target);
    // Ends the replies of those who have asked for that target.
    void target_settled(const std::string& target, int failed);

  private:
    struct Waiting; // a start, stop or restart whose outcome is not known yet
    enum class Outcome { open, good, bad };

    void list(bool all, control::Reply& reply);
    void troubles(control::Reply& reply);
    [[nodiscard]] std::string masked_by(const std::string& name) const; // the file; "": none does
    // False: it was answered, or will be when an instance has been made.
    bool all_known(const control::Request& request, const std::shared_ptr<control::Reply>& reply);
    void change(const control::Request& request, std::shared_ptr<control::Reply> reply);
    void freeze(const control::Request& request, control::Reply& reply);
    void target(const control::Request& request, std::shared_ptr<control::Reply> reply);
    void conditions(const control::Request& request, std::shared_ptr<control::Reply> reply);
    void plugin(const control::Request& request, control::Reply& reply);
    void scope(const control::Request& request, std::shared_ptr<control::Reply> reply);
    void status(const control::Request& request, std::shared_ptr<control::Reply> reply);
    void tasks(bool threads, const std::string& only_service, std::shared_ptr<control::Reply> reply);
    [[nodiscard]] Outcome outcome_of(const Waiting& waiting, std::size_t item,
                                     const ServiceView& view) const;

    Manager& manager_;
    CoreLoop& core_;
    Workers& workers_;
    RequestHooks hooks_;
    std::list<Waiting> waiting_;
    std::list<std::shared_ptr<control::Reply>> waiting_for_system_;
    struct Entering {
        std::string target;
        std::shared_ptr<control::Reply> reply;
    };
    std::list<Entering> entering_;
};

} // namespace leash
