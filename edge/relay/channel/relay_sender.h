#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "common/base/fail.h"
#include "common/base/ids.h"
#include "common/base/limits.h"

namespace convergia::edge {

// One message under way to another edge. An empty `to` is a withdrawn one: it keeps its number in
// the channel, and nothing is delivered for it.
struct Envelope {
  std::string from;
  std::string to;
  int64_t time_ms = 0;  // When the sender's edge took it; milliseconds since 1970 UTC.
  std::string body;

  size_t bytes() const { return from.size() + to.size() + body.size() + kOverheadBytes; }

  // The bytes of one envelope beside its text, in memory and on a link.
  static constexpr size_t kOverheadBytes = 32;
};

// Names a message under way for the core that took it: which core of this edge, the message's slot
// there, and how often that slot had been used before.
struct MessageId {
  uint32_t core = 0;
  uint32_t slot = 0;
  uint32_t use = 0;

  friend auto operator<=>(const MessageId&, const MessageId&) = default;
};

// The result of an envelope: the number of sessions whose outboxes have it, or why none has.
struct RelayResult {
  uint32_t sessions = 0;
  std::optional<FailCode> fail;

  // Adds what became of the same message elsewhere. Of two reasons the sender needs the more
  // important one: not known, then busy, then no way there, then refused, then nobody there.
  void Add(const RelayResult& other);

  friend bool operator==(const RelayResult&, const RelayResult&) = default;
};

// The sending half of a relay channel: from this start of this edge to one start of another.
//
// Life of an envelope: Offer() queues it. When the window allows, Next() gives it a number and
// sends it. It is sent again, in order, after each Resend(). The receiver's acknowledgement frees
// its text, and the receiver's result answers it. Each envelope is answered exactly once:
//
//   no route is left        UNROUTABLE at once, if it was never sent
//   after `answer_within`   UNROUTABLE if it was never sent; then it leaves the queue
//                           UNCONFIRMED if it was sent; if it is sent again, then withdrawn (empty)
//
// Envelopes without an answer are sent again after a while. unanswered_retries() shows the caller
// that nothing comes back on this route, so it may take another.
//
// A core: no thread, no I/O, no clock. `now` is Clock::Elapsed().
class RelaySender {
 public:
  struct Answer {
    MessageId message;
    RelayResult result;
  };

  struct Options {
    size_t bytes_max = limits::kLinkQueueBytesMax;  // Queued and sent together; then BUSY.
    size_t count_max = limits::kRelayQueueMax;
    size_t flight_bytes_max = limits::kRelayFlightBytesMax;  // Sent and not answered.
    size_t flight_count_max = limits::kRelayFlightMax;
    absl::Duration answer_within = limits::kUnconfirmedAfter;
    absl::Duration retry_first = limits::kRelayRetryFirst;
    absl::Duration retry_max = limits::kRelayRetryMax;
  };

  explicit RelaySender(const Options& options) : options_(options) {}

  // False when full: the user reads BUSY. An empty channel accepts an envelope of any size.
  [[nodiscard]] bool Offer(MessageId message, Envelope envelope, absl::Duration now);

  // The destination answered or greeted with this epoch. If it is newer than the known one,
  // envelopes sent to the old one are answered UNCONFIRMED, and queued ones go to the new one. An
  // older one is ignored.
  void OnPeerEpoch(Epoch epoch, absl::Duration now, std::vector<Answer>* answers);
  Epoch peer_epoch() const { return peer_epoch_; }

  // There may be a newer start: probe first, and send nothing new until OnHeard(). So an envelope
  // that nobody can have accepted is not answered UNCONFIRMED. A false hint costs one probe.
  void AskFirst(absl::Duration now);
  // Something came from the known start.
  void OnHeard() { asks_first_ = false; }

  // The next envelopes to send, numbered from `first_sequence`; the pointers live until the next
  // call. Without envelopes it is a question for the receiver's results. `first_sequence` 0:
  // nothing to send.
  struct Batch {
    uint64_t first_sequence = 0;
    std::vector<const Envelope*> envelopes;
    size_t bytes = 0;
  };
  // True if Next() would give something.
  bool HasNext() const;
  Batch Next(size_t bytes_max, absl::Duration now);

  // All envelopes below this are answered: the receiver may forget their results.
  uint64_t answered_below() const { return flight_first_; }

  // `acknowledged`: all up to here arrived. `results` count up from `first_result`.
  // False if that cannot be true; then nothing changes.
  bool OnReport(uint64_t acknowledged, uint64_t first_result,
                const std::vector<RelayResult>& results, absl::Duration now,
                std::vector<Answer>* answers);

  // Sends again all that is not acknowledged, and asks for missing results. Call it after a link
  // came back, a route changed, or a segment bounced. Resets the retry timer.
  void Resend(absl::Duration now);

  // The number of timed retries since an answer last came back on this route.
  int unanswered_retries() const { return unanswered_retries_; }
  void ForgetRetries() { unanswered_retries_ = 0; }

  // There is no route to the destination: answers UNROUTABLE for all that was never sent.
  void OnNoWay(std::vector<Answer>* answers);

  // Answers envelopes that have waited too long, and sends again if nothing has changed for a
  // while.
  void OnTimer(absl::Duration now, std::vector<Answer>* answers);
  // When OnTimer() has something to do at the latest; InfiniteDuration() if never.
  absl::Duration NextTimer() const;

  size_t waiting_count() const { return queue_.size() + flight_.size(); }
  size_t waiting_bytes() const { return bytes_; }

 private:
  struct Entry {
    MessageId message;
    Envelope envelope;
    absl::Duration deadline;
    bool answered = false;  // To our sender.
    bool resulted = false;  // By the receiver.
  };

  uint64_t flight_end() const { return flight_first_ + flight_.size(); }
  bool WindowIsOpen() const;
  void Withdraw(Entry* entry);
  void Free(Entry* entry);
  void TakeFromQueue();
  void PopAnswered();
  void ExpireFlight(absl::Duration now, std::vector<Answer>* answers);
  void ExpireQueue(absl::Duration now, std::vector<Answer>* answers);
  void RefuseFirst(std::vector<Answer>* answers);
  bool KnowsPeer() const { return peer_epoch_ != 0 && !asks_first_; }
  void RestartRetry(absl::Duration now);
  void SendAgain(absl::Duration now);

  const Options options_;
  Epoch peer_epoch_ = 0;  // 0: not known, so nothing but a question is sent.

  std::deque<Entry> queue_;    // Never sent: without numbers.
  std::deque<Entry> flight_;   // Sent at least once: numbered from `flight_first_`.
  uint64_t flight_first_ = 1;  // All below are answered by the receiver.
  uint64_t acknowledged_ = 0;  // All up to here arrived.
  uint64_t send_next_ = 1;     // The next to send; below flight_end() while sending again.
  uint64_t sent_below_ = 1;    // Highest ever sent, plus one.
  bool ask_ = false;           // A question is due.
  bool asks_first_ = false;    // Until something is heard.

  size_t bytes_ = 0;         // Of both.
  size_t flight_bytes_ = 0;  // Of flight_.
  absl::Duration retry_wait_ = absl::ZeroDuration();
  absl::Duration retry_at_ = absl::InfiniteDuration();
  int unanswered_retries_ = 0;
};

}  // namespace convergia::edge
