#pragma once

#include <deque>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "common/base/limits.h"
#include "common/store/store.h"

namespace convergia::store {

// How much history a store keeps for watches. The newest commit is always kept.
struct HistoryBounds {
  size_t revisions_max = limits::kStoreHistoryRevisionsMax;
  size_t bytes_max = limits::kStoreHistoryBytesMax;
};

// The recent history of one store, and its watches. A commit only appends to the history. The hub's
// thread calls the watches, each at its own position, so no watch delays a commit.
//
// Thread-safe. Destroy watchers before their hub.
class WatchHub {
 public:
  // `next` is the revision that will be appended first. The thread starts at once.
  WatchHub(const HistoryBounds& bounds, Revision next);
  ~WatchHub();

  // Adds the events of the next commit: one revision after the last, at least one event.
  void Append(std::vector<Event> events) ABSL_LOCKS_EXCLUDED(mu_);

  // The oldest revision in the history; the next one to come if the history is empty.
  Revision first_kept() const ABSL_LOCKS_EXCLUDED(mu_);

  // See Store::Watch().
  absl::StatusOr<std::unique_ptr<Watcher>> Watch(absl::string_view prefix, Revision from_revision,
                                                 WatchCallback callback) ABSL_LOCKS_EXCLUDED(mu_);

 private:
  struct Subscription;
  class Handle;
  struct Change {
    std::vector<Event> events;  // All of one revision.
    size_t bytes = 0;
  };
  using ChangePtr = std::shared_ptr<const Change>;

  void DispatchLoop() ABSL_LOCKS_EXCLUDED(mu_);
  void DispatchOnce(const std::shared_ptr<Subscription>& watch) ABSL_LOCKS_EXCLUDED(mu_);
  void End(const std::shared_ptr<Subscription>& watch) ABSL_LOCKS_EXCLUDED(mu_);

  bool IsReady(const Subscription& watch) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  bool HasWorkOrStopped() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  // A watch with events to see, each in turn; null if there is none.
  std::shared_ptr<Subscription> NextReady() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_);
  Revision next_revision() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return first_kept_ + changes_.size();
  }

  const HistoryBounds bounds_;

  mutable absl::Mutex mu_;
  std::deque<ChangePtr> changes_ ABSL_GUARDED_BY(mu_);  // Of first_kept_, first_kept_ + 1, ...
  Revision first_kept_ ABSL_GUARDED_BY(mu_);
  size_t bytes_ ABSL_GUARDED_BY(mu_) = 0;
  std::list<std::shared_ptr<Subscription>> watches_ ABSL_GUARDED_BY(mu_);
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;

  std::thread thread_;  // Last: it uses all of the above.
};

}  // namespace convergia::store
