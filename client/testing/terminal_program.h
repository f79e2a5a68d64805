#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace convergia::client {

// How long a test waits for what a program is bound to do, on a machine however busy.
inline constexpr absl::Duration kProgramPatience = absl::Seconds(60);

// Exit status of the child `pid`, -1 if a signal ended it. DEADLINE_EXCEEDED if it still runs after
// `patience`; then it is killed. The child is gone in any case.
absl::StatusOr<int> AwaitEnd(pid_t pid, absl::Duration patience = kProgramPatience);

// A program on a terminal of its own, as a person has it. Nothing here waits for ever: every wait
// says what the program had shown when patience ended. Not thread-safe. Killed when this goes.
class TerminalProgram {
 public:
  // RESOURCE_EXHAUSTED if the machine has no terminal left to give.
  static absl::StatusOr<std::unique_ptr<TerminalProgram>> Start(
      const std::vector<std::string>& arguments);
  ~TerminalProgram();
  TerminalProgram(const TerminalProgram&) = delete;
  TerminalProgram& operator=(const TerminalProgram&) = delete;

  absl::Status Type(absl::string_view keys);

  // Takes what is shown up to the end of `wanted`. NOT_FOUND at once if the program leaves its
  // terminal without having shown it.
  absl::StatusOr<std::string> AwaitShown(absl::string_view wanted,
                                         absl::Duration patience = kProgramPatience);

  // As ::AwaitEnd(), and takes what the program goes on showing, so that it cannot be held up by
  // it.
  absl::StatusOr<int> AwaitExit(absl::Duration patience = kProgramPatience);

 private:
  TerminalProgram(pid_t pid, int fd) : pid_(pid), fd_(fd) {}
  enum class Seen { kMore, kEnd, kNothing };
  Seen ReadMore(absl::Duration deadline);

  pid_t pid_;  // -1 once it is gone.
  const int fd_;
  std::string shown_;  // And not taken.
};

}  // namespace convergia::client
