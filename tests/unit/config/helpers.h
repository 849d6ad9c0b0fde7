// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "config/load.h"

namespace leash {

inline const std::string kPath = "services.d/test@one.conf";
inline const std::string kName = "test@one";

// One service, lines as given below [service]; init.conf is empty.
inline Catalog load_service(const std::string& lines, const std::string& init_conf = "") {
    return load(SourceFile{"init.conf", init_conf, ""}, {{kPath, "[service]\n" + lines, ""}});
}

// A daemon that is complete but for these lines; they begin at line 3.
inline Catalog load_daemon(const std::string& lines, const std::string& init_conf = "") {
    return load_service("command = /bin/true\n" + lines, init_conf);
}

inline Catalog load_init(const std::string& text) {
    return load(SourceFile{"init.conf", text, ""}, {});
}

inline std::string all(const std::vector<Complaint>& complaints) {
    std::string text;
    for (const auto& complaint : complaints) text += format(complaint) + "\n";
    return text;
}

inline testing::AssertionResult has(const std::vector<Complaint>& complaints,
                                    const std::string& part) {
    if (all(complaints).find(part) != std::string::npos) return testing::AssertionSuccess();
    return testing::AssertionFailure() << "no '" << part << "' in:\n" << all(complaints);
}

} // namespace leash
