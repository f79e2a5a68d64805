#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/store/replicated/replicated_log.h"

namespace convergia::store {

// How far a replica has applied a log: what its store writes with every change.
struct LogMark {
  std::string log_id;  // kLogIdBytes.
  Epoch epoch = 0;     // Of the last applied entry.
  LogPosition position;

  friend bool operator==(const LogMark&, const LogMark&) = default;
};

std::string EncodeMark(const LogMark& mark);
// Errors: kDataLoss if `bytes` is not what EncodeMark() makes.
absl::StatusOr<LogMark> DecodeMark(absl::string_view bytes);

// Decides whether a store with the mark `mark` and the revision `revision` can follow a log in
// `state`: returns where it starts. `mark` is "" for a store that never followed one.
//
// Errors: kFailedPrecondition with what to do, if the store follows another log, has rows that the
// log does not know, or is ahead of the log; kOutOfRange if the entries that it needs are trimmed.
absl::StatusOr<LogMark> WhereToFollow(absl::string_view mark, uint64_t revision,
                                      const LogState& state);

}  // namespace convergia::store
