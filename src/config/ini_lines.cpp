// SPDX-License-Identifier: MIT
#include "config/ini_lines.h"

#include <string_view>

#include <fmt/format.h>
#include <ini.h>

#include "base/text.h"

namespace leash {
namespace {

// Stands between the text and inih: inih asks for a line, we count, check and hand out. What fails
// the check becomes an empty line, so that inih never sees it. inih then splits `key = value` and
// calls the handler, which is not told the line, but knows it from here: the last one handed out.
class LineSource {
  public:
    LineSource(std::string_view text, FileComplaints& complaints, IniText& result, int before)
        : rest_(text), complaints_(complaints), result_(result), before_(before), line_(before) {}

    static char* read(char* buffer, int size, void* self) {
        return static_cast<LineSource*>(self)->next(buffer, static_cast<std::size_t>(size));
    }
    static int handle(void* self, const char*, const char* key, const char* value) {
        static_cast<LineSource*>(self)->entry(key, value);
        return 1;
    }

    void fault(int line, std::string text, std::string hint = {}) {
        complaints_.error(line, "", std::move(text), std::move(hint));
    }

  private:
    enum class In { nothing, section, broken_section };

    char* next(char* buffer, std::size_t size) {
        if (rest_.empty()) return nullptr;
        ++line_;
        auto end = rest_.find('\n');
        auto line = rest_.substr(0, end);
        rest_ = end == std::string_view::npos ? std::string_view{} : rest_.substr(end + 1);
        if (line_ == before_ + 1 && line.starts_with("\xEF\xBB\xBF")) { // byte order mark
            line.remove_prefix(3);
            complaints_.warning(line_, "", "the file begins with a byte order mark",
                                "save it as UTF-8 without BOM");
        }
        if (line.ends_with('\r')) line.remove_suffix(1);
        if (!acceptable(line) || line.size() + 1 > size) line = {};
        line.copy(buffer, line.size());
        buffer[line.size()] = '\0';
        return buffer;
    }

    bool acceptable(std::string_view line) {
        if (line.size() > kMaxConfigLine) {
            fault(line_, fmt::format("the line has {} bytes; allowed: {}", line.size(),
                                     kMaxConfigLine),
                  "list keys may be repeated instead");
            return false;
        }
        if (!clean(line)) return false;
        line = trim(line);
        if (line.empty() || line[0] == ';' || line[0] == '#') return true;
        return line[0] == '[' ? section(line) : assignment(line);
    }

    bool clean(std::string_view line) {
        for (auto rest = line; !rest.empty();) {
            auto length = utf8_length(rest);
            auto byte = static_cast<unsigned char>(rest[0]);
            if (length == 0) {
                fault(line_, fmt::format("byte 0x{:02x} in column {} is not UTF-8", byte,
                                         line.size() - rest.size() + 1));
                return false;
            }
            if (length == 1 && (byte < 0x20 || byte == 0x7F) && byte != '\t') {
                fault(line_, fmt::format("control character 0x{:02x} in column {}", byte,
                                         line.size() - rest.size() + 1));
                return false;
            }
            rest.remove_prefix(length);
        }
        return true;
    }

    bool section(std::string_view line) {
        auto end = line.find(']');
        in_ = In::broken_section; // until we know better
        if (end == std::string_view::npos) {
            fault(line_, fmt::format("{} has no ']'", quote(line)));
            return false;
        }
        if (end + 1 != line.size()) {
            fault(line_, fmt::format("{} follows the section's name", quote(line.substr(end + 1))),
                  "a comment needs a line of its own");
            return false;
        }
        in_ = In::section;
        std::string name; // with single blanks, as a label may follow
        for (char c : trim(line.substr(1, end - 1))) {
            bool blank = c == ' ' || c == '\t';
            if (!blank || !name.ends_with(' ')) name += blank ? ' ' : c;
        }
        result_.sections.push_back({std::move(name), line_});
        return true;
    }

    bool assignment(std::string_view line) {
        auto at = line.find_first_of("=:");
        if (at == std::string_view::npos) {
            fault(line_, fmt::format("{} is neither [section] nor key = value", quote(line)),
                  "a command goes on one line: there are no continuation lines");
            return false;
        }
        auto key = trim(line.substr(0, at));
        if (line[at] == ':') { // inih would take it for '='
            complaints_.error(line_, shown_key(key), "':' after the key",
                              fmt::format("use '=': {} = ...", shown_key(key)));
            return false;
        }
        if (key.empty()) {
            fault(line_, "no key before '='");
            return false;
        }
        if (in_ == In::section) return true;
        if (in_ == In::nothing && !told_homeless_) {
            told_homeless_ = true;
            complaints_.error(line_, key, "stands before any [section]",
                              "what stands there does not count");
        }
        return false;
    }

    static std::string shown_key(std::string_view key) {
        return key.empty() || key.size() > 40 ? std::string("KEY") : std::string(key);
    }

    void entry(const char* key, const char* value) {
        result_.entries.push_back(
            {static_cast<int>(result_.sections.size()) - 1, line_, key, value});
    }

    std::string_view rest_;
    FileComplaints& complaints_;
    IniText& result_;
    int before_;
    int line_;
    In in_ = In::nothing;
    bool told_homeless_ = false;
};

} // namespace

IniText read_ini(const std::string& text, FileComplaints& complaints, int before) {
    ini_allow_multiline = false;
    ini_allow_bom = false;             // handled above
    ini_allow_inline_comments = false; // a command may well contain ; or #
    ini_allow_no_value = false;
    ini_stop_on_first_error = false;
    ini_use_stack = true;
    ini_allow_realloc = false;
    ini_max_line = kMaxConfigLine + 3;

    IniText result;
    LineSource source(text, complaints, result, before);
    int bad_line = ini_parse_stream(LineSource::read, &source, LineSource::handle, &source);
    // Cannot happen: inih gets checked lines only. But if it ever does, it must not go unseen.
    if (bad_line != 0) source.fault(before + (bad_line > 0 ? bad_line : 0), "inih cannot read this");
    return result;
}

} // namespace leash
