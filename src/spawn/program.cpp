// SPDX-License-Identifier: MIT
#include "spawn/program.h"

#include <cerrno>
#include <cstring>

#include <elf.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <fmt/format.h>

#include "base/text.h"
#include "base/unique_fd.h"

namespace leash {
namespace {

std::vector<char*> pointers(const std::vector<std::string>& words) {
    std::vector<char*> list;
    list.reserve(words.size() + 1);
    for (const auto& word : words) list.push_back(const_cast<char*>(word.c_str()));
    list.push_back(nullptr);
    return list;
}

// Of a program: its dynamic loader, as the file itself names it.
std::string loader_of(int fd, const char* head) {
    if (head[EI_CLASS] != ELFCLASS64) return "";
    Elf64_Ehdr header;
    std::memcpy(&header, head, sizeof header);
    for (unsigned i = 0; i < header.e_phnum && i < 64; ++i) {
        Elf64_Phdr part;
        auto at = static_cast<off_t>(header.e_phoff + i * sizeof part);
        if (::pread(fd, &part, sizeof part, at) != static_cast<ssize_t>(sizeof part)) return "";
        if (part.p_type != PT_INTERP) continue;
        char name[256] = {};
        auto got = ::pread(fd, name, sizeof name - 1, static_cast<off_t>(part.p_offset));
        return got > 0 ? std::string(name) : "";
    }
    return "";
}

// execve's ENOENT about a file that does exist: what it needs to be run is missing.
std::string missing_helper(const std::string& file) {
    UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
    char head[256] = {};
    auto got = fd ? ::pread(fd.get(), head, sizeof head - 1, 0) : -1;
    if (got >= static_cast<long>(sizeof(Elf64_Ehdr)) && std::memcmp(head, ELFMAG, SELFMAG) == 0) {
        auto loader = loader_of(fd.get(), head);
        if (!loader.empty())
            return fmt::format("'{}' needs the program loader '{}', which does not exist", file,
                               loader);
        return fmt::format("'{}' needs a program loader that does not exist", file);
    }
    if (got > 2 && head[0] == '#' && head[1] == '!') {
        std::string_view line(head + 2, static_cast<std::size_t>(got) - 2);
        line = trim(line.substr(0, line.find('\n')));
        auto name = line.substr(0, line.find_first_of(" \t"));
        if (name.ends_with('\r'))
            return fmt::format("the script '{}' has lines that end in \\r\\n (made on Windows?); "
                               "convert it to \\n", file);
        return fmt::format("the script '{}' needs the interpreter '{}', which does not exist", file,
                           printable(name));
    }
    return fmt::format("'{}' exists, but what it needs to be run does not", file);
}

std::string denied(const std::string& file) {
    struct stat facts{};
    if (::stat(file.c_str(), &facts) != 0)
        return fmt::format("'{}' cannot be reached: a folder above it does not let us in", file);
    if (S_ISDIR(facts.st_mode)) return fmt::format("'{}' is a folder", file);
    if (!S_ISREG(facts.st_mode)) return fmt::format("'{}' is not a regular file", file);
    if ((facts.st_mode & 0111) == 0)
        return fmt::format("'{}' is not executable (chmod +x)", file);
    struct statvfs system{};
    if (::statvfs(file.c_str(), &system) == 0 && (system.f_flag & ST_NOEXEC) != 0)
        return fmt::format("'{}' is on a file system that is mounted noexec", file);
    return fmt::format("'{}' must not be executed by this user", file);
}

} // namespace

std::string explain_exec(const std::string& file, int code) {
    struct stat facts{};
    switch (code) {
    case ENOENT:
        if (::stat(file.c_str(), &facts) == 0) return missing_helper(file);
        if (::lstat(file.c_str(), &facts) == 0)
            return fmt::format("'{}' is a symbolic link to nowhere", file);
        return fmt::format("'{}' does not exist", file);
    case ENOTDIR: return fmt::format("'{}' does not exist", file);
    case EACCES: return denied(file);
    case ENOEXEC:
        return fmt::format("'{}' is neither a program for this machine nor a script that begins "
                           "with #!", file);
    case E2BIG: return fmt::format("the arguments and environment of '{}' are too long", file);
    case ETXTBSY: return fmt::format("'{}' is being written to", file);
    default: return fmt::format("cannot execute '{}': {}", file, std::strerror(code));
    }
}

std::string_view search_path(const std::vector<std::string>& environment) {
    for (const auto& variable : environment)
        if (variable.starts_with("PATH=")) return std::string_view(variable).substr(5);
    return kDefaultPath;
}

std::string execute(const std::vector<std::string>& command,
                    const std::vector<std::string>& environment, std::string_view path) {
    auto arguments = pointers(command), variables = pointers(environment);
    const auto& name = command.front();
    if (name.empty()) return "the name of the command is empty";
    if (name.find('/') != std::string::npos) {
        ::execve(name.c_str(), arguments.data(), variables.data());
        return explain_exec(name, errno);
    }
    std::string first_denied;
    for (auto folder : split(path, ':')) {
        auto file = (folder.empty() ? std::string(".") : std::string(folder)) + "/" + name;
        ::execve(file.c_str(), arguments.data(), variables.data());
        int code = errno;
        struct stat facts{};
        bool exists = ::stat(file.c_str(), &facts) == 0;
        if (code == EACCES && first_denied.empty() && exists) first_denied = file;
        if (code == EACCES || code == ENOTDIR || (code == ENOENT && !exists)) continue;
        return explain_exec(file, code);
    }
    if (!first_denied.empty()) return explain_exec(first_denied, EACCES);
    return fmt::format("'{}' is in none of the folders of PATH ({})", name, path);
}

} // namespace leash
