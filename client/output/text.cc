#include "client/output/text.h"

#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <iterator>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "client/output/cells.h"

namespace convergia::client {
namespace {

// The commands that people type, by the words that a client sends.
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

bool SteersTheTerminal(uint32_t code) {
  return code < 0x20 || (code >= 0x7f && code < 0xa0) ||  // C0, DEL, C1
         (code >= 0x202a && code <= 0x202e) ||            // Writing direction.
         (code >= 0x2066 && code <= 0x2069) || code == 0x200e || code == 0x200f;
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

}  // namespace convergia::client
