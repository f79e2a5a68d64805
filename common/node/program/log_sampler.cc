#include "common/node/program/log_sampler.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace convergia::node {

std::optional<std::string> LogSampler::Take(absl::string_view text, absl::Duration now) {
  int left_out = 0;
  {
    absl::MutexLock lock(&mu_);
    level_ = std::max(absl::ZeroDuration(), level_ - (now - at_));
    at_ = now;
    if (level_ + kEach > kBurst * kEach) {
      ++left_out_;
      return std::nullopt;
    }
    level_ += kEach;
    left_out = std::exchange(left_out_, 0);
  }
  std::string line = absl::CEscape(text.substr(0, kLineBytesMax));
  if (text.size() > kLineBytesMax) line += "...";
  if (left_out > 0) absl::StrAppend(&line, " (", left_out, " such lines before it left out)");
  return line;
}

}  // namespace convergia::node
