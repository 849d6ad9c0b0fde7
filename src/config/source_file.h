// SPDX-License-Identifier: MIT
// Configuration files as texts. Reading is apart from parsing: disks can hang, so in PID 1 a worker
// reads the files (config/files.h) and sends them through a pipe; PID 1 parses the texts
// (config/load.h).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace leash {

// Bounds of what is read and accepted; more is an error of that file.
inline constexpr std::size_t kMaxConfigFileSize = 64UL * 1024;
inline constexpr std::size_t kMaxConfigFiles = 4096;           // services; and as many drop-ins
inline constexpr std::size_t kMaxConfigTotal = 8UL * 1024 * 1024; // all texts together

struct SourceFile {
    std::string path;  // as messages show it, e.g. services.d/httpd.conf
    std::string text;
    std::string error; // why it could not be read; then text is empty
    friend bool operator==(const SourceFile&, const SourceFile&) = default;
};

// A flat, length-prefixed byte string, for the pipe between a worker and PID 1.
[[nodiscard]] std::string serialize(const std::vector<SourceFile>& files);
// Takes back what serialize() gave, nothing else: cut off, prolonged or oversized input is an
// error.
[[nodiscard]] Result<std::vector<SourceFile>> deserialize(std::string_view bytes);

} // namespace leash
