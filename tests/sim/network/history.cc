#include "tests/sim/network/history.h"

#include "absl/strings/str_format.h"

namespace convergia::sim {

void History::Add(absl::string_view text) {
  const absl::Duration now = events_->now();
  std::string line = absl::StrCat(absl::StrFormat("%11.6f ", absl::ToDoubleSeconds(now)), text);
  for (const unsigned char byte : line) fingerprint_ = (fingerprint_ ^ byte) * 1099511628211ull;
  lines_.push_back(std::move(line));
  if (lines_.size() > lines_max_) lines_.pop_front();
}

}  // namespace convergia::sim
