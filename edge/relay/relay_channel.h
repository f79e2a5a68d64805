#pragma once

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "common/base/ids.h"
#include "edge/relay/relay_receiver.h"
#include "edge/relay/relay_sender.h"

namespace convergia::edge {

// A piece of a relay channel as it comes in or goes out, without its route (proto Segment says what
// the fields mean). `first_sequence` 0: carries only reports of the opposite channel.
template <typename EnvelopeOrPointer>
struct SegmentOf {
  Epoch origin_epoch = 0;
  Epoch destination_epoch = 0;
  uint64_t first_sequence = 0;
  std::vector<EnvelopeOrPointer> envelopes;
  uint64_t answered_below = 0;
  uint64_t acknowledged = 0;
  uint64_t first_result = 0;
  std::vector<RelayResult> results;
};
using IncomingSegment = SegmentOf<Envelope>;
using OutgoingSegment = SegmentOf<const Envelope*>;

// Both halves of what runs between this edge and one other: the channel there, the channel back,
// and the rule for restarts. Segments name both starts, so nothing of an older start is ever mixed
// in:
//
//   the other restarted   what was sent to its old start is UNCONFIRMED, the channel begins anew at
//   1 we restarted          the other sees our new epoch and forgets the old channel not known yet
//   a question goes out first; envelopes only to a start that is known, so
//                         that none can be taken by two
//
// In order and at most once, and an answer with sessions means delivered: relay_channel_test.
//
// A core: no thread, no I/O, no clock. `now` is Clock::Elapsed().
class RelayChannel {
 public:
  RelayChannel(Epoch own_epoch, const RelaySender::Options& options)
      : own_epoch_(own_epoch), sender_(options) {}

  // Retries: after limits::kRelayRetryFirst and twice that. So there is time enough left for both
  // sides to find another way before limits::kUnconfirmedAfter.
  static constexpr int kSilentAfter = 2;

  // What the caller has to carry out.
  struct Actions {
    std::vector<RelayReceiver::Delivery> deliveries;  // To be followed by OnResult() each.
    Epoch delivery_epoch = 0;                         // For OnResult().
    std::vector<RelaySender::Answer> answers;
    bool refused = false;  // The other edge sent what cannot be true; to be counted.
  };

  [[nodiscard]] bool Offer(MessageId message, Envelope envelope, absl::Duration now) {
    return sender_.Offer(message, std::move(envelope), now);
  }

  void OnSegment(IncomingSegment segment, absl::Duration now, Actions* actions);

  // The other edge's start, learnt otherwise (a link's hello).
  void OnPeerEpoch(Epoch epoch, absl::Duration now, Actions* actions);

  // Somebody said that the other edge has this start; nothing is sure before it says so itself.
  void OnEpochHint(Epoch epoch, absl::Duration now) {
    if (epoch > sender_.peer_epoch()) sender_.AskFirst(now);
  }

  void OnResult(Epoch delivery_epoch, uint64_t sequence, const RelayResult& result) {
    receiver_.OnResult(delivery_epoch, sequence, result);
  }

  // There is no way now: what never left is answered at once, what did waits for one.
  void OnNoWay(Actions* actions) { sender_.OnNoWay(&actions->answers); }

  // What was sent may be lost: a link came or went, the route changed, a segment bounced.
  void Resend(absl::Duration now);

  // Whether the way that is used now is likely to lead nowhere, though nobody said so: two retries
  // brought nothing back; or the other edge asked twice for results that it was told, or once, if
  // `asked_over_other_way`: it has left this way already.
  bool WayIsSilent(bool asked_over_other_way) const {
    return sender_.unanswered_retries() >= kSilentAfter ||
           receiver_.unheard() >= (asked_over_other_way ? 1 : kSilentAfter);
  }
  // Begins to count anew.
  void ForgetSilence();

  void OnTimer(absl::Duration now, Actions* actions) { sender_.OnTimer(now, &actions->answers); }
  absl::Duration NextTimer() const { return sender_.NextTimer(); }

  bool HasNext() const { return sender_.HasNext() || receiver_.HasReport() || greeting_due_; }

  // The next segment of about `bytes_max` bytes; its pointers live until the next call.
  // Only if HasNext().
  OutgoingSegment Next(size_t bytes_max, absl::Duration now);

  const RelaySender& sender() const { return sender_; }
  const RelayReceiver& receiver() const { return receiver_; }

 private:
  const Epoch own_epoch_;
  RelaySender sender_;
  RelayReceiver receiver_;
  bool greeting_due_ = false;  // The other edge does not know our start.
};

}  // namespace convergia::edge
