// SPDX-License-Identifier: MIT
// The commands about the files that services are made of: who has a say (cat, show), and what is
// written there (enable, disable, mask, unmask). init has no part in it but to read them again.
#include "base/json.h"
#include "base/tag.h"
#include "base/text.h"
#include "config/files.h"
#include "config/load.h"
#include "control/protocol.h"
#include "initctl/commands.h"
#include "initctl/config_files.h"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include <sys/stat.h>
#include <unistd.h>

namespace leash::initctl {
namespace {

namespace status = control::status;

constexpr std::string_view kDropIn = "50-enabled.conf";
constexpr const char* kNowhere = "/dev/null";

// The files of the machine, or of another one's root folder.
struct Tree {
    std::string root;
    std::vector<ConfigLayer> layers;
    std::vector<SourceFile> files;
    Catalog catalog;

    Tree(const Options& options, const Session& session)
        : root(options.root.empty() ? session.config_root : options.root),
          layers(config_layers(root)) {
        if (root == "/") root.clear(), layers = config_layers(root);
        read(options.words);
    }
    void read(const std::vector<std::string>& wanted) {
        files = read_config_layers(layers);
        catalog = load(files, wanted);
    }
    [[nodiscard]] bool has(const std::string& name) const {
        return catalog.services.contains(name) || catalog.left_out.contains(name);
    }
    [[nodiscard]] const SourceFile* file(const std::string& path) const {
        auto found = std::ranges::find(files, path, &SourceFile::path);
        return found == files.end() ? nullptr : &*found;
    }
};

int no_such(const Tree& tree, const std::string& name, const Session& session) {
    std::vector<std::string> names;
    for (const auto& [each, settings] : tree.catalog.services)
        names.push_back(each);
    for (const auto& each : tree.catalog.left_out)
        names.push_back(each);
    session.complain("{}", control::no_such_service(name, names));
    return status::no_such_service;
}

// What those who have a say in a service, or in a template, say; "" and the files that there are.
std::vector<std::string> files_of(const Tree& tree, const std::string& name) {
    if (auto masked = tree.catalog.masked.find(name); masked != tree.catalog.masked.end())
        return {masked->second};
    auto found = tree.catalog.files.find(name);
    return found == tree.catalog.files.end() ? std::vector<std::string>{} : found->second;
}

// ---- writing ------------------------------------------------------------------------------------

class Writer {
  public:
    Writer(const Command& command, const Options& options, const Session& session)
        : command_(command), options_(options), session_(session), tree_(options, session) {}

    int run() {
        for (const auto& name : options_.words) {
            if (!valid_service_name(name)) return no_such(tree_, name, session_);
            bool known = tree_.has(name) || tree_.catalog.masked.contains(name);
            if (!known && is_template(name) && tree_.catalog.files.contains(name)) {
                session_.complain("{} is a template: name an instance of it, as in {}NAME", name,
                                  name);
                return status::usage;
            }
            if (!known) return no_such(tree_, name, session_);
        }
        for (const auto& name : options_.words) {
            int done = command_.name == "enable"    ? set_start(name, StartMode::automatic)
                       : command_.name == "disable" ? set_start(name, StartMode::manual)
                       : command_.name == "mask"    ? mask(name)
                                                    : unmask(name);
            if (done != status::done) return done;
        }
        return options_.root.empty() ? tell_init() : status::done;
    }

  private:
    // 1: /etc, 2: /run
    [[nodiscard]] std::string path(std::size_t layer, const std::string& rest) const {
        return tree_.layers[layer].folder + "/services.d/" + rest;
    }
    [[nodiscard]] std::size_t layer() const { return options_.runtime ? 2 : 1; }

    int explain(const WriteError& error) {
        session_.complain("{}: {}", error.path, std::strerror(error.code));
        if (error.code == EROFS)
            session_.err(fmt::format("  initctl {} --runtime lasts until the next boot; or make it "
                                     "writable: mount -o remount,rw /\n",
                                     command_.name));
        return error.code == EACCES || error.code == EPERM ? status::not_permitted : status::failed;
    }

    [[nodiscard]] bool starts_at_boot(const std::string& name) const {
        auto found = tree_.catalog.services.find(name);
        return found != tree_.catalog.services.end() && found->second.start == StartMode::automatic;
    }

    int set_start(const std::string& name, StartMode mode) {
        if (auto masked = tree_.catalog.masked.find(name); masked != tree_.catalog.masked.end()) {
            session_.complain("{} is masked by {}: see initctl unmask {}", name, masked->second,
                              name);
            return status::failed;
        }
        bool wanted = mode == StartMode::automatic;
        auto drop_in = fmt::format("{}.conf.d/{}", name, kDropIn);
        // What was said for this boot only would win over what is said for all.
        if (!options_.runtime)
            if (auto gone = take_away(path(2, drop_in)); !gone) return explain(gone.error());
        // An instance that nothing but being enabled has made goes without a trace.
        bool of_template = tree_.catalog.from_template.contains(name);
        if (!wanted && of_template)
            if (auto gone = take_away(path(layer(), drop_in)); !gone) return explain(gone.error());
        tree_.read({name});
        if (starts_at_boot(name) != wanted || tree_.catalog.left_out.contains(name)) {
            auto text = fmt::format("# Written by initctl {}.\n[service]\nstart = {}\n",
                                    command_.name, wanted ? "auto" : "manual");
            if (auto written = put_file(path(layer(), drop_in), text); !written)
                return explain(written.error());
            tree_.read({name});
        }
        if (tree_.catalog.left_out.contains(name)) {
            session_.complain("{} is {}d, but its files have errors: see initctl verify", name,
                              command_.name);
            return status::failed;
        }
        if (starts_at_boot(name) != wanted) {
            auto place = tree_.catalog.place_of(name, "start");
            session_.complain("{} still says otherwise: {}:{}: start", name, place.file,
                              place.line);
            return status::failed;
        }
        session_.print("{}: {}{}", name, wanted ? "enabled" : "disabled",
                       options_.runtime ? " until the next boot" : "");
        return status::done;
    }

    int mask(const std::string& name) {
        auto place = path(layer(), name + ".conf");
        struct stat there {};
        if (::lstat(place.c_str(), &there) == 0 && !S_ISLNK(there.st_mode) && there.st_size > 0) {
            session_.complain("{} is a file of its own, which is not thrown away: rename it",
                              place);
            if (!options_.runtime)
                session_.err(
                    fmt::format("  or: initctl mask --runtime {}, until the next boot\n", name));
            return status::failed;
        }
        if (auto done = put_link(place, kNowhere); !done) return explain(done.error());
        session_.print("{}: masked{}", name, options_.runtime ? " until the next boot" : "");
        return status::done;
    }

    int unmask(const std::string& name) {
        for (std::size_t at : {2UL, 1UL}) {
            auto place = path(at, name + ".conf");
            auto file = read_config_file(place, place);
            if (!file.error.empty() || !file.text.empty())
                continue; // not there, or it says something
            if (auto gone = take_away(place); !gone) return explain(gone.error());
        }
        tree_.read({});
        if (auto masked = tree_.catalog.masked.find(name); masked != tree_.catalog.masked.end()) {
            session_.complain("{} is still masked by {}", name, masked->second);
            return status::failed;
        }
        session_.print("{}: not masked", name);
        return status::done;
    }

    int tell_init() {
        auto change = [this](std::string_view verb) {
            Options options;
            options.words = options_.words;
            auto known = std::ranges::find(commands(), verb, &Command::name);
            return run_change(*known, options, session_);
        };
        bool down = command_.name == "disable" || command_.name == "mask";
        int worst = status::done;
        if (options_.now && down) worst = change("stop");
        // Errors of others are told, and are no fault of this command.
        if (reload_quietly(session_) == status::unreachable) {
            session_.err(
                "  init has not read it: it counts from the next boot or `initctl reload` on\n");
            return options_.now ? status::unreachable : status::done;
        }
        if (!options_.now || down) return worst;
        // A job by calendar waits for its time by now; it was not asked to run.
        Options options;
        for (const auto& name : options_.words) {
            auto found = tree_.catalog.services.find(name);
            bool timer =
                found != tree_.catalog.services.end() && !found->second.calendar->rules.empty();
            if (!timer) options.words.push_back(name);
        }
        if (options.words.empty()) return worst;
        auto known = std::ranges::find(commands(), "start", &Command::name);
        return run_change(*known, options, session_);
    }

    const Command& command_;
    const Options& options_;
    const Session& session_;
    Tree tree_;
};

} // namespace

int run_config_change(const Command& command, const Options& options, const Session& session) {
    return Writer(command, options, session).run();
}

int run_cat(const Command&, const Options& options, const Session& session) {
    Tree tree(options, session);
    for (const auto& name : options.words) {
        auto paths = files_of(tree, name);
        if (paths.empty()) return no_such(tree, name, session);
        for (const auto& path : paths) {
            const auto* file = tree.file(path);
            if (options.json) {
                JsonWriter json;
                json.begin_object();
                json.key("service").string(name);
                json.key("file").string(tree.root + path);
                json.key("text").string(file != nullptr ? file->text : "");
                json.end_object();
                session.print("{}", json.text());
                continue;
            }
            bool masks = tree.catalog.masked.contains(name);
            session.print("# {}{}{}", printable(tree.root), printable(path),
                          masks ? " (masks it)" : "");
            if (file == nullptr) continue;
            if (!file->error.empty()) session.print("# cannot be read: {}", file->error);
            for (auto rest = std::string_view(file->text); !rest.empty();) {
                auto end = rest.find('\n');
                session.print("{}", printable(rest.substr(0, end)));
                rest = end == std::string_view::npos ? std::string_view{} : rest.substr(end + 1);
            }
            session.print("");
        }
    }
    return status::done;
}

int run_show(const Command&, const Options& options, const Session& session) {
    Tree tree(options, session);
    for (const auto& name : options.words) {
        auto key = is_template(name) ? name + std::string(kTrialInstance) : name;
        auto found = tree.catalog.lines.find(key);
        if (found == tree.catalog.lines.end()) {
            if (auto masked = tree.catalog.masked.find(name); masked != tree.catalog.masked.end()) {
                session.complain("{} is masked by {}", name, masked->second);
                return status::failed;
            }
            return no_such(tree, name, session);
        }
        std::size_t keys = 0, texts = 0;
        for (const auto& line : found->second) {
            keys = std::max(keys, line.key.size());
            texts = std::max(texts, std::min<std::size_t>(line.text.size(), 50));
        }
        for (const auto& line : found->second) {
            if (options.json) {
                JsonWriter json;
                json.begin_object();
                json.key("service").string(name);
                json.key("key").string(line.key);
                json.key("value").string(line.text);
                json.key("file").string(tree.root + line.place.file);
                json.key("line").number(line.place.line);
                json.end_object();
                session.print("{}", json.text());
            } else {
                session.print("{:<{}} = {:<{}}  # {}:{}", line.key, keys, printable(line.text),
                              texts, printable(tree.root + line.place.file), line.place.line);
            }
        }
    }
    return status::done;
}

} // namespace leash::initctl
