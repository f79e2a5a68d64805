#pragma once

#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"

namespace convergia::node {

// Limits the log lines that strangers can cause, by a leaky bucket, and escapes them. So strangers
// can neither forge lines nor fill the disk. Thread-safe.
class LogSampler {
 public:
  static constexpr int kBurst = 20;                                 // So many lines at once,
  static constexpr absl::Duration kEach = absl::Milliseconds(500);  // then one in this time.
  static constexpr size_t kLineBytesMax = 500;                      // Before it is escaped.

  // Returns the line to log for `text`, or nullopt if the line is to be left out. The text is cut
  // at kLineBytesMax, bytes other than printable ASCII are escaped, and the number of lines left
  // out before it is appended. `now` is Clock::Elapsed().
  std::optional<std::string> Take(absl::string_view text, absl::Duration now)
      ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::Mutex mu_;
  absl::Duration level_ ABSL_GUARDED_BY(mu_);  // The bucket: kEach for each line still in it.
  absl::Duration at_ ABSL_GUARDED_BY(mu_);
  int left_out_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace convergia::node
