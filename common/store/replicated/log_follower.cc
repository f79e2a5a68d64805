#include "common/store/replicated/log_follower.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace convergia::store {

absl::StatusOr<LogFollower::Actions> LogFollower::OnEntries(absl::Span<const LogEntry> entries) {
  std::vector<const LogEntry*> sorted;
  for (const LogEntry& entry : entries) sorted.push_back(&entry);
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const LogEntry* a, const LogEntry* b) { return a->sequence < b->sequence; });
  const LogMark before = mark_;
  Actions actions;
  for (const LogEntry* entry : sorted) {
    if (entry->sequence < next()) continue;  // Applied already.
    if (entry->sequence > next()) {
      actions.list = true;
      break;
    }
    absl::StatusOr<std::string> changes = Take(*entry);
    if (!changes.ok()) {
      mark_ = before;
      return changes.status();
    }
    actions.apply.push_back(*std::move(changes));
  }
  return actions;
}

absl::StatusOr<std::string> LogFollower::Take(const LogEntry& sealed) {
  CVG_ASSIGN_OR_RETURN(Entry entry, codec_->Open(sealed.bytes));
  if (entry.sequence != next() || entry.previous != mark_.position.hash) {
    return absl::DataLossError(absl::StrCat("the log's entry ", next(),
                                            " does not continue the entries before it; this "
                                            "replica stops, so that it applies nothing false"));
  }
  if (entry.epoch < mark_.epoch) {
    return absl::DataLossError(absl::StrCat("the log's entry ", next(), " is of epoch ",
                                            entry.epoch, ", after entries of epoch ", mark_.epoch));
  }
  mark_.epoch = entry.epoch;
  mark_.position = {entry.sequence, EntryCodec::HashOf(sealed.bytes)};
  return std::move(entry.changes);
}

absl::StatusOr<bool> LogFollower::HasReached(const LogPosition& head) const {
  if (mark_.position == head) return true;
  if (mark_.position.sequence < head.sequence) return false;
  return absl::DataLossError(absl::StrCat(
      "this replica has applied entry ", mark_.position.sequence, ", and the log's head is entry ",
      head.sequence, " of another history: the log has lost entries"));
}

}  // namespace convergia::store
