// SPDX-License-Identifier: MIT
#include "config/load.h"

#include "base/tag.h"
#include "base/text.h"
#include "config/apply.h"
#include "config/load_init.h"
#include "config/service_rules.h"
#include "service/graph.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include <fmt/format.h>

namespace leash {
namespace {

// What describes a service, or a template.
struct Sources {
    const SourceFile* file = nullptr;
    std::vector<const SourceFile*> drop_ins;
};

// Every key that there is is asked for in every service, and a file sets few: most are told apart by a
// bit that none of those has.
class KeyMarks {
  public:
    template <class Map> explicit KeyMarks(const Map& keys) {
        for (const auto& [key, value] : keys) marks_ |= mark_of(key);
    }
    [[nodiscard]] bool may_have(std::string_view key) const { return (marks_ & mark_of(key)) != 0; }

  private:
    static std::uint64_t mark_of(std::string_view key) {
        if (key.empty()) return 1;
        auto first = static_cast<unsigned char>(key.front());
        auto last = static_cast<unsigned char>(key.back());
        return std::uint64_t{1} << ((key.size() * 11 + first * 3U + last) % 64);
    }
    std::uint64_t marks_ = 0;
};

class Loader {
  public:
    explicit Loader(const std::vector<SourceFile>& tree) : tree_(tree) {}

    Catalog run(const std::vector<std::string>& wanted) {
        sort_out();
        defaults_ =
            read_init_conf(tree_.empty() ? nullptr : &tree_.front(), init_drop_ins_, catalog_);
        for (const auto* file : service_files_)
            read_service(*file);
        for (const auto& [name, sources] : templates_)
            try_template(name);
        make_instances(wanted);
        for (const auto& [name, sources] : drop_ins_)
            check_owner(name, sources);
        check_dependencies();
        check_sockets();
        return std::move(catalog_);
    }

  private:
    void sort_out() {
        for (std::size_t i = 1; i < tree_.size(); ++i) {
            auto owner = drop_in_owner(tree_[i].path);
            if (owner.empty())
                service_files_.push_back(&tree_[i]);
            else if (tree_[i].path.find("services.d/") == std::string::npos)
                init_drop_ins_.push_back(&tree_[i]);
            else
                drop_ins_[std::string(owner)].push_back(&tree_[i]);
        }
    }

    // ---- services -------------------------------------------------------------------------------

    void read_service(const SourceFile& file) {
        FileComplaints complaints(catalog_.complaints, file.path);
        std::string name(service_name_of(file.path));
        if (name.empty()) { // the folder itself, say
            complaints.error(0, "",
                             file.error.empty() ? "is not a file NAME.conf"
                                                : fmt::format("cannot be read: {}", file.error));
            return;
        }
        if (!check_name(name, file.path, complaints)) return;

        if (file.error.empty() && file.text.empty())
            catalog_.masked.emplace(std::move(name), file.path);
        else if (is_template(name))
            templates_.emplace(std::move(name), &file);
        else
            build(name, &file);
    }

    // From a file of its own, or from that of its template; then the drop-ins of the template and
    // its own ones.
    void build(const std::string& name, const SourceFile* own) {
        std::string kind(template_of(name));
        auto known = templates_.find(kind);
        bool from_template = own == nullptr;
        Sources sources{from_template ? known->second : own, {}};
        auto add = [&](const std::string& owner) {
            if (auto found = drop_ins_.find(owner); found != drop_ins_.end())
                sources.drop_ins.insert(sources.drop_ins.end(), found->second.begin(),
                                        found->second.end());
        };
        if (!kind.empty()) add(kind);
        auto of_template = sources.drop_ins.size();
        add(name);

        ServiceSettings settings;
        settings.name = name;
        settings.file = sources.file->path;
        paths_.try_emplace(name, settings.file);
        if (from_template) catalog_.from_template.insert(name);
        auto told_before = catalog_.complaints.size();
        bool good =
            parse_service(sources, settings, from_template ? of_template : 0, from_template);
        if (from_template) tell_once(told_before);
        if (!good) {
            catalog_.left_out.insert(name);
            return;
        }
        for (const auto& list : kNameLists)
            for (const auto& other : settings.*list.names)
                if (list.makes && !template_of(other).empty()) to_make_.push_back(other);
        catalog_.services.emplace(name, std::move(settings));
    }

    // What is wrong with a template is said once, not by each instance.
    void tell_once(std::size_t from) {
        auto& all = catalog_.complaints;
        all.erase(std::remove_if(all.begin() + static_cast<std::ptrdiff_t>(from), all.end(),
                                 [this](const Complaint& each) {
                                     return !told_of_templates_.insert(format(each)).second;
                                 }),
                  all.end());
    }

    void try_template(const std::string& name) {
        Sources sources{templates_.at(name), {}};
        if (auto found = drop_ins_.find(name); found != drop_ins_.end())
            sources.drop_ins = found->second;
        ServiceSettings trial;
        trial.name = name + std::string(kTrialInstance);
        trial.file = sources.file->path;
        auto told_before = catalog_.complaints.size();
        bool good = parse_service(sources, trial, 0, false);
        tell_once(told_before);
        if (good) catalog_.templates.emplace(name, std::move(trial));
        catalog_.files[name] = std::move(catalog_.files[name + std::string(kTrialInstance)]);
        catalog_.files.erase(name + std::string(kTrialInstance));
    }

    void make_instances(const std::vector<std::string>& wanted) {
        for (const auto& [name, drop_ins] : drop_ins_)
            to_make_.push_back(name);
        to_make_.insert(to_make_.end(), wanted.begin(), wanted.end());
        while (!to_make_.empty()) {
            auto name = std::move(to_make_.back());
            to_make_.pop_back();
            bool known = catalog_.services.contains(name) || catalog_.left_out.contains(name) ||
                         catalog_.masked.contains(name);
            if (known || !valid_service_name(name) ||
                !templates_.contains(std::string(template_of(name))))
                continue;
            // A template may name two instances of itself, and these two more each.
            if (catalog_.services.size() >= kMaxConfigFiles) {
                catalog_.complaints.push_back(
                    {Complaint::Severity::error,
                     templates_.at(std::string(template_of(name)))->path, 0, "",
                     fmt::format("the instance {} is one too many: {} services are allowed", name,
                                 kMaxConfigFiles),
                     "look for a template that names itself"});
                return;
            }
            build(name, nullptr);
        }
    }

    void check_owner(const std::string& name, const std::vector<const SourceFile*>& drop_ins) {
        bool known = catalog_.services.contains(name) || catalog_.left_out.contains(name) ||
                     catalog_.masked.contains(name) || templates_.contains(name);
        if (known) return;
        catalog_.complaints.push_back(
            {Complaint::Severity::warning, drop_ins.front()->path, 0, "",
             fmt::format("there is no service {}, and so nothing that this could change", name),
             fmt::format("add {}.conf, or remove it", name)});
    }

    bool check_name(const std::string& name, const std::string& path, FileComplaints& complaints) {
        if (!valid_service_name(name)) {
            complaints.error(0, "",
                             fmt::format("{} is not a service's name; allowed: 1 to {} of letters, "
                                         "digits and . _ @ -",
                                         quote(name), kMaxServiceName),
                             "rename the file");
            return false;
        }
        if (name == "@" || name.starts_with("@")) {
            complaints.error(0, "", fmt::format("{} has nothing before its @", quote(name)),
                             "rename the file");
            return false;
        }
        // A service's name becomes the name of its cgroup, beside the kernel's own files there.
        for (std::string_view taken : {"default", "rescue", "rescue-console", "init"})
            if (name == taken) {
                complaints.error(0, "", fmt::format("the name {} is taken by Leash itself", name),
                                 "rename the file");
                return false;
            }
        for (std::string_view kernel : {"cgroup.", "cpu.", "cpuset.", "io.", "memory.", "pids.",
                                        "hugetlb.", "rdma.", "misc."})
            if (name.starts_with(kernel)) {
                complaints.error(0, "",
                                 fmt::format("names that begin with {} are taken by the "
                                             "kernel's files in cgroups",
                                             kernel),
                                 "rename the file");
                return false;
            }
        if (auto [at, is_new] = paths_.try_emplace(name, path); !is_new) {
            complaints.error(
                0, "", fmt::format("the service {} is already described by {}", name, at->second),
                "that one counts; remove or rename one of them");
            return false;
        }
        return true;
    }

    using Inherited = std::map<std::string_view, const Default*, std::less<>>; // by key

    // The line of [service] in the first file, which has to have one; 0: it has not.
    static int check_service_sections(const IniText& ini, bool drop_in,
                                      FileComplaints& complaints) {
        int header = 0;
        for (const auto& section : ini.sections) {
            if (section.name != "service")
                complaints.error(
                    section.line, "",
                    fmt::format("unknown section [{}]; allowed: [service]", section.name),
                    section.name == "Service" || section.name == "Unit" || section.name == "Install"
                        ? "one section [service] holds all keys"
                        : did_you_mean(closest_word(section.name, {"service"})));
            else if (header != 0)
                complaints.error(section.line, "",
                                 fmt::format("section [service] began in line {} already",
                                             FileComplaints::line_in_file(header)),
                                 drop_in ? "put the keys together"
                                         : "one file describes one service");
            else
                header = section.line;
        }
        if (header == 0 && !drop_in && complaints.errors() == 0)
            complaints.error(0, "", "has no section [service]",
                             "begin the file with a line [service]");
        return header;
    }

    // False: it has errors. Of an instance without a file of its own, `start` counts only where one
    // of its own drop-ins says it, which come behind `of_template` of its template.
    bool parse_service(const Sources& sources, ServiceSettings& settings, std::size_t of_template,
                       bool start_by_own) {
        FileComplaints complaints(catalog_.complaints, sources.file->path);
        auto& files = catalog_.files[settings.name];
        files = {sources.file->path};
        if (!sources.file->error.empty()) {
            complaints.error(0, "", fmt::format("cannot be read: {}", sources.file->error));
            return false;
        }
        auto ini = read_ini(sources.file->text, complaints);
        int header = check_service_sections(ini, false, complaints);
        if (header == 0) return false;
        auto own = apply_lines("service", lines_of(ini, "service"), settings, complaints);
        int own_from = 0; // where its own drop-ins begin
        for (std::size_t i = 0; i < sources.drop_ins.size(); ++i) {
            const auto& drop_in = *sources.drop_ins[i];
            int before = complaints.begin_file(drop_in.path);
            if (i == of_template) own_from = before;
            files.push_back(drop_in.path);
            if (!drop_in.error.empty()) {
                complaints.error(before, "", fmt::format("cannot be read: {}", drop_in.error));
                continue;
            }
            auto more = read_ini(drop_in.text, complaints, before);
            check_service_sections(more, true, complaints);
            own = apply_lines("service", lines_of(more, "service"), settings, complaints, &own);
        }
        auto inherited = apply_defaults(own, settings, complaints);
        if (start_by_own) {
            auto start = own.find("start");
            bool says = start != own.end() && own_from > 0 && start->second.line > own_from;
            if (!says) settings.start = StartMode::manual;
        }
        remember_lines(settings, own, inherited, complaints);

        // What depends on several keys makes no sense while one of them is broken.
        if (complaints.errors() > 0) return false;
        finish_service(
            settings,
            [&, marks = KeyMarks(own)](std::string_view key) {
                if (!marks.may_have(key)) return 0;
                auto found = own.find(key);
                return found == own.end() ? 0 : found->second.line;
            },
            [&, marks = KeyMarks(inherited)](std::string_view key) {
                if (!marks.may_have(key)) return 0;
                auto found = inherited.find(key);
                return found == inherited.end() ? 0 : found->second->lines.front().number;
            },
            header, complaints);
        return complaints.errors() == 0;
    }

    void remember_lines(const ServiceSettings& settings, const SetKeys& own,
                        const Inherited& inherited, const FileComplaints& complaints) {
        auto& places = catalog_.places[settings.name];
        auto& lines = catalog_.lines[settings.name];
        places.clear(); // of the trial of a template
        lines.clear();
        KeyMarks own_marks(own), inherited_marks(inherited);
        for (const auto& spec : service_schema()) {
            if (!own_marks.may_have(spec.key) && !inherited_marks.may_have(spec.key)) continue;
            std::string key(spec.key);
            if (auto how = own.find(key); how != own.end()) {
                places[key] = complaints.place(how->second.line);
                for (const auto& [line, text] : how->second.lines)
                    lines.push_back({key, text, complaints.place(line)});
            } else if (auto from = inherited.find(key); from != inherited.end()) {
                places[key] = from->second->lines.front().place;
                for (const auto& line : from->second->lines)
                    lines.push_back({key, line.text, line.place});
            }
        }
    }

    Inherited apply_defaults(const SetKeys& own, ServiceSettings& settings,
                             FileComplaints& complaints) {
        Inherited inherited;
        for (const auto& fallback : defaults_) { // in the table's order: `type` comes early
            const auto& spec = *fallback.spec;
            if (own.contains(spec.key)) continue;
            bool first = true;
            for (const auto& line : fallback.lines) {
                if (!default_fits(spec, line.text, settings)) continue;
                if (auto done = apply_value(spec, line.text, first, settings, line.over); !done) {
                    complaints.error(0, spec.key,
                                     fmt::format("the default from {}:{} does not do: {}",
                                                 line.place.file, line.place.line,
                                                 done.error().text),
                                     "set the key in this file");
                    break;
                }
                if (first) inherited[spec.key] = &fallback;
                first = false;
            }
        }
        return inherited;
    }

    // ---- between services -----------------------------------------------------------------------

    void check_dependencies() {
        leave_out_what_needs_masked();
        leave_out_dependants();
        for (const auto& fault : faults_of_graph()) {
            complain(fault.service, fault.key, fault.text, fault.hint, fault.fatal);
            if (!fault.fatal) continue;
            catalog_.services.erase(fault.service);
            catalog_.left_out.insert(fault.service);
        }
    }

    // check_graph() shall not call a service unknown that only has errors.
    [[nodiscard]] std::vector<GraphFault> faults_of_graph() const {
        if (catalog_.left_out.empty() && catalog_.masked.empty()) return check_graph(catalog_.services);
        auto known = catalog_.services;
        for (auto& [name, settings] : known)
            for (auto* names : {&settings.wants, &settings.after, &settings.before, &settings.conflicts,
                                &settings.on_failure})
                std::erase_if(*names, [&](const auto& other) {
                    return catalog_.left_out.contains(other) || catalog_.masked.contains(other);
                });
        return check_graph(known);
    }

    // No error: of two that are started by hand, one at a time may have it.
    void check_sockets() {
        std::map<std::string, std::string> owners;
        for (const auto& [name, settings] : catalog_.services)
            for (const auto& socket : settings.listen->sockets) {
                auto [other, is_new] = owners.try_emplace(address_of(socket), name);
                if (is_new || other->second == name) continue;
                auto text = fmt::format("{} is listened on by {} as well", address_of(socket),
                                        other->second);
                complain(name, "listen", text, "only one of them can be started", false);
            }
    }

    // Who requires whom, and the key that says so.
    struct Needing {
        std::string name;
        std::string key;
    };
    [[nodiscard]] std::multimap<std::string, Needing> needed_by() const {
        std::multimap<std::string, Needing> all;
        for (const auto& [name, settings] : catalog_.services)
            for (const auto& list : kNameLists)
                if (list.requires_them)
                    for (const auto& other : settings.*list.names)
                        all.emplace(other, Needing{name, std::string(list.key)});
        return all;
    }

    void leave_out_what_needs_masked() {
        for (const auto& [other, needing] : needed_by()) {
            const auto& [name, key] = needing;
            auto masked = catalog_.masked.find(other);
            if (masked == catalog_.masked.end() || !catalog_.left_out.insert(name).second) continue;
            complain(name, key, fmt::format("{} {}, which is masked by {}", key, other, masked->second),
                     fmt::format("initctl unmask {}, or take it out of {}", other, key), true);
            catalog_.services.erase(name);
        }
    }

    // Services that require one with errors, and those that require them.
    void leave_out_dependants() {
        auto needing = needed_by();
        std::vector<std::string> todo(catalog_.left_out.begin(), catalog_.left_out.end());
        while (!todo.empty()) {
            auto broken = std::move(todo.back());
            todo.pop_back();
            auto [from, to] = needing.equal_range(broken);
            for (; from != to; ++from) {
                const auto& [name, key] = from->second;
                if (!catalog_.left_out.insert(name).second) continue;
                complain(name, key, fmt::format("{} {}, which is left out", key, broken),
                         fmt::format("put {} right first", paths_[broken]), true);
                catalog_.services.erase(name);
                todo.push_back(name);
            }
        }
    }

    void complain(const std::string& service, const std::string& key, std::string text,
                  std::string hint, bool fatal) {
        auto place = catalog_.place_of(service, key);
        if (place.file.empty()) place.file = paths_[service];
        catalog_.complaints.push_back(
            {fatal ? Complaint::Severity::error : Complaint::Severity::warning, place.file,
             place.line, key, std::move(text), std::move(hint)});
    }

    const std::vector<SourceFile>& tree_;
    std::vector<const SourceFile*> service_files_, init_drop_ins_;
    std::map<std::string, std::vector<const SourceFile*>> drop_ins_; // by service or template
    std::map<std::string, const SourceFile*> templates_;             // by name, with its @
    std::vector<std::string> to_make_;                               // instances, if they can be
    std::set<std::string> told_of_templates_;
    Catalog catalog_;
    std::vector<Default> defaults_;
    std::map<std::string, std::string> paths_; // service -> file
};

} // namespace

Place Catalog::place_of(const std::string& service, const std::string& key) const {
    auto keys = places.find(service);
    if (keys == places.end()) return {};
    auto place = keys->second.find(key);
    return place == keys->second.end() ? Place{} : place->second;
}

bool Catalog::has_errors() const {
    return std::ranges::any_of(complaints, [](const auto& complaint) {
        return complaint.severity == Complaint::Severity::error;
    });
}

Catalog load(const std::vector<SourceFile>& tree, const std::vector<std::string>& wanted) {
    return Loader(tree).run(wanted);
}

Catalog load(const SourceFile& init_conf, const std::vector<SourceFile>& service_files) {
    std::vector<SourceFile> tree{init_conf};
    tree.insert(tree.end(), service_files.begin(), service_files.end());
    return load(tree);
}

std::string_view service_name_of(std::string_view path) {
    constexpr std::string_view kSuffix = ".conf";
    path = path.substr(path.rfind('/') + 1); // npos + 1 is 0
    if (!path.ends_with(kSuffix)) return {};
    return path.substr(0, path.size() - kSuffix.size());
}

std::string_view drop_in_owner(std::string_view path) {
    constexpr std::string_view kSuffix = ".conf.d";
    auto slash = path.rfind('/');
    if (slash == std::string_view::npos) return {};
    auto folder = path.substr(0, slash);
    folder = folder.substr(folder.rfind('/') + 1);
    if (!folder.ends_with(kSuffix)) return {};
    return folder.substr(0, folder.size() - kSuffix.size());
}

std::string_view template_of(std::string_view service) {
    auto at = service.find('@');
    if (at == 0 || at == std::string_view::npos || at + 1 == service.size()) return {};
    return service.substr(0, at + 1);
}

bool is_template(std::string_view name) {
    return name.size() > 1 && name.find('@') == name.size() - 1;
}

} // namespace leash
