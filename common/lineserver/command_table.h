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

// The fields of one request, unescaped. Valid only during the handler's call. An optional field
// that the client left out is not in the span.
using Fields = absl::Span<const absl::string_view>;

// Handles one request. Runs on the session's thread and must not block. Answers through the
// responder, now or later, from any thread.
using Handler = std::function<void(Session&, Fields, Responder)>;

enum class Access { kAnyone, kSignedIn };

// The bound to declare for an answer without a list or a file in it, in bytes.
inline constexpr size_t kSmallAnswerBytes = 1024;

struct CommandSpec {
  absl::string_view word;  // Upper-case letters. Must outlive the table, as a literal does.
  int fields_min = 0;
  int fields_max = 0;  // At most kFieldsMax. The last field takes the rest, LFs included.
  Access access = Access::kSignedIn;
  Handler handler;
  absl::string_view help;  // One line for HELP: "to LF body: send a message to ...".
  // The request counts towards the session's rate of messages; past that rate, reading pauses.
  bool counts_as_message = false;
  // An estimate of the largest answer, in bytes. A session starts no further request while the
  // estimates of its unanswered ones reach SessionLimits::answers_bytes_max. So only a few large
  // answers are made at one time, but as many small ones as requests may be outstanding.
  size_t answer_bytes_max = limits::kServerPacketBytesMax;
};

inline constexpr int kFieldsMax = 8;

// The commands of a server. LOGIN, PING, HELP and QUIT are always among them. Immutable, so
// thread-safe.
class CommandTable {
 public:
  // CHECK-fails if a word is given twice or has other characters than upper-case letters.
  explicit CommandTable(std::vector<CommandSpec> commands);
  CommandTable(const CommandTable&) = delete;
  CommandTable& operator=(const CommandTable&) = delete;

  // Null if there is no such word.
  const CommandSpec* Find(absl::string_view word) const;

  // Sorted by word.
  absl::Span<const CommandSpec> commands() const { return commands_; }

  // The answer to HELP: one row (word, help) for each command.
  const std::string& help() const { return help_; }

 private:
  std::vector<CommandSpec> commands_;
  absl::flat_hash_map<absl::string_view, const CommandSpec*> by_word_;
  std::string help_;
};

}  // namespace convergia::lineserver
