#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/synchronization/mutex.h"
#include "common/store/store.h"
#include "common/store/watch_hub.h"

namespace convergia::store {

// A store in memory, for tests and simulations. It passes the same suite as every backend. Commits
// are applied on the caller's thread, before CommitAsync() returns.
class MemStore final : public Store {
 public:
  explicit MemStore(const HistoryBounds& history = {});

  // For tests: the disk "fails" under the next commit. That commit answers UNKNOWN and is applied
  // if `done`; all later ones answer FENCED.
  void BreakNextCommit(bool done) ABSL_LOCKS_EXCLUDED(mu_);

  absl::StatusOr<std::optional<KeyValue>> Get(absl::string_view key) const override
      ABSL_LOCKS_EXCLUDED(mu_);
  std::unique_ptr<Snapshot> TakeSnapshot() const override ABSL_LOCKS_EXCLUDED(mu_);
  void CommitAsync(Batch batch, CommitCallback done) override ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<std::unique_ptr<Watcher>> Watch(absl::string_view prefix, Revision from_revision,
                                                 WatchCallback callback) override;
  void Stop() override ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class MemSnapshot;
  struct Row {
    std::string value;
    Revision version = 0;
  };
  // One state of all keys. A commit changes it in place; if a snapshot reads it, it changes a copy.
  struct Rows {
    absl::btree_map<std::string, Row> map;
    Revision revision = 0;
    int readers = 0;  // Snapshots; guarded by the store's mutex.
  };
  enum class Health { kWell, kBreaksUndone, kBreaksDone, kFenced, kStopped };

  static std::optional<KeyValue> Find(const Rows& rows, absl::string_view key);
  absl::StatusOr<Revision> CommitLocked(const Batch& batch) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void Apply(const std::vector<const Mutation*>& changes) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);

  WatchHub hub_;
  mutable absl::Mutex mu_;
  std::shared_ptr<Rows> rows_ ABSL_GUARDED_BY(mu_);
  Health health_ ABSL_GUARDED_BY(mu_) = Health::kWell;
};

}  // namespace convergia::store
