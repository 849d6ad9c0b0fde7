// SPDX-License-Identifier: MIT
#include "config/source_file.h"

#include <cstdint>
#include <cstring>

namespace leash {
namespace {

constexpr std::string_view kMagic = "LCF1";
constexpr std::size_t kMaxPath = 4096;
constexpr std::size_t kMaxError = 4096;

void put(std::string& bytes, std::string_view field, std::size_t limit) {
    field = field.substr(0, limit);
    auto length = static_cast<std::uint32_t>(field.size());
    bytes.append(reinterpret_cast<const char*>(&length), sizeof length);
    bytes.append(field);
}

// Both ends are the same program on the same machine: byte order is no question.
bool take_length(std::string_view& bytes, std::uint32_t& length) {
    if (bytes.size() < sizeof length) return false;
    std::memcpy(&length, bytes.data(), sizeof length);
    bytes.remove_prefix(sizeof length);
    return true;
}

bool take(std::string_view& bytes, std::string& field, std::size_t limit) {
    std::uint32_t length = 0;
    if (!take_length(bytes, length) || length > limit || length > bytes.size()) return false;
    field = bytes.substr(0, length);
    bytes.remove_prefix(length);
    return true;
}

} // namespace

std::string serialize(const std::vector<SourceFile>& files) {
    std::string bytes{kMagic};
    auto count = static_cast<std::uint32_t>(files.size());
    bytes.append(reinterpret_cast<const char*>(&count), sizeof count);
    for (const auto& file : files) {
        put(bytes, file.path, kMaxPath);
        put(bytes, file.text, kMaxConfigFileSize);
        put(bytes, file.error, kMaxError);
    }
    return bytes;
}

Result<std::vector<SourceFile>> deserialize(std::string_view bytes) {
    std::uint32_t count = 0;
    if (!bytes.starts_with(kMagic)) return fail("configuration texts: wrong beginning");
    bytes.remove_prefix(kMagic.size());
    // init.conf, the services, the drop-ins, and a few lines that only carry an error
    if (!take_length(bytes, count) || count > 3 * kMaxConfigFiles)
        return fail("configuration texts: wrong number of files");
    std::vector<SourceFile> files;
    std::size_t total = 0;
    for (std::uint32_t i = 0; i < count; ++i) {
        SourceFile file;
        if (!take(bytes, file.path, kMaxPath) || !take(bytes, file.text, kMaxConfigFileSize) ||
            !take(bytes, file.error, kMaxError))
            return fail("configuration texts: cut off in file {} of {}", i + 1, count);
        total += file.text.size();
        if (total > kMaxConfigTotal) return fail("configuration texts: too much of it");
        files.push_back(std::move(file));
    }
    if (!bytes.empty()) return fail("configuration texts: {} bytes too many", bytes.size());
    return files;
}

} // namespace leash
