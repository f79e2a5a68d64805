#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/btree_map.h"
#include "absl/functional/any_invocable.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/store/store.h"

namespace convergia::datamgr {

// How much of the store was read and changed: rows, and bytes of keys and values. It only grows.
struct Touched {
  uint64_t rows = 0;
  uint64_t bytes = 0;
};

// The catalog's rows in their store. Commit() does not wait for the disk. Reads see its changes at
// once. The changes become durable a little later, in one sync with all commits that wait. So one
// thread commits many times as often as the disk syncs. No user may be told of a result before
// WhenDurable() reports it.
//
//   Commit(a) -> Commit(b) -> Get() sees both    the store: [a b] synced -> answers to a, b and Get
//
// Commits become durable in order, so the state after a crash is a state that reads have seen.
// After a failed write every commit fails, and reads show only the rows that the store has.
//
// Only one PipelinedStore may change these rows of the store. Not thread-safe: one thread uses it.
class PipelinedStore {
 public:
  using Durable = absl::AnyInvocable<void(const absl::Status& outcome)>;

  // `store` must outlive it.
  explicit PipelinedStore(store::Store& store) : store_(store) {}
  ~PipelinedStore();  // Calls Flush().

  // As in Store; reads see all earlier commits. Versions of rows that are not durable yet are good
  // only as guards.
  absl::StatusOr<std::optional<store::KeyValue>> Get(absl::string_view key) const
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<store::Page> Scan(absl::string_view begin, absl::string_view end, int limit) const
      ABSL_LOCKS_EXCLUDED(mu_);
  absl::Status ForEach(absl::string_view prefix,
                       absl::FunctionRef<absl::Status(const store::KeyValue&)> visit) const;

  // Applies `batch`. Every refusal is known when this returns. Blocks only while too many commits
  // wait for the disk.
  //
  // Errors: as Store::CommitAsync().
  absl::Status Commit(store::Batch batch) ABSL_LOCKS_EXCLUDED(mu_);

  // Calls `done` when everything committed so far is durable, at once if it is; or with the error
  // of the last commit. `done` runs on any thread and must not block.
  void WhenDurable(Durable done) ABSL_LOCKS_EXCLUDED(mu_);

  // Blocks until everything is durable and every callback has returned.
  void Flush() ABSL_LOCKS_EXCLUDED(mu_);

  // The rows and bytes touched since the start.
  const Touched& touched() const { return touched_; }

 private:
  struct Change {
    std::optional<std::string> value;
    uint64_t commit = 0;
  };
  struct Pending {
    uint64_t commit = 0;
    std::vector<std::string> keys;
    size_t bytes = 0;
    std::vector<Durable> waiting;
  };
  struct Ahead {
    std::string key;
    Change change;
  };

  absl::Status CheckGuards(const store::Batch& batch) const ABSL_LOCKS_EXCLUDED(mu_);
  void TakeAhead(std::vector<store::Mutation> mutations) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  void OnOutcome(uint64_t commit, const absl::Status& outcome) ABSL_LOCKS_EXCLUDED(mu_);
  void Touch(absl::string_view key, size_t value_bytes) const {
    ++touched_.rows;
    touched_.bytes += key.size() + value_bytes;
  }
  // The first `limit` changes in [begin, end). If there are more, `*next` becomes the next one's
  // key.
  std::vector<Ahead> AheadIn(absl::string_view begin, absl::string_view end, size_t limit,
                             std::string* next) const ABSL_LOCKS_EXCLUDED(mu_);
  absl::StatusOr<store::Page> ScanOnce(absl::string_view begin, absl::string_view end,
                                       int limit) const ABSL_LOCKS_EXCLUDED(mu_);
  bool HasRoom() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool IsQuiet() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return pending_.empty() && !is_telling_;
  }

  store::Store& store_;
  mutable Touched touched_;  // Only the one thread uses it.

  mutable absl::Mutex mu_;
  uint64_t last_commit_ ABSL_GUARDED_BY(mu_) = 0;
  // The outcome of commit `last_commit_`, if it arrives before CommitAsync() returns.
  std::optional<absl::Status> early_ ABSL_GUARDED_BY(mu_);
  std::deque<Pending> pending_ ABSL_GUARDED_BY(mu_);  // Not durable yet, in order.
  size_t pending_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  absl::btree_map<std::string, Change> ahead_ ABSL_GUARDED_BY(mu_);  // The changes of pending_.
  bool is_telling_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace convergia::datamgr
