#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "common/store/replicated/entry_codec.h"
#include "common/store/replicated/log_mark.h"
#include "common/store/replicated/replicated_log.h"

namespace convergia::store {

// Follows the log for one replica: puts the entries in order, drops those that it has, and checks
// that each is sealed by the role's secret and continues the one before it.
//
// A core: no thread, no I/O, no clock. Not thread-safe.
class LogFollower {
 public:
  // `mark`: what the replica's store has applied. `codec` must outlive the follower.
  LogFollower(const EntryCodec* codec, LogMark mark) : codec_(codec), mark_(std::move(mark)) {}

  // The consequence of entries that came.
  struct Actions {
    std::vector<std::string> apply;  // Changes, in order; then mark() is what was applied.
    bool list = false;               // Entries are missing: read the log from next() on.
  };

  // `entries`: from a watch or a read of the log, in any order and any number of times.
  //
  // Errors: kDataLoss if an entry is not the next of this log. Nothing of `entries` is to be
  // applied then, and this replica must not go on.
  absl::StatusOr<Actions> OnEntries(absl::Span<const LogEntry> entries);

  // Whether everything up to `head`, which an election made final, is applied.
  //
  // Errors: kDataLoss if this replica has applied something else, or more.
  absl::StatusOr<bool> HasReached(const LogPosition& head) const;

  const LogMark& mark() const { return mark_; }
  Sequence next() const { return mark_.position.sequence + 1; }

 private:
  // Opens the next entry and steps to it. Returns its changes.
  absl::StatusOr<std::string> Take(const LogEntry& entry);

  const EntryCodec* const codec_;
  LogMark mark_;
};

}  // namespace convergia::store
