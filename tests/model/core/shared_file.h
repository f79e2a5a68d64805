#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"

namespace convergia::testing {

// Checks reads of one file that several writers overwrite at once, each with whole stamps of its
// own. A read is right if it gives one whole stamp of a write that began before the read ended. No
// later write may have replaced that stamp for certain before the read began.
//
// Thread-safe.
class SharedFile {
 public:
  enum class Outcome { kDone, kRefused, kLost };

  // Returns a new stamp. 0 is the content before any write.
  uint64_t BeginWrite() ABSL_LOCKS_EXCLUDED(mu_);
  // Ends the write of `stamp`. A write that is kLost may be applied at any later time.
  void EndWrite(uint64_t stamp, Outcome outcome) ABSL_LOCKS_EXCLUDED(mu_);

  // The present moment; take it before sending a read.
  int64_t BeginRead() ABSL_LOCKS_EXCLUDED(mu_);
  // Checks that a read that began at `begin` may give `bytes`. Returns "" or the error.
  std::string EndRead(int64_t begin, const std::string& bytes) ABSL_LOCKS_EXCLUDED(mu_);

  // The content of the file after the write of `stamp`.
  static std::string BytesOf(uint64_t stamp);

 private:
  struct Write {
    int64_t begin = 0;
    int64_t end = INT64_MAX;
    Outcome outcome = Outcome::kLost;  // Until it ends.
  };
  // Whether another write had certainly replaced `write` before `moment`.
  bool WasReplaced(const Write& write, int64_t moment) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  absl::Mutex mu_;
  int64_t now_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<Write> writes_ ABSL_GUARDED_BY(mu_) = {{0, 0, Outcome::kDone}};  // By stamp.
};

}  // namespace convergia::testing
