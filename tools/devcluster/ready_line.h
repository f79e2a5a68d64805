#pragma once

#include <optional>
#include <string>

#include "absl/strings/string_view.h"

namespace convergia::devcluster {

// The line that a node prints when it serves:
//   READY name=edge1 role=edge grpc=127.0.0.1:41234 line=127.0.0.1:41235 http=
struct ReadyLine {
  std::string name;
  std::string grpc;
  std::string line;
  std::string open_line;  // Only mgmt's.
  std::string http;
};

// nullopt if `line` is another line.
std::optional<ReadyLine> ParseReadyLine(absl::string_view line);

}  // namespace convergia::devcluster
