#include "tools/devcluster/ready_line.h"

#include <utility>

#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace convergia::devcluster {

std::optional<ReadyLine> ParseReadyLine(absl::string_view line) {
  if (!absl::ConsumePrefix(&line, "READY ")) return std::nullopt;
  ReadyLine ready;
  for (const absl::string_view word : absl::StrSplit(line, ' ', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> field =
        absl::StrSplit(word, absl::MaxSplits('=', 1));
    const std::string value(field.second);
    if (field.first == "name") ready.name = value;
    if (field.first == "grpc") ready.grpc = value;
    if (field.first == "line") ready.line = value;
    if (field.first == "open_line") ready.open_line = value;
    if (field.first == "http") ready.http = value;
  }
  return ready;
}

}  // namespace convergia::devcluster
