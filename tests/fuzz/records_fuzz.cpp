// SPDX-License-Identifier: MIT
// Files of records may hold anything. What is taken for whole is JSON on one line that says which record
// it is; whatever is put into a record comes out of it; and a line behind a torn one is found.
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "records/record.h"

using namespace leash;
using namespace leash::records;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text(reinterpret_cast<const char*>(data), size);
    auto lines = lines_of(text);
    if (lines.whole.size() + lines.damaged > size) std::abort();
    for (auto line : lines.whole)
        if (!key_of(line) || line.find('\n') != std::string_view::npos) std::abort();

    Record record;
    record.event = text.substr(0, size / 4);
    record.service = text.substr(size / 4, size / 4);
    record.evidence = text;
    record.facts = text.substr(size / 2);
    record.dropped = size;
    if (record.facts.find('"') != std::string::npos) record.facts.clear(); // it is taken as it is
    Key key{"boot", size + 1};
    auto line = encode(record, key, static_cast<std::int64_t>(size) * 7919, Ms{1});
    if (key_of(line) != key || line.size() > kMostLine) std::abort();
    if (record.facts.empty() && !nlohmann::json::accept(line)) std::abort();

    // Behind anything at all.
    auto file = std::string(text) + "\n" + line + "\n";
    auto again = lines_of(file);
    if (again.whole.empty() || again.damaged != lines.damaged) std::abort();
    // One byte changed is one record lost.
    if (size > 0) {
        auto changed = line;
        auto at = data[0] % changed.size();
        changed[at] = static_cast<char>(changed[at] ^ 0x20);
        if (key_of(changed)) std::abort();
    }
    return 0;
}
