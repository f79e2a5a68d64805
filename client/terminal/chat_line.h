#pragma once

#include <string>
#include <variant>

#include "absl/strings/string_view.h"

// Lines that a person types in `convergia chat`.
namespace convergia::client {

struct ChatNothing {};
struct ChatQuit {};
struct ChatHelp {};
// All later lines go to `user`; to nobody if it is empty.
struct ChatTo {
  std::string user;
};
struct ChatSend {
  std::string to;
  std::string body;
};
// A mistake; the text says what to type instead.
struct ChatMistake {
  std::string text;
};
using ChatLine = std::variant<ChatNothing, ChatQuit, ChatHelp, ChatTo, ChatSend, ChatMistake>;

// Parses one line. `to` is the user that lines go to now; empty: nobody.
//
//   /to bob          lines go to bob from now on; "/to" alone ends that
//   /msg bob text    one message to bob
//   bob: text        the same, while lines go to nobody
//   /help  /quit
//   text             one message to `to`; "//..." sends a text that begins with "/"
ChatLine ParseChatLine(absl::string_view line, absl::string_view to);

// The same for a line that was pasted, so all of it is text: a "/" begins no command.
ChatLine ParsePastedLine(absl::string_view line, absl::string_view to);

// The beginning of a message, in quotes, to recognize it by.
std::string QuoteOf(absl::string_view body);

extern const char kChatHelp[];

}  // namespace convergia::client
