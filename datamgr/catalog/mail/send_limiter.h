#pragma once

#include <cstddef>
#include <deque>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"

namespace convergia::datamgr {

// Limits how many offline messages each user sends in any minute: a sliding window. Only in memory,
// so a restart forgets the count. A core: `now` is Clock::Elapsed(). Not thread-safe.
class SendLimiter {
 public:
  explicit SendLimiter(size_t per_minute) : per_minute_(per_minute) {}

  // Errors: FailCode::kRate, with the time to wait.
  absl::Status Check(const std::string& user, absl::Duration now);
  // Call it after `user` has sent a message.
  void OnSent(const std::string& user, absl::Duration now);

 private:
  const size_t per_minute_;
  absl::flat_hash_map<std::string, std::deque<absl::Duration>> sent_;  // Times, by user.
};

}  // namespace convergia::datamgr
