// SPDX-License-Identifier: MIT
// Whatever parses has to write itself out in a form that parses back to the same.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "service/policy.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    auto policy = leash::parse_policy({reinterpret_cast<const char*>(data), size});
    if (!policy) return 0;
    auto again = leash::parse_policy(leash::to_string(*policy));
    if (!again || *again != *policy) std::abort();
    return 0;
}
