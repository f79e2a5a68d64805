#pragma once

#include <cstddef>
#include <cstdint>

#include "absl/container/inlined_vector.h"

namespace convergia::session {

// Counts how many of the bytes in an outbox are pushes. Answers and pushes leave in the order in
// which they came, so it remembers where in the stream the pushes lie. Not thread-safe.
class PushMeter {
 public:
  // A push of `bytes` bytes was appended behind `ahead` bytes that wait.
  void OnPush(size_t ahead, size_t bytes) {
    const uint64_t begin = written_ + ahead;
    bytes_ += bytes;
    if (!runs_.empty() && runs_.back().end == begin) {
      runs_.back().end += bytes;
    } else {
      runs_.push_back({begin, begin + bytes});
    }
  }

  // The first `bytes` bytes have left; `is_empty`: nothing waits now.
  void OnWritten(size_t bytes, bool is_empty) {
    written_ += bytes;
    if (is_empty) {
      bytes_ = 0;
      runs_.clear();
      runs_.shrink_to_fit();  // Idle connections hold no memory.
      return;
    }
    auto run = runs_.begin();
    for (; run != runs_.end() && run->begin < written_; ++run) {
      if (run->end > written_) {
        bytes_ -= written_ - run->begin;
        run->begin = written_;
        break;
      }
      bytes_ -= run->end - run->begin;
    }
    runs_.erase(runs_.begin(), run);
  }

  // The pushes that wait.
  size_t bytes() const { return bytes_; }

 private:
  // Pushes without an answer between them, as positions in all bytes ever written.
  struct Run {
    uint64_t begin = 0;
    uint64_t end = 0;
  };
  absl::InlinedVector<Run, 2> runs_;  // In order. One answer at least lies between two runs.
  uint64_t written_ = 0;
  size_t bytes_ = 0;
};

}  // namespace convergia::session
