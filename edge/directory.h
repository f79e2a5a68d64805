#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/inlined_vector.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"
#include "absl/types/span.h"
#include "common/base/ids.h"

namespace convergia::edge {

// The edges where one user is signed in, in ascending order.
using Places = absl::InlinedVector<NodeId, 2>;

// This edge's copy of where every user is, as mgmt tells it in batches that count up by one.
//
// Compact: 12 bytes for each place of each user, in 4,096 small sorted rows. A name is kept as its
// 64-bit hash: two names with the same hash would share their places, and the edges there, which
// know their users by name, would find nobody. So a look-up may say too much, never too little.
//
// A batch that is missing is asked for again (Begin() says kGap); until the whole comes, what is
// here goes on being used. Find() and version() are thread-safe; the others are called by one
// thread at a time, and may run beside Find().
class Directory {
 public:
  struct Position {
    Epoch epoch = 0;
    uint64_t sequence = 0;

    friend bool operator==(const Position&, const Position&) = default;
  };

  Directory();
  ~Directory();

  Places Find(absl::string_view user) const;

  // Grows whenever something changes that Find(user) looks at.
  uint32_t version(absl::string_view user) const;

  // ---- A batch: Begin(), and if it says so Set() and RemoveEdge(), then End().
  enum class Step {
    kApply,
    kIgnore,  // Already known.
    kGap,     // One before it was missed: ask for what follows position().
  };
  Step Begin(const Position& position, bool whole);
  // All the places of `user` now. At most kSessionsPerUserMax are kept.
  void Set(absl::string_view user, absl::Span<const NodeId> edges);
  void RemoveEdge(NodeId edge);
  // `more`: a whole that goes on in the next batch, and replaces what is here at its end.
  void End(bool more);

  // The stream of batches has broken; a whole that has only come in part is forgotten.
  void OnDetached();

  // The last batch applied.
  const Position& position() const { return position_; }

  // For the counters: places held, and the bytes that they take.
  size_t size() const;
  size_t bytes() const;

 private:
  struct Place {
    uint32_t high = 0;  // Of the hash.
    uint32_t low = 0;
    NodeId edge = 0;

    friend auto operator<=>(const Place&, const Place&) = default;
  };
  using Row = std::vector<Place>;
  static constexpr size_t kRows = 4096;
  static constexpr size_t kLocks = 64;
  using Rows = std::array<Row, kRows>;

  static size_t RowOf(uint64_t hash) { return hash % kRows; }
  absl::Mutex& LockOf(size_t row) const { return locks_[row % kLocks]; }
  static void Change(Row* row, uint64_t hash, absl::Span<const NodeId> edges);
  static void EraseEdge(Row* row, NodeId edge);
  void UseStaged();

  // One lock for every 64th row. Thread annotations cannot say that.
  mutable std::array<absl::Mutex, kLocks> locks_;
  std::unique_ptr<Rows> rows_;
  std::array<std::atomic<uint32_t>, kRows> versions_ = {};

  // Of the thread that applies batches.
  Position position_;
  std::unique_ptr<Rows> staged_;  // A whole that has not come to its end.
};

}  // namespace convergia::edge
