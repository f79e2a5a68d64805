#include "client/commands/text.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"

namespace convergia::client {
namespace {

// Reads one character of UTF-8 from the front; 0 bytes if what is there is none.
size_t ReadUtf8(absl::string_view text, uint32_t* code) {
  const auto byte = [text](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t first = byte(0);
  size_t length = 0;
  uint32_t smallest = 0;
  if (first < 0x80) {
    *code = first;
    return 1;
  } else if ((first & 0xe0) == 0xc0) {
    length = 2, smallest = 0x80, *code = first & 0x1f;
  } else if ((first & 0xf0) == 0xe0) {
    length = 3, smallest = 0x800, *code = first & 0x0f;
  } else if ((first & 0xf8) == 0xf0) {
    length = 4, smallest = 0x10000, *code = first & 0x07;
  }
  if (length == 0 || text.size() < length) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
    *code = *code << 6 | (byte(i) & 0x3f);
  }
  const bool is_surrogate = *code >= 0xd800 && *code <= 0xdfff;
  return *code < smallest || *code > 0x10ffff || is_surrogate ? 0 : length;
}

bool SteersTheTerminal(uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) ||  // C0, DEL, C1
         (code >= 0x202a && code <= 0x202e) ||            // Writing direction.
         (code >= 0x2066 && code <= 0x2069) || code == 0x200e || code == 0x200f;
}

// What people type for what a client sends.
struct Word {
  absl::string_view protocol;
  absl::string_view command;
};
constexpr Word kWords[] = {
    {"CREATEFOLDER", "mkdir"},
    {"DELETEFOLDER", "rm"},
    {"SETPERMISSIONS", "share"},
    {"CREATEFILE", "put"},
    {"WRITEFILE", "put"},
    {"READFILE", "get"},
    {"TRUNCATEFILE", "put"},
    {"MOVE", "mv"},
    {"DELETEFILE", "rm"},
    {"LISTFOLDER", "ls"},
    {"GETINFO", "info"},
    {"INITOFFLINEMESSAGE", "mail send"},
    {"APPENDOFFLINEMESSAGE", "mail send"},
    {"SENDOFFLINEMESSAGE", "mail send"},
    {"CANCELOFFLINEMESSAGE", "mail send"},
    {"LISTOFFLINEMESSAGES", "mail list"},
    {"READOFFLINEMESSAGE", "mail read"},
    {"DELETEOFFLINEMESSAGE", "mail delete"},
    {"SETMETADATA", "meta set"},
    {"GETMETADATA", "meta get"},
    {"LISTMETADATA", "meta list"},
    {"DELETEMETADATA", "meta delete"},
    {"SENDMESSAGE", "send"},
    {"GETSERVERMAP", "map"},
    {"REGISTERACCOUNT", "register"},
    {"CONFIRMREGISTERACCOUNT", "register"},
    {"CHANGEPASSWORD", "passwd"},
};

// Letters, digits, and what joins words to a path or a file's name.
bool IsPartOfName(char c) {
  return absl::ascii_isalnum(c) || c == '/' || c == '.' || c == '_' || c == '-' ||
         (static_cast<unsigned char>(c) >= 0x80);
}

size_t Width(absl::string_view text) {
  return std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; });
}

}  // namespace

std::string InCommands(absl::string_view text) {
  std::string result;
  while (!text.empty()) {
    size_t length = 0;
    while (length < text.size() && IsPartOfName(text[length])) ++length;
    absl::string_view word = text.substr(0, length);
    absl::ConsumeSuffix(&word, ".");  // Of the sentence.
    const auto* const known =
        std::find_if(std::begin(kWords), std::end(kWords),
                     [word](const Word& known) { return known.protocol == word; });
    if (known != std::end(kWords)) {
      absl::StrAppend(&result, "`convergia ", known->command, "`");
      length = word.size();
    } else {
      length = std::max<size_t>(length, 1);
      absl::StrAppend(&result, text.substr(0, length));
    }
    text.remove_prefix(length);
  }
  return result;
}

std::string Printable(absl::string_view text) {
  std::string printable;
  while (!text.empty()) {
    uint32_t code = 0;
    const size_t length = ReadUtf8(text, &code);
    const bool is_layout = code == '\n' || code == '\t';
    if (length == 0 || (!is_layout && SteersTheTerminal(code))) {
      printable.push_back('?');
    } else {
      absl::StrAppend(&printable, text.substr(0, length));
    }
    text.remove_prefix(std::max<size_t>(length, 1));
  }
  return printable;
}

std::string PrintableName(absl::string_view name) {
  return absl::StrReplaceAll(Printable(name), {{"\n", "?"}, {"\t", " "}});
}

std::string ForOutput(absl::string_view text) {
  return isatty(STDOUT_FILENO) == 1 ? Printable(text) : std::string(text);
}

std::string ErrorLine(absl::string_view text) {
  return absl::StrCat("convergia: ", PrintableName(text), "\n");
}

std::string FormatMessage(const Message& message, absl::string_view time_format) {
  const std::string time = absl::FormatTime(time_format, message.sent, absl::LocalTimeZone());
  return absl::StrCat("[", time, "] ", Printable(message.from), ": ",
                      absl::StrReplaceAll(Printable(message.body), {{"\n", "\n    "}}));
}

std::string FormatTable(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::vector<std::string>> cells;
  std::vector<size_t> widths;
  for (const auto& row : rows) {
    cells.emplace_back();
    for (size_t i = 0; i < row.size(); ++i) {
      cells.back().push_back(absl::StrReplaceAll(Printable(row[i]), {{"\n", " "}, {"\t", " "}}));
      if (widths.size() <= i) widths.push_back(0);
      widths[i] = std::max(widths[i], Width(cells.back()[i]));
    }
  }
  std::string table;
  for (const auto& row : cells) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      absl::StrAppend(&line, row[i], std::string(widths[i] + 2 - Width(row[i]), ' '));
    }
    line.erase(line.find_last_not_of(' ') + 1);
    absl::StrAppend(&table, line, "\n");
  }
  return table;
}

}  // namespace convergia::client
