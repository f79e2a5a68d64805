#include "edge/relay/channel/relay_sender.h"

#include <algorithm>
#include <utility>

namespace convergia::edge {
namespace {

int RankOf(const std::optional<FailCode>& fail) {
  if (!fail) return 0;
  switch (*fail) {
    case FailCode::kUnconfirmed:
      return 5;
    case FailCode::kBusy:
      return 4;
    case FailCode::kUnroutable:
      return 3;
    case FailCode::kOffline:
      return 1;
    default:
      return 2;
  }
}

}  // namespace

void RelayResult::Add(const RelayResult& other) {
  sessions += other.sessions;
  if (RankOf(other.fail) > RankOf(fail)) fail = other.fail;
}

bool RelaySender::Offer(MessageId message, Envelope envelope, absl::Duration now) {
  const size_t bytes = envelope.bytes();
  const bool empty = queue_.empty() && flight_.empty();
  if (!empty && bytes_ + bytes > options_.bytes_max) return false;
  if (queue_.size() + flight_.size() >= options_.count_max) return false;
  bytes_ += bytes;
  queue_.push_back({.message = message,
                    .envelope = std::move(envelope),
                    .deadline = now + options_.answer_within});
  if (!KnowsPeer() && retry_at_ == absl::InfiniteDuration()) {
    ask_ = true;
    RestartRetry(now);
  }
  return true;
}

void RelaySender::AskFirst(absl::Duration now) {
  if (peer_epoch_ == 0 || asks_first_) return;
  asks_first_ = true;
  if (queue_.empty() && flight_.empty()) return;  // Offer() will ask.
  ask_ = true;
  RestartRetry(now);
}

void RelaySender::OnPeerEpoch(Epoch epoch, absl::Duration now, std::vector<Answer>* answers) {
  if (epoch <= peer_epoch_) return;
  asks_first_ = false;
  peer_epoch_ = epoch;
  for (Entry& entry : flight_) {
    if (!entry.answered) {
      answers->push_back({entry.message, {.fail = FailCode::kUnconfirmed}});
    }
    Free(&entry);
  }
  flight_.clear();
  flight_first_ = send_next_ = sent_below_ = 1;
  acknowledged_ = 0;
  ask_ = false;
  retry_at_ = absl::InfiniteDuration();
  unanswered_retries_ = 0;
}

bool RelaySender::WindowIsOpen() const {
  return flight_.empty() ||
         (flight_.size() < options_.flight_count_max &&
          flight_bytes_ + queue_.front().envelope.bytes() <= options_.flight_bytes_max);
}

bool RelaySender::HasNext() const {
  if (ask_) return true;
  if (!KnowsPeer()) return false;
  return send_next_ < flight_end() || (!queue_.empty() && WindowIsOpen());
}

RelaySender::Batch RelaySender::Next(size_t bytes_max, absl::Duration now) {
  Batch batch;
  if (!HasNext()) return batch;
  batch.first_sequence = send_next_;
  ask_ = false;
  if (retry_at_ == absl::InfiniteDuration()) RestartRetry(now);
  if (!KnowsPeer()) return batch;
  while (true) {
    const bool again = send_next_ < flight_end();
    if (!again && (queue_.empty() || !WindowIsOpen())) break;
    const Envelope& next =
        again ? flight_[send_next_ - flight_first_].envelope : queue_.front().envelope;
    if (!batch.envelopes.empty() && batch.bytes + next.bytes() > bytes_max) break;
    batch.bytes += next.bytes();
    if (!again) TakeFromQueue();
    // A deque keeps its elements in place while others are pushed.
    batch.envelopes.push_back(&flight_[send_next_ - flight_first_].envelope);
    ++send_next_;
    sent_below_ = std::max(sent_below_, send_next_);
  }
  return batch;
}

void RelaySender::TakeFromQueue() {
  flight_bytes_ += queue_.front().envelope.bytes();
  flight_.push_back(std::move(queue_.front()));
  queue_.pop_front();
}

bool RelaySender::OnReport(uint64_t acknowledged, uint64_t first_result,
                           const std::vector<RelayResult>& results, absl::Duration now,
                           std::vector<Answer>* answers) {
  const uint64_t result_end = results.empty() ? 0 : first_result + results.size();
  if (acknowledged >= sent_below_ || result_end > acknowledged + 1) return false;
  bool moved = acknowledged > acknowledged_;
  for (uint64_t sequence = std::max(acknowledged_ + 1, flight_first_); sequence <= acknowledged;
       ++sequence) {
    Withdraw(&flight_[sequence - flight_first_]);  // Arrived: its text is no longer needed.
  }
  acknowledged_ = std::max(acknowledged_, acknowledged);
  send_next_ = std::max(send_next_, acknowledged_ + 1);
  for (uint64_t sequence = std::max(first_result, flight_first_); sequence < result_end;
       ++sequence) {
    Entry& entry = flight_[sequence - flight_first_];
    if (entry.resulted) continue;
    entry.resulted = moved = true;
    if (!std::exchange(entry.answered, true)) {
      answers->push_back({entry.message, results[sequence - first_result]});
    }
  }
  PopAnswered();
  // Also where results take their time: all that was sent has arrived.
  if (moved || acknowledged + 1 == sent_below_) unanswered_retries_ = 0;
  if (moved) {
    retry_wait_ = absl::ZeroDuration();
    RestartRetry(now);
  }
  if (flight_.empty()) retry_at_ = absl::InfiniteDuration();
  return true;
}

void RelaySender::PopAnswered() {
  while (!flight_.empty() && flight_.front().resulted) {
    Free(&flight_.front());
    flight_.pop_front();
    ++flight_first_;
  }
}

// Leaves the number and lets go of the text.
void RelaySender::Withdraw(Entry* entry) {
  const size_t before = entry->envelope.bytes();
  entry->envelope = Envelope();
  const size_t freed = before - entry->envelope.bytes();
  bytes_ -= freed;
  flight_bytes_ -= freed;
}

void RelaySender::Free(Entry* entry) {
  bytes_ -= entry->envelope.bytes();
  flight_bytes_ -= entry->envelope.bytes();
}

void RelaySender::Resend(absl::Duration now) {
  retry_wait_ = absl::ZeroDuration();
  unanswered_retries_ = 0;
  SendAgain(now);
}

void RelaySender::SendAgain(absl::Duration now) {
  if (!KnowsPeer()) {
    send_next_ = acknowledged_ + 1;
    ask_ = !queue_.empty() || !flight_.empty();
  } else {
    send_next_ = acknowledged_ + 1;
    ask_ = !flight_.empty() && send_next_ == flight_end();
  }
  if (ask_ || !flight_.empty()) RestartRetry(now);
}

void RelaySender::RestartRetry(absl::Duration now) {
  retry_wait_ = std::clamp(retry_wait_, options_.retry_first, options_.retry_max);
  retry_at_ = now + retry_wait_;
}

void RelaySender::OnTimer(absl::Duration now, std::vector<Answer>* answers) {
  ExpireFlight(now, answers);
  ExpireQueue(now, answers);
  if (flight_.empty() && (queue_.empty() || KnowsPeer())) {
    retry_at_ = absl::InfiniteDuration();
  } else if (retry_at_ <= now) {
    retry_wait_ = std::max(retry_wait_ * 2, options_.retry_first);
    ++unanswered_retries_;
    SendAgain(now);
  }
}

void RelaySender::ExpireFlight(absl::Duration now, std::vector<Answer>* answers) {
  for (Entry& entry : flight_) {
    if (entry.deadline > now) break;
    if (std::exchange(entry.answered, true)) continue;
    answers->push_back({entry.message, {.fail = FailCode::kUnconfirmed}});
    // Its sender may say it again now, so a copy that has not arrived yet must not come later. One
    // that is still on its way may: that is what UNCONFIRMED warns of.
    Withdraw(&entry);
  }
}

void RelaySender::ExpireQueue(absl::Duration now, std::vector<Answer>* answers) {
  while (!queue_.empty() && queue_.front().deadline <= now) RefuseFirst(answers);
}

void RelaySender::OnNoWay(std::vector<Answer>* answers) {
  while (!queue_.empty()) RefuseFirst(answers);
  if (flight_.empty()) {
    ask_ = false;
    retry_at_ = absl::InfiniteDuration();
  }
}

// It was never sent, so no other edge has it.
void RelaySender::RefuseFirst(std::vector<Answer>* answers) {
  answers->push_back({queue_.front().message, {.fail = FailCode::kUnroutable}});
  bytes_ -= queue_.front().envelope.bytes();
  queue_.pop_front();
}

absl::Duration RelaySender::NextTimer() const {
  absl::Duration next = retry_at_;
  for (const Entry& entry : flight_) {
    if (entry.answered) continue;
    next = std::min(next, entry.deadline);
    break;
  }
  if (!queue_.empty()) next = std::min(next, queue_.front().deadline);
  return next;
}

}  // namespace convergia::edge
