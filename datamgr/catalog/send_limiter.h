#pragma once

#include <cstddef>
#include <deque>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

namespace convergia::datamgr {

// Bounds how many offline messages each user sends in a minute: a sliding window. Only in memory,
// so a restart forgets what was sent. A core: the time comes in. Not thread-safe.
class SendLimiter {
 public:
  explicit SendLimiter(size_t per_minute) : per_minute_(per_minute) {}

  // Errors: FailCode::kRate, saying when to try again.
  absl::Status Check(const std::string& user, absl::Duration now);
  // `user` has sent one.
  void OnSent(const std::string& user, absl::Duration now);

 private:
  const size_t per_minute_;
  absl::flat_hash_map<std::string, std::deque<absl::Duration>> sent_;  // Of the last minute.
};

}  // namespace convergia::datamgr
