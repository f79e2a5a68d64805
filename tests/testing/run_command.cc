#include "tests/testing/run_command.h"

#include <sys/wait.h>

#include <array>
#include <cstdio>

#include "absl/strings/str_cat.h"

namespace convergia::testing {

CommandResult RunCommand(const std::string& command) {
  CommandResult result;
  FILE* const pipe = popen(absl::StrCat("( ", command, " ) 2>&1").c_str(), "r");
  if (pipe == nullptr) return result;
  std::array<char, 4096> bytes;
  size_t count;
  while ((count = fread(bytes.data(), 1, bytes.size(), pipe)) > 0) {
    result.output.append(bytes.data(), count);
  }
  const int status = pclose(pipe);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128;
  return result;
}

}  // namespace convergia::testing
