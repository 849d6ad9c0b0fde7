// SPDX-License-Identifier: MIT
// Configuration texts become settings. Pure: no file is opened here.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "config/complaint.h"
#include "config/source_file.h"
#include "config/system_settings.h"
#include "service/settings.h"

namespace leash {

// A line that counts, for people: what a service is in the end, and who says so.
struct EffectiveLine {
    std::string key, text;
    Place place;
};

// The instance of which a template is tried, as long as nobody needs one.
inline constexpr std::string_view kTrialInstance = "instance";

struct Catalog {
    SystemSettings system;
    std::map<std::string, ServiceSettings> services; // only those without an error
    std::vector<Complaint> complaints;               // init.conf first, then file by file
    std::set<std::string> left_out;                  // services that have a file, but an error too

    std::map<std::string, std::string> masked;          // service -> the file that masks it
    std::map<std::string, ServiceSettings> templates;   // "tty@" -> its trial instance
    std::set<std::string> from_template;                // instances without a file of their own
    std::map<std::string, std::vector<std::string>> files; // service -> what it was made of
    std::map<std::string, std::vector<EffectiveLine>> lines; // by the order of the schema table

    // service -> key -> place; "" is init.conf's [system] and [watchdog]. Keys that nobody set have
    // none.
    std::map<std::string, std::map<std::string, Place>> places;

    [[nodiscard]] Place place_of(const std::string& service, const std::string& key) const;
    [[nodiscard]] bool has_errors() const;
};

// A tree as read_config_layers() gives it: init.conf first. Never fails as a whole. Of a broken
// init.conf every good line counts and the rest has its default; of the services only the faulty
// ones are left out.
//
// A template (tty@.conf) is no service. An instance of it (tty@ttyS0) comes to be where it has a
// file or drop-ins of its own, where a service that is there names it in requires, wants, after or
// before, and where `wanted` does.
[[nodiscard]] Catalog load(const std::vector<SourceFile>& tree,
                           const std::vector<std::string>& wanted = {});
[[nodiscard]] Catalog load(const SourceFile& init_conf,
                           const std::vector<SourceFile>& service_files);

// "services.d/httpd.conf" -> "httpd"; empty if the path does not end with .conf.
[[nodiscard]] std::string_view service_name_of(std::string_view path);
// ".../httpd.conf.d/50-more.conf" -> "httpd", of init.conf "init"; empty if it is no drop-in.
[[nodiscard]] std::string_view drop_in_owner(std::string_view path);
// "tty@ttyS0" -> "tty@"; empty for what is no instance, and for a template itself.
[[nodiscard]] std::string_view template_of(std::string_view service);
[[nodiscard]] bool is_template(std::string_view name);

} // namespace leash
