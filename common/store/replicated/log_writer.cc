#include "common/store/replicated/log_writer.h"

#include <glog/logging.h>

namespace convergia::store {

LogWriter::LogWriter(const EntryCodec* codec, const Term& term)
    : codec_(codec), term_(term), head_(term.head) {}

void LogWriter::Begin(absl::string_view changes, absl::string_view salt) {
  Entry entry;
  entry.epoch = term_.epoch;
  entry.sequence = head_.sequence + 1;
  entry.previous = head_.hash;
  entry.changes = std::string(changes);
  request_.leader_key = term_.key;
  request_.before = head_;
  request_.entry = {entry.sequence, codec_->Seal(entry, salt)};
  request_.after = {entry.sequence, EntryCodec::HashOf(request_.entry.bytes)};
  maybe_done_ = false;
}

LogWriter::Step LogWriter::OnAnswer(const AppendAnswer& answer) {
  switch (answer.kind) {
    case AppendAnswer::Kind::kAppended:
      head_ = request_.after;
      return Step::kDone;
    case AppendAnswer::Kind::kRefused:
      return OnRefused(answer);
    case AppendAnswer::Kind::kNoAnswer:
      break;
  }
  maybe_done_ = true;
  return Step::kSend;
}

LogWriter::Step LogWriter::OnRefused(const AppendAnswer& answer) {
  if (answer.entry.has_value()) {
    if (*answer.entry != request_.entry.bytes) return Step::kFenced;  // The place is taken.
    head_ = request_.after;
    return Step::kDone;
  }
  if (!maybe_done_) return Step::kFenced;
  // An earlier attempt was carried out and its entry trimmed since, or it was not. And as long as
  // this replica leads, it may still be carried out.
  if (answer.leads || answer.head.sequence >= request_.entry.sequence) return Step::kUnknown;
  return Step::kFenced;
}

LogWriter::Step LogWriter::OnLeaseEnded() const {
  return maybe_done_ ? Step::kUnknown : Step::kFenced;
}

}  // namespace convergia::store
