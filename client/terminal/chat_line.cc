#include "client/terminal/chat_line.h"

#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "client/output/cells.h"
#include "client/output/text.h"
#include "common/base/ids.h"

namespace convergia::client {
namespace {

constexpr size_t kQuoteCells = 30;

// Removes the first word from `*text` and returns it.
absl::string_view TakeWord(absl::string_view* text) {
  *text = absl::StripLeadingAsciiWhitespace(*text);
  const size_t space = text->find(' ');
  const absl::string_view word = text->substr(0, space);
  *text = space == absl::string_view::npos ? absl::string_view()
                                           : absl::StripLeadingAsciiWhitespace(text->substr(space));
  return word;
}

ChatLine Mistake(absl::string_view text) { return ChatMistake{std::string(text)}; }

ChatLine ParseTo(absl::string_view rest) {
  const absl::string_view name = TakeWord(&rest);
  if (name.empty()) return ChatTo{};
  const absl::StatusOr<Username> user = Username::Parse(name);
  if (!user.ok()) return Mistake(user.status().message());
  if (!rest.empty()) return Mistake("/to takes one name; for one message write /msg NAME TEXT");
  return ChatTo{user->str()};
}

ChatLine ParseMsg(absl::string_view rest) {
  const absl::StatusOr<Username> user = Username::Parse(TakeWord(&rest));
  if (!user.ok()) return Mistake(user.status().message());
  if (rest.empty()) return Mistake("there is no text; write /msg NAME TEXT");
  return ChatSend{user->str(), std::string(rest)};
}

ChatLine ParseSlash(absl::string_view line) {
  absl::string_view rest = line;
  const absl::string_view word = TakeWord(&rest);
  if (word != "/msg") rest = absl::StripTrailingAsciiWhitespace(rest);
  if (word == "/to") return ParseTo(rest);
  if (word == "/msg") return ParseMsg(rest);
  if (word == "/quit" || word == "/exit") return ChatQuit{};
  if (word == "/help") return ChatHelp{};
  return Mistake(absl::StrCat("there is no ", word, "; /help lists the commands"));
}

}  // namespace

const char kChatHelp[] =
    "/to NAME         lines go to NAME from now on; /to alone ends that\n"
    "/msg NAME TEXT   one message to NAME\n"
    "NAME: TEXT       the same, while lines go to nobody\n"
    "//TEXT           a line that begins with /; a pasted line needs no second one\n"
    "/quit            or Ctrl-D";

ChatLine ParseChatLine(absl::string_view line, absl::string_view to) {
  if (!absl::StartsWith(line, "/")) return ParsePastedLine(line, to);
  absl::ConsumeSuffix(&line, "\r");
  if (!absl::StartsWith(line, "//")) return ParseSlash(line);
  return ParsePastedLine(line.substr(1), to);  // One "/" belongs to the text.
}

ChatLine ParsePastedLine(absl::string_view line, absl::string_view to) {
  absl::ConsumeSuffix(&line, "\r");  // A file of another system may end lines with CR LF.
  if (absl::StripAsciiWhitespace(line).empty()) return ChatNothing{};
  if (!to.empty()) return ChatSend{std::string(to), std::string(line)};
  const size_t colon = line.find(": ");
  if (colon != absl::string_view::npos) {
    const absl::StatusOr<Username> user = Username::Parse(line.substr(0, colon));
    if (user.ok()) return ChatSend{user->str(), std::string(line.substr(colon + 2))};
  }
  return Mistake("no recipient: write /to NAME, or NAME: TEXT");
}

std::string QuoteOf(absl::string_view body) {
  const std::string text = PrintableName(body);
  const absl::string_view start = CutToCells(text, kQuoteCells);
  return absl::StrCat("\"", start, start.size() < text.size() ? "…" : "", "\"");
}

}  // namespace convergia::client
