#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/store/store.h"
#include "common/store/testing/mem_store.h"

namespace convergia::store {

// For tests: a store in memory whose commits wait until the test lets them go, as they wait for the
// sync of a real disk. Thread-safe.
class HeldStore final : public Store {
 public:
  // From here on commits wait.
  void Hold() ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    holding_ = true;
  }

  // Applies the oldest waiting commit. False: there is none.
  bool LetOne() ABSL_LOCKS_EXCLUDED(mu_) {
    std::optional<Waiting> next;
    {
      absl::MutexLock lock(&mu_);
      if (waiting_.empty()) return false;
      next = std::move(waiting_.front());
      waiting_.pop_front();
    }
    store_.CommitAsync(std::move(next->batch), std::move(next->done));
    return true;
  }

  // Applies all waiting commits, and holds none from here on. Do not commit meanwhile.
  void Let() ABSL_LOCKS_EXCLUDED(mu_) {
    while (LetOne()) {
    }
    absl::MutexLock lock(&mu_);
    holding_ = false;
  }

  // The disk fails under the next commit that is applied: see MemStore.
  void BreakNextCommit(bool done) { store_.BreakNextCommit(done); }

  size_t waiting() const ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return waiting_.size();
  }

  absl::StatusOr<std::optional<KeyValue>> Get(absl::string_view key) const override {
    return store_.Get(key);
  }
  std::unique_ptr<Snapshot> TakeSnapshot() const override { return store_.TakeSnapshot(); }
  void CommitAsync(Batch batch, CommitCallback done) override ABSL_LOCKS_EXCLUDED(mu_) {
    {
      absl::MutexLock lock(&mu_);
      if (holding_) {
        waiting_.push_back({std::move(batch), std::move(done)});
        return;
      }
    }
    store_.CommitAsync(std::move(batch), std::move(done));
  }
  absl::StatusOr<std::unique_ptr<Watcher>> Watch(absl::string_view prefix, Revision from_revision,
                                                 WatchCallback callback) override {
    return store_.Watch(prefix, from_revision, std::move(callback));
  }
  void Stop() override { store_.Stop(); }

 private:
  struct Waiting {
    Batch batch;
    CommitCallback done;
  };

  MemStore store_;
  mutable absl::Mutex mu_;
  bool holding_ ABSL_GUARDED_BY(mu_) = false;
  std::deque<Waiting> waiting_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::store
