// SPDX-License-Identifier: MIT
// `initctl verify`: what init would say about the configuration, without init.
#include <algorithm>
#include <filesystem>

#include "base/json.h"
#include "base/text.h"
#include "config/files.h"
#include "config/host_check.h"
#include "config/load.h"
#include "control/protocol.h"
#include "initctl/commands.h"

namespace leash::initctl {
namespace {

namespace fs = std::filesystem;

struct Findings {
    std::vector<Complaint> complaints;
    std::size_t services = 0; // looked at, good or not
};

std::string as_json(const Complaint& complaint) {
    JsonWriter json;
    json.begin_object();
    json.key("file").string(complaint.file);
    json.key("line").number(complaint.line);
    json.key("key").string(complaint.key);
    json.key("severity").string(complaint.severity == Complaint::Severity::error ? "error"
                                                                                 : "warning");
    json.key("text").string(complaint.text);
    json.key("hint").string(complaint.hint);
    json.end_object();
    return json.text();
}

// All complaints about a tree; with `only`, those about that one file of it.
void check(const std::vector<SourceFile>& tree, const std::string& root, const std::string& only,
           const std::function<std::string(const std::string&)>& shown, Findings& findings) {
    auto catalog = load(tree);
    auto all = catalog.complaints;
    std::ranges::move(check_programs(catalog, root), std::back_inserter(all));
    for (auto& complaint : all) {
        if (!only.empty() && complaint.file != only) continue;
        complaint.file = shown(complaint.file);
        findings.complaints.push_back(std::move(complaint));
    }
}

std::size_t services_in(const std::vector<SourceFile>& tree) {
    std::size_t count = 0;
    for (std::size_t i = 1; i < tree.size(); ++i) // after init.conf
        count += !service_name_of(tree[i].path).empty() && drop_in_owner(tree[i].path).empty();
    return count;
}

void check_machine(const std::string& config_root, const std::string& root, Findings& findings) {
    auto tree = read_config_layers(config_layers(config_root));
    findings.services += services_in(tree);
    check(tree, root, "", [&](const std::string& file) { return config_root + file; }, findings);
}

void check_tree(const std::string& folder, const std::string& root, Findings& findings) {
    auto tree = read_config_tree(folder);
    findings.services += services_in(tree);
    check(tree, root, "", [&](const std::string& file) { return folder + "/" + file; }, findings);
}

// A file alone has a meaning only among its neighbours: those beside it if it lies in a services.d,
// with the other layers if that is one of theirs; else those of the installed tree.
void check_file(const std::string& given, const std::string& root, const std::string& config_root,
                Findings& findings) {
    auto path = fs::absolute(given).lexically_normal();
    auto file_name = path.filename();
    auto folder = path.parent_path();
    std::string owner(drop_in_owner(path.string()));
    auto name = owner.empty() ? file_name : fs::path(owner + ".conf.d") / file_name;
    if (!owner.empty()) folder = folder.parent_path();
    bool at_home = folder.filename() == "services.d";
    bool of_init = !at_home && (owner == "init" || (owner.empty() && file_name == "init.conf"));
    auto own_path = of_init ? name.string() : "services.d/" + name.string();
    auto file = read_config_file(given, own_path);
    std::vector<SourceFile> tree;
    if (of_init && owner.empty()) {
        tree.push_back(std::move(file));
    } else {
        auto base = of_init ? folder : folder.parent_path();
        auto layers = config_layers(config_root);
        bool installed = std::ranges::any_of(layers, [&](const ConfigLayer& layer) {
            return fs::absolute(layer.folder).lexically_normal() == base;
        });
        bool alone = (at_home || of_init) && !installed;
        tree = alone ? read_config_tree(base.string()) : read_config_layers(layers);
        std::erase_if(tree, [&](const SourceFile& other) {
            return other.path == own_path || other.path.ends_with("/" + own_path);
        });
        // Drop-ins follow what they change, in the order of their names.
        auto after = std::ranges::find_if(tree, [&](const SourceFile& other) {
            return !owner.empty() && drop_in_owner(other.path) == owner &&
                   fs::path(other.path).filename() > file_name;
        });
        tree.insert(after, std::move(file));
        if (owner.empty()) ++findings.services;
    }
    if (service_name_of(own_path).empty()) {
        findings.complaints.push_back({Complaint::Severity::error, given, 0, "",
                                       "not the name of a service's file", "it must end with .conf"});
        return;
    }
    check(tree, root, own_path, [&](const std::string&) { return given; }, findings);
}

std::string plural(std::size_t count, std::string_view word) {
    return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

} // namespace

int run_verify(const Command&, const Options& options, const Session& session) {
    std::string root = options.root.empty() ? "/" : options.root;
    std::string config_root = options.root.empty() ? session.config_root : options.root;
    if (config_root.ends_with('/')) config_root.pop_back();
    Findings findings;
    if (options.words.empty()) check_machine(config_root, root, findings);
    for (const auto& word : options.words) {
        std::error_code ignored;
        if (fs::is_directory(word, ignored)) check_tree(word, root, findings);
        else check_file(word, root, config_root, findings);
    }
    const auto& all = findings.complaints;
    auto errors = static_cast<std::size_t>(std::ranges::count(
        all, Complaint::Severity::error, &Complaint::severity));
    if (options.json) {
        std::vector<std::string> objects;
        for (const auto& complaint : all) objects.push_back(as_json(complaint));
        session.print("[{}]", join(objects, ",\n"));
    } else {
        for (const auto& complaint : all) session.print("{}", format(complaint));
        session.print("{}: {}, {}", plural(findings.services, "service"), plural(errors, "error"),
                      plural(all.size() - errors, "warning"));
    }
    return errors > 0 ? control::status::failed : control::status::done;
}

} // namespace leash::initctl
