#pragma once

#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace convergia::node {

// Lets so many log lines through that strangers can write neither forged lines nor a full disk.
// Thread-safe.
class LogSampler {
 public:
  static constexpr int kBurst = 20;                                 // Lines at once,
  static constexpr absl::Duration kEach = absl::Milliseconds(500);  // then one each.
  static constexpr size_t kLineBytesMax = 500;

  // The line to log for `text` at `now`: what is not printable ASCII escaped, cut,
  // with how many were left out before it. nullopt: leave it out too.
  std::optional<std::string> Take(absl::string_view text, absl::Duration now)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::Mutex mu_;
  absl::Duration level_ ABSL_GUARDED_BY(mu_);  // kEach for each line that is not forgiven yet.
  absl::Duration at_ ABSL_GUARDED_BY(mu_);
  int left_out_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace convergia::node
