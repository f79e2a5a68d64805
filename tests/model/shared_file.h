#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace convergia::testing {

// What several may do at once to one file that each overwrites whole, with a stamp of its own, and
// which reads of it are then right: one whole stamp, of a write that had begun when the read ended,
// and that no other write had replaced for certain before the read began.
//
// Thread-safe.
class SharedFile {
 public:
  enum class Outcome { kDone, kRefused, kLost };

  // A new stamp, never 0: 0 is what the file has before anybody writes.
  uint64_t BeginWrite() ABSL_LOCKS_EXCLUDED(mu_);
  // kLost: it may have been done, at any time until the next EndWrite() of the same writer at the
  // latest, of which nothing is known here: so at any time.
  void EndWrite(uint64_t stamp, Outcome outcome) ABSL_LOCKS_EXCLUDED(mu_);

  // A moment, to be taken before a read is sent.
  int64_t BeginRead() ABSL_LOCKS_EXCLUDED(mu_);
  // That a read begun then gave `bytes`. Empty if that is right; else why not.
  std::string EndRead(int64_t begin, const std::string& bytes) ABSL_LOCKS_EXCLUDED(mu_);

  // The file of `stamp`.
  static std::string BytesOf(uint64_t stamp);

 private:
  struct Write {
    int64_t begin = 0;
    int64_t end = INT64_MAX;
    Outcome outcome = Outcome::kLost;  // Until it ends.
  };
  // Whether `write` was replaced for certain before `moment`.
  bool WasReplaced(const Write& write, int64_t moment) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  absl::Mutex mu_;
  int64_t now_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<Write> writes_ ABSL_GUARDED_BY(mu_) = {{0, 0, Outcome::kDone}};  // By stamp.
};

}  // namespace convergia::testing
