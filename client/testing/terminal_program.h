#pragma once

#include <sys/types.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace convergia::client {

// How long a test waits for a program, also on a busy machine.
inline constexpr absl::Duration kProgramPatience = absl::Seconds(60);

// Returns the exit status of the child `pid`; -1 if a signal ended it. Errors: kDeadlineExceeded if
// it still runs after `patience`; then it is killed. The child has ended in any case.
absl::StatusOr<int> AwaitEnd(pid_t pid, absl::Duration patience = kProgramPatience);

// A program on its own terminal, as a person uses it. No wait is endless: after its time the error
// has everything that the program had shown. Not thread-safe. The destructor kills the program.
class TerminalProgram {
 public:
  // Errors: kResourceExhausted if the machine has no free terminal.
  static absl::StatusOr<std::unique_ptr<TerminalProgram>> Start(
      const std::vector<std::string>& arguments);
  ~TerminalProgram();
  TerminalProgram(const TerminalProgram&) = delete;
  TerminalProgram& operator=(const TerminalProgram&) = delete;

  absl::Status Type(absl::string_view keys);

  // Waits for `wanted` and takes the output up to its end. Errors: kNotFound at once if the program
  // leaves its terminal before it shows `wanted`.
  absl::StatusOr<std::string> AwaitShown(absl::string_view wanted,
                                         absl::Duration patience = kProgramPatience);

  // As ::AwaitEnd(). It also takes further output, so that a full terminal does not block the
  // program.
  absl::StatusOr<int> AwaitExit(absl::Duration patience = kProgramPatience);

 private:
  TerminalProgram(pid_t pid, int fd) : pid_(pid), fd_(fd) {}
  enum class Seen { kMore, kEnd, kNothing };
  Seen ReadMore(absl::Duration deadline);

  pid_t pid_;  // -1 after it has ended.
  const int fd_;
  std::string shown_;  // Not taken yet.
};

}  // namespace convergia::client
