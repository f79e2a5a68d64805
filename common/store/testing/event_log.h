#pragma once

#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "common/store/store.h"

namespace convergia::store {

// The events that a watch has seen so far, for tests. Outlives the watch. Thread-safe.
class EventLog {
 public:
  WatchCallback Callback() {
    return [this](const absl::StatusOr<std::vector<Event>>& events) {
      absl::MutexLock lock(&mu_);
      if (!events.ok()) {
        status_ = events.status();
      } else {
        events_.insert(events_.end(), events->begin(), events->end());
      }
    };
  }

  // Waits until `count` events were seen, or 30 s, and returns those there are.
  std::vector<Event> Await(size_t count) {
    absl::MutexLock lock(&mu_);
    const auto enough = [&] { return events_.size() >= count; };
    mu_.AwaitWithTimeout(absl::Condition(&enough), absl::Seconds(30));
    return events_;
  }

  // Waits for the error that ends the watch, or 30 s; OK if none came.
  absl::Status AwaitEnd() {
    absl::MutexLock lock(&mu_);
    const auto ended = [&] { return !status_.ok(); };
    mu_.AwaitWithTimeout(absl::Condition(&ended), absl::Seconds(30));
    return status_;
  }

 private:
  absl::Mutex mu_;
  std::vector<Event> events_ ABSL_GUARDED_BY(mu_);
  absl::Status status_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::store
