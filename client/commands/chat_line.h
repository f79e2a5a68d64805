#pragma once

#include <string>
#include <variant>

#include "absl/strings/string_view.h"

// What a person types in `convergia chat`.
namespace convergia::client {

struct ChatNothing {};
struct ChatQuit {};
struct ChatHelp {};
// All further lines go to `user`; to nobody if it is empty.
struct ChatTo {
  std::string user;
};
struct ChatSend {
  std::string to;
  std::string body;
};
// Cannot be understood; the text says what would be.
struct ChatMistake {
  std::string text;
};
using ChatLine = std::variant<ChatNothing, ChatQuit, ChatHelp, ChatTo, ChatSend, ChatMistake>;

// Reads one line. `to` is whom lines go to now; empty for nobody.
//
//   /to bob          lines go to bob from now on; "/to" alone ends that
//   /msg bob text    one message to bob
//   bob: text        the same, while lines go to nobody
//   /help  /quit
//   text             to whom lines go; "//..." sends a text that begins with "/"
ChatLine ParseChatLine(absl::string_view line, absl::string_view to);

extern const char kChatHelp[];

}  // namespace convergia::client
