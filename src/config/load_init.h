// SPDX-License-Identifier: MIT
// init.conf and its drop-ins become settings of the system, and defaults for services.
#pragma once

#include "config/ini_lines.h"
#include "config/load.h"
#include "config/schema.h"

#include <string>
#include <string_view>
#include <vector>

namespace leash {

// A line of [defaults] that is good, for each service that does not set its key itself.
struct Default {
    struct Line {
        int number; // through all files of init.conf
        std::string text;
        Place place;
        bool over; // in a drop-in
    };
    const KeySpec* spec;
    std::vector<Line> lines; // several for a list only
};

// Fills in the catalog's system, its places and complaints. `file` is null where there is none.
[[nodiscard]] std::vector<Default> read_init_conf(const SourceFile* file,
                                                  const std::vector<const SourceFile*>& drop_ins,
                                                  Catalog& catalog);

using Lines = std::vector<const IniEntry*>;

// Of all sections of that name: a repeated header is a fault, but good lines count.
[[nodiscard]] Lines lines_of(const IniText& ini, std::string_view section);

} // namespace leash
