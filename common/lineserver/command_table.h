#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/base/limits.h"
#include "common/lineserver/responder.h"
#include "common/lineserver/session_types.h"

namespace convergia::lineserver {

// A request's fields, unescaped; valid only during the handler's call. Absent optional fields are
// simply not there.
using Fields = absl::Span<const absl::string_view>;

// Runs on the session's thread and must not block. It answers through the responder, now or later.
using Handler = std::function<void(Session&, Fields, Responder)>;

enum class Access { kAnyone, kSignedIn };

// Of answers that have no list and no file in them.
inline constexpr size_t kSmallAnswerBytes = 1024;

struct CommandSpec {
  absl::string_view word;  // Upper-case letters. Must outlive the table, as a literal does.
  int fields_min = 0;
  int fields_max = 0;  // At most kFieldsMax. The last field takes the rest, LFs included.
  Access access = Access::kSignedIn;
  Handler handler;
  absl::string_view help;  // "to LF body: send a message to someone who is signed in"
  // Counts towards the session's rate of messages; past it, reading pauses.
  bool counts_as_message = false;
  // About what an answer may come to. Requests with large answers wait for one another past
  // SessionLimits::answers_bytes_max; with small ones, as many as may be outstanding run at once.
  size_t answer_bytes_max = limits::kServerPacketBytesMax;
};

inline constexpr int kFieldsMax = 8;

// The words a server knows, with the four that every server knows: LOGIN, PING, HELP, QUIT.
// Immutable, so thread-safe.
class CommandTable {
 public:
  // Dies of a word that is given twice or is not upper-case letters.
  explicit CommandTable(std::vector<CommandSpec> commands);
  CommandTable(const CommandTable&) = delete;
  CommandTable& operator=(const CommandTable&) = delete;

  // Null if there is no such word.
  const CommandSpec* Find(absl::string_view word) const;

  // Sorted by word.
  absl::Span<const CommandSpec> commands() const { return commands_; }

  // HELP's answer: a row (word, help) each.
  const std::string& help() const { return help_; }

 private:
  std::vector<CommandSpec> commands_;
  absl::flat_hash_map<absl::string_view, const CommandSpec*> by_word_;
  std::string help_;
};

}  // namespace convergia::lineserver
