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

void check_tree(const std::string& etc, const std::string& root, Findings& findings) {
    auto tree = read_config_tree(etc);
    findings.services += static_cast<std::size_t>(std::ranges::count_if(
        tree, [](const SourceFile& file) { return !service_name_of(file.path).empty() &&
                                                  file.path != "init.conf"; }));
    check(tree, root, "", [&](const std::string& file) { return etc + "/" + file; }, findings);
}

// A file alone has a meaning only among its neighbours: those beside it if it lies in a services.d,
// else those of the installed tree.
void check_file(const std::string& given, const std::string& root, const std::string& installed,
                Findings& findings) {
    fs::path path(given);
    auto folder = fs::absolute(path).parent_path();
    bool is_init_conf = path.filename() == "init.conf";
    auto own_path = is_init_conf ? std::string("init.conf")
                                 : "services.d/" + path.filename().string();
    std::vector<SourceFile> tree;
    if (is_init_conf) {
        tree.push_back(read_config_file(given, own_path));
    } else {
        bool at_home = folder.filename() == "services.d";
        tree = read_config_tree(at_home ? folder.parent_path().string() : installed);
        std::erase_if(tree, [&](const SourceFile& file) { return file.path == own_path; });
        tree.push_back(read_config_file(given, own_path));
        ++findings.services;
        if (service_name_of(own_path).empty()) {
            findings.complaints.push_back({Complaint::Severity::error, given, 0, "",
                                           "not the name of a service's file",
                                           "it must end with .conf"});
            return;
        }
    }
    check(tree, root, own_path, [&](const std::string&) { return given; }, findings);
}

std::string plural(std::size_t count, std::string_view word) {
    return fmt::format("{} {}{}", count, word, count == 1 ? "" : "s");
}

} // namespace

int run_verify(const Command&, const Options& options, const Session& session) {
    std::string root = options.root.empty() ? "/" : options.root;
    std::string installed = options.root.empty() ? session.etc : options.root + session.etc;
    Findings findings;
    if (options.words.empty()) check_tree(installed, root, findings);
    for (const auto& word : options.words) {
        std::error_code ignored;
        if (fs::is_directory(word, ignored)) check_tree(word, root, findings);
        else check_file(word, root, installed, findings);
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
