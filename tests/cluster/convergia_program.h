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

// The built command `convergia`, in the hands of one user of a cluster. Not thread-safe.
class ConvergiaProgram {
 public:
  struct Options {
    std::string user;
    std::string password;
    std::string management;  // "host:port" for clients.
    std::string ca_file;
    std::string dir;  // For its profile and its output; created by the constructor.
    // A command that starts the program, for example `env --unset=HOME`. May be empty.
    std::vector<std::string> launcher;
    std::string out;  // The file for its standard output; if empty, the output goes to
                      // Outcome::out.
  };
  explicit ConvergiaProgram(Options options);

  // Runs the program to its end.
  Outcome Run(const std::vector<std::string>& arguments, absl::string_view stdin_bytes = "") const;

  // Starts the program. AwaitEnd() must follow before the next start.
  pid_t Start(const std::vector<std::string>& arguments, absl::string_view stdin_bytes = "") const;
  Outcome AwaitEnd(pid_t pid) const;

  // The program with the options for this user and the given arguments.
  std::vector<std::string> CommandOf(const std::vector<std::string>& arguments) const;

 private:
  std::string PathOf(absl::string_view name) const;

  const Options options_;
};

std::string ReadWholeFile(const std::string& path);
void WriteWholeFile(const std::string& path, absl::string_view bytes);

}  // namespace convergia::testing
