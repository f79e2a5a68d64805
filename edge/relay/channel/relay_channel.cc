#include "edge/relay/channel/relay_channel.h"

#include <utility>

namespace convergia::edge {

void RelayChannel::OnPeerEpoch(Epoch epoch, absl::Duration now, Actions* actions) {
  sender_.OnPeerEpoch(epoch, now, &actions->answers);
  receiver_.OnOriginEpoch(epoch);
}

void RelayChannel::OnSegment(IncomingSegment segment, absl::Duration now, Actions* actions) {
  if (segment.origin_epoch == 0 || segment.origin_epoch < sender_.peer_epoch()) return;
  OnPeerEpoch(segment.origin_epoch, now, actions);
  sender_.OnHeard();
  actions->delivery_epoch = segment.origin_epoch;
  if (segment.destination_epoch != own_epoch_) {  // It is for an older start, or for any.
    greeting_due_ = true;
    return;
  }
  // This comes first, because it makes room for the segment's envelopes.
  if (!receiver_.OnAnsweredBelow(segment.answered_below, now)) actions->refused = true;
  if (segment.first_sequence > 0 &&
      !receiver_.OnSegment(segment.first_sequence, std::move(segment.envelopes), now,
                           &actions->deliveries)) {
    actions->refused = true;
  }
  if (!sender_.OnReport(segment.acknowledged, segment.first_result, segment.results, now,
                        &actions->answers)) {
    actions->refused = true;
  }
}

void RelayChannel::Resend(absl::Duration now) {
  sender_.Resend(now);
  receiver_.ReportAgain();
  receiver_.ForgetUnheard();
}

void RelayChannel::ForgetSilence() {
  sender_.ForgetRetries();
  receiver_.ForgetUnheard();
}

OutgoingSegment RelayChannel::Next(size_t bytes_max, absl::Duration now) {
  greeting_due_ = false;
  OutgoingSegment segment;
  segment.origin_epoch = own_epoch_;
  segment.destination_epoch = sender_.peer_epoch();
  RelaySender::Batch batch = sender_.Next(bytes_max, now);
  segment.first_sequence = batch.first_sequence;
  segment.envelopes = std::move(batch.envelopes);
  segment.answered_below = sender_.answered_below();
  RelayReceiver::Report report = receiver_.TakeReport(limits::kRelayFlightMax, now);
  segment.acknowledged = report.acknowledged;
  segment.first_result = report.first_result;
  segment.results = std::move(report.results);
  return segment;
}

}  // namespace convergia::edge
