#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace convergia::testing {

struct Outcome {
  int exit_code = -1;  // -1 if a signal ended it.
  std::string out;
  std::string err;
};

// The built `convergia` command, as one user of a cluster has it. Not thread-safe.
class ConvergiaProgram {
 public:
  struct Options {
    std::string user;
    std::string password;
    std::string management;  // "host:port" for clients.
    std::string ca_file;
    std::string dir;  // For its profile and what it prints; made.
    // What starts it, if it is not started itself: `env --unset=HOME`, for instance.
    std::vector<std::string> launcher;
    std::string out;  // Where its standard output goes; empty: to Outcome::out.
  };
  explicit ConvergiaProgram(Options options);

  // Runs it to its end.
  Outcome Run(const std::vector<std::string>& arguments, absl::string_view stdin_bytes = "") const;

  // Starts it. AwaitEnd() must follow, before it is started again.
  pid_t Start(const std::vector<std::string>& arguments, absl::string_view stdin_bytes = "") const;
  Outcome AwaitEnd(pid_t pid) const;

  // The program and all of its arguments.
  std::vector<std::string> CommandOf(const std::vector<std::string>& arguments) const;

 private:
  std::string PathOf(absl::string_view name) const;

  const Options options_;
};

std::string ReadWholeFile(const std::string& path);
void WriteWholeFile(const std::string& path, absl::string_view bytes);

}  // namespace convergia::testing
