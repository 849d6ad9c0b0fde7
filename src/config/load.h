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

// Where a value was set, for later checks: its service's file, or init.conf's [defaults].
struct Place {
    std::string file;
    int line = 0;
};

struct Catalog {
    SystemSettings system;
    std::map<std::string, ServiceSettings> services; // only those without an error
    std::vector<Complaint> complaints;               // init.conf first, then file by file
    std::set<std::string> left_out;                  // services that have a file, but an error too

    // service -> key -> place; "" is init.conf's [system] and [watchdog]. Keys that nobody set have
    // none.
    std::map<std::string, std::map<std::string, Place>> places;

    [[nodiscard]] Place place_of(const std::string& service, const std::string& key) const;
    [[nodiscard]] bool has_errors() const;
};

// Never fails as a whole. Of a broken init.conf every good line counts and the rest has its
// default; of the services only the faulty ones are left out.
[[nodiscard]] Catalog load(const SourceFile& init_conf,
                           const std::vector<SourceFile>& service_files);
// A tree as read_config_tree() gives it: init.conf first.
[[nodiscard]] Catalog load(const std::vector<SourceFile>& tree);

// "services.d/httpd.conf" -> "httpd"; empty if the path does not end with .conf.
[[nodiscard]] std::string_view service_name_of(std::string_view path);

} // namespace leash
