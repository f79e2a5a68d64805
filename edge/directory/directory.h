#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/container/inlined_vector.h"
#include "absl/functional/function_ref.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/base/hash/user_hash.h"
#include "common/base/ids.h"

namespace convergia::edge {

// The edges where one user is signed in, in ascending order.
using Places = absl::InlinedVector<NodeId, 2>;

// This edge's copy of the locations of all users: only the places. LocationExchange, which writes
// here, knows the versions of each author.
//
// Compact: 12 bytes for each place of each user, in 4,096 small sorted rows, which are also the
// buckets that mgmt compares. A name is kept as its 64-bit hash. Two names with the same hash share
// their places; an edge that does not have the user finds nobody, because it knows its users by
// name. So a look-up may return too many edges, never too few.
//
// Find(), LeftLately(), IsLost() and version() are thread-safe. The others are called by one thread
// at a time; Find() may run meanwhile, and waits for one row at most.
class Directory {
 public:
  Directory();
  ~Directory();

  Places Find(absl::string_view user) const;

  // True if `user` left `edge` at most kLeftMemory ago, as far as this edge was told.
  bool LeftLately(absl::string_view user, NodeId edge) const ABSL_LOCKS_EXCLUDED(left_mu_);
  // By then messages from before are answered or withdrawn (limits::kUnconfirmedAfter).
  static constexpr absl::Duration kLeftMemory = absl::Seconds(12);
  static constexpr size_t kLeftMax = 65'536;  // The last ones; some 4 MB.

  // True if this edge believes that `edge` is dead, so its users are unknown.
  bool IsLost(NodeId edge) const ABSL_LOCKS_EXCLUDED(left_mu_);

  // Whether messages of `user` may come from `edge`: the user is there or was lately, or `edge` is
  // lost, so nobody knows who is there.
  bool MaySendFrom(const std::string& user, NodeId edge) const ABSL_LOCKS_EXCLUDED(left_mu_);

  // Grows whenever something changes that Find(user) looks at.
  uint32_t version(absl::string_view user) const;

  // Sets the time for LeftLately(): Clock::Elapsed(), at most a second or so old.
  void set_now(absl::Duration now) { now_ms_ = absl::ToInt64Milliseconds(now); }

  // For IsLost().
  void SetLost(NodeId edge, bool lost) ABSL_LOCKS_EXCLUDED(left_mu_);

  // False if it was there (or was not) already.
  bool Put(UserHash user, NodeId edge);
  bool Erase(UserHash user, NodeId edge);

  // Takes all places at `edge` away.
  void EraseEdge(NodeId edge);
  // Replaces all users at `edge` by `users`. Duplicates count once.
  void ReplaceEdge(NodeId edge, std::vector<UserHash> users);

  struct UserAt {
    UserHash user = 0;
    NodeId edge = 0;
  };
  // Replaces the content of the bucket by `places`, which all belong there. Places at edges for
  // which `keeps` is true stay as they were.
  void ReplaceBucket(size_t bucket, absl::Span<const UserAt> places,
                     absl::FunctionRef<bool(NodeId)> keeps);

  // In no particular order.
  std::vector<UserHash> UsersAt(NodeId edge) const;

  // Kept up to date with each change.
  const DirectoryDigests& digests() const { return digests_; }

  // For the counters: places held, and the bytes that they take.
  size_t size() const;
  size_t bytes() const;

 private:
  // Twelve bytes, where a whole hash would make it sixteen.
  struct Place {
    uint32_t high = 0;  // Of the hash.
    uint32_t low = 0;
    NodeId edge = 0;

    UserHash user() const { return UserHash{high} << 32 | low; }
    friend auto operator<=>(const Place&, const Place&) = default;
  };
  using Row = std::vector<Place>;
  static constexpr size_t kRows = kDirectoryBuckets;
  static constexpr size_t kLocks = 64;
  using Rows = std::array<Row, kRows>;

  static Place MakePlace(UserHash user, NodeId edge) {
    return {static_cast<uint32_t>(user >> 32), static_cast<uint32_t>(user), edge};
  }
  absl::Mutex& LockOf(size_t row) const { return locks_[row % kLocks]; }
  void NoteLeft(UserHash user, NodeId edge) ABSL_LOCKS_EXCLUDED(left_mu_);
  // The row becomes `next`, which is sorted.
  void Become(size_t at, Row next);

  // One lock for every 64th row. Thread annotations cannot say that.
  mutable std::array<absl::Mutex, kLocks> locks_;
  std::unique_ptr<Rows> rows_;
  std::array<std::atomic<uint32_t>, kRows> versions_ = {};
  DirectoryDigests digests_ = {};  // Of the thread that writes.
  std::atomic<int64_t> now_ms_ = 0;

  mutable absl::Mutex left_mu_;
  absl::flat_hash_set<NodeId> lost_ ABSL_GUARDED_BY(left_mu_);
  using Left = std::pair<UserHash, NodeId>;
  absl::flat_hash_map<Left, absl::Duration> left_ ABSL_GUARDED_BY(left_mu_);  // And when.
  std::deque<std::pair<Left, absl::Duration>> left_in_order_ ABSL_GUARDED_BY(left_mu_);
};

}  // namespace convergia::edge
