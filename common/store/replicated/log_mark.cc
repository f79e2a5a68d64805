#include "common/store/replicated/log_mark.h"

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/store/big_endian.h"

namespace convergia::store {
namespace {

constexpr uint8_t kVersion = 1;

absl::Status CheckMark(const LogMark& mark, const LogState& state) {
  if (mark.log_id != state.id) {
    return absl::FailedPreconditionError(
        "this store follows another log; give it the log of its own cluster, or an empty "
        "directory");
  }
  const LogPosition& at = mark.position;
  if (at.sequence > state.head.sequence ||
      (at.sequence == state.head.sequence && at != state.head)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "this store has entry ", at.sequence, ", which the log (at ", state.head.sequence,
        ") has not: the log was restored from a backup; do not start replicas on it"));
  }
  return absl::OkStatus();
}

}  // namespace

std::string EncodeMark(const LogMark& mark) {
  std::string bytes;
  AppendInteger<uint8_t>(kVersion, &bytes);
  bytes += mark.log_id;
  AppendInteger<uint64_t>(mark.epoch, &bytes);
  AppendInteger<uint64_t>(mark.position.sequence, &bytes);
  bytes += mark.position.hash;
  return bytes;
}

absl::StatusOr<LogMark> DecodeMark(absl::string_view bytes) {
  LogMark mark;
  uint8_t version = 0;
  if (!TakeInteger(&bytes, &version) || version != kVersion ||
      !TakeBytes(&bytes, kLogIdBytes, &mark.log_id) || !TakeInteger(&bytes, &mark.epoch) ||
      !TakeInteger(&bytes, &mark.position.sequence) ||
      !TakeBytes(&bytes, kLogHashBytes, &mark.position.hash) || !bytes.empty()) {
    return absl::DataLossError("the store's place in the log cannot be read");
  }
  return mark;
}

absl::StatusOr<LogMark> WhereToFollow(absl::string_view bytes, uint64_t revision,
                                      const LogState& state) {
  LogMark mark;
  mark.log_id = state.id;
  if (!bytes.empty()) {
    CVG_ASSIGN_OR_RETURN(mark, DecodeMark(bytes));
    CVG_RETURN_IF_ERROR(CheckMark(mark, state));
  } else if (revision > 0) {
    return absl::FailedPreconditionError(
        "this store has rows that the log does not know; give it an empty directory");
  }
  if (mark.position.sequence + 1 < state.first) {
    return absl::OutOfRangeError(absl::StrCat("this store needs entry ", mark.position.sequence + 1,
                                              " of the log, whose oldest is ", state.first,
                                              "; copy the store of another replica"));
  }
  return mark;
}

}  // namespace convergia::store
