#pragma once

#include <cstdint>
#include <vector>

#include "absl/time/time.h"
#include "common/base/ids.h"
#include "edge/relay/channel/relay_receiver.h"
#include "edge/relay/channel/relay_sender.h"

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

// Both relay channels between this edge and one other edge: the channel there and the channel back,
// and the rules for restarts. Segments name both epochs, so nothing of an older start is mixed in:
//
//   the other edge restarted  Envelopes sent to its old start are UNCONFIRMED. The channel starts
//                             again at number 1.
//   this edge restarted       The other edge sees the new epoch and forgets the old channel.
//   its epoch is not known    Probe first. Send envelopes only to a known epoch, so none is
//                             accepted twice.
//
// Envelopes are delivered in order and at most once, and a result with sessions means delivered:
// relay_channel_test.
//
// A core: no thread, no I/O, no clock. `now` is Clock::Elapsed().
class RelayChannel {
 public:
  RelayChannel(Epoch own_epoch, const RelaySender::Options& options)
      : own_epoch_(own_epoch), sender_(options) {}

  // Unanswered retries until a route counts as silent. They come after limits::kRelayRetryFirst and
  // twice that, so both sides have time to find another route before limits::kUnconfirmedAfter.
  static constexpr int kSilentAfter = 2;

  // The actions that the caller must carry out.
  struct Actions {
    std::vector<RelayReceiver::Delivery> deliveries;  // OnResult() must follow for each.
    Epoch delivery_epoch = 0;                         // For OnResult().
    std::vector<RelaySender::Answer> answers;
    bool refused = false;  // The other edge sent values that cannot be true. Count it.
  };

  [[nodiscard]] bool Offer(MessageId message, Envelope envelope, absl::Duration now) {
    return sender_.Offer(message, std::move(envelope), now);
  }

  void OnSegment(IncomingSegment segment, absl::Duration now, Actions* actions);

  // The hello of a link says that the other edge has this epoch.
  void OnPeerEpoch(Epoch epoch, absl::Duration now, Actions* actions);

  // A third edge says that the other edge has this epoch. Only the other edge itself can confirm
  // it.
  void OnEpochHint(Epoch epoch, absl::Duration now) {
    if (epoch > sender_.peer_epoch()) sender_.AskFirst(now);
  }

  void OnResult(Epoch delivery_epoch, uint64_t sequence, const RelayResult& result) {
    receiver_.OnResult(delivery_epoch, sequence, result);
  }

  // There is no route now: envelopes that never left are answered at once, the others wait.
  void OnNoWay(Actions* actions) { sender_.OnNoWay(&actions->answers); }

  // Sends again, because segments may be lost: a link came or went, the route changed, or a segment
  // bounced.
  void Resend(absl::Duration now);

  // True if the present route probably leads nowhere, though nothing bounced: two retries brought
  // nothing back, or the other edge asked twice for results that were reported. Once is enough if
  // `asked_over_other_way`: then the other edge has left this route already.
  bool WayIsSilent(bool asked_over_other_way) const {
    return sender_.unanswered_retries() >= kSilentAfter ||
           receiver_.unheard() >= (asked_over_other_way ? 1 : kSilentAfter);
  }
  // Resets the counts that WayIsSilent() reads.
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
  bool greeting_due_ = false;  // The other edge does not know our epoch.
};

}  // namespace convergia::edge
