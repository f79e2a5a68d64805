#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "common/store/replicated/entry_codec.h"
#include "common/store/replicated/log_mark.h"
#include "common/store/replicated/replicated_log.h"

namespace convergia::store {

// Appends the leader's entries, one in flight. Decides what the answer to an attempt means, and
// repeats an attempt that had none: the refusal of a repeated one tells whether an earlier was
// carried out.
//
//   log.Append(writer.Begin(changes, salt)) -> OnAnswer() -> kSend: the same request again
//
// A core: no thread, no I/O, no clock. Not thread-safe.
class LogWriter {
 public:
  enum class Step {
    kSend,     // Send request() now.
    kDone,     // It is in the log.
    kFenced,   // It is not in the log, and will not be.
    kUnknown,  // It is in the log, will be, or neither.
  };

  // `term`: won by this replica, which has applied everything up to its head. `codec` must outlive
  // the writer.
  LogWriter(const EntryCodec* codec, const Term& term);

  // Starts the next entry; send request(). Only after kDone. `salt`: see EntryCodec::Seal().
  void Begin(absl::string_view changes, absl::string_view salt);
  const AppendRequest& request() const { return request_; }

  Step OnAnswer(const AppendAnswer& answer);

  // The outcome of the entry if nothing more may be sent, because the lease ends.
  Step OnLeaseEnded() const;

  // After kDone: where the log's head is.
  LogMark mark() const { return {codec_->log_id(), term_.epoch, head_}; }

 private:
  Step OnRefused(const AppendAnswer& answer);

  const EntryCodec* const codec_;
  const Term term_;
  LogPosition head_;
  AppendRequest request_;
  bool maybe_done_ = false;  // An attempt of this entry had no answer.
};

}  // namespace convergia::store
