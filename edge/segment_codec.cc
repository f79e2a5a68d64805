#include "edge/segment_codec.h"

#include <string>
#include <utility>

#include "common/base/fail.h"

namespace convergia::edge {

void WriteSegment(const OutgoingSegment& segment, v1::Segment* out) {
  out->set_origin_epoch(segment.origin_epoch);
  out->set_destination_epoch(segment.destination_epoch);
  out->set_first_sequence(segment.first_sequence);
  out->mutable_envelopes()->Reserve(static_cast<int>(segment.envelopes.size()));
  for (const Envelope* envelope : segment.envelopes) {
    v1::Envelope* const added = out->add_envelopes();
    added->set_from(envelope->from);
    added->set_to(envelope->to);
    added->set_time_ms(envelope->time_ms);
    added->set_body(envelope->body);
  }
  out->set_answered_below(segment.answered_below);
  out->set_acknowledged(segment.acknowledged);
  out->set_first_result(segment.first_result);
  out->mutable_results()->Reserve(static_cast<int>(segment.results.size()));
  for (const RelayResult& result : segment.results) {
    v1::Result* const added = out->add_results();
    added->set_sessions(result.sessions);
    if (result.fail.has_value()) added->set_fail_code(std::string(FailCodeWord(*result.fail)));
  }
}

void WriteWaybill(const Waybill& waybill, v1::Segment* out) {
  out->set_origin(waybill.origin);
  out->set_destination(waybill.destination);
  out->set_bounced(waybill.bounced);
  out->mutable_route()->Assign(waybill.route.begin(), waybill.route.end());
  out->mutable_visited()->Assign(waybill.visited.begin(), waybill.visited.end());
}

Waybill ReadWaybill(const v1::Segment& segment) {
  return {.origin = segment.origin(),
          .destination = segment.destination(),
          .route = Hops(segment.route().begin(), segment.route().end()),
          .visited = Hops(segment.visited().begin(), segment.visited().end()),
          .bounced = segment.bounced()};
}

IncomingSegment TakeSegment(v1::Segment* segment) {
  IncomingSegment taken{.origin_epoch = segment->origin_epoch(),
                        .destination_epoch = segment->destination_epoch(),
                        .first_sequence = segment->first_sequence(),
                        .answered_below = segment->answered_below(),
                        .acknowledged = segment->acknowledged(),
                        .first_result = segment->first_result()};
  taken.envelopes.reserve(segment->envelopes_size());
  for (v1::Envelope& envelope : *segment->mutable_envelopes()) {
    taken.envelopes.push_back({.from = std::move(*envelope.mutable_from()),
                               .to = std::move(*envelope.mutable_to()),
                               .time_ms = envelope.time_ms(),
                               .body = std::move(*envelope.mutable_body())});
  }
  taken.results.reserve(segment->results_size());
  for (const v1::Result& result : segment->results()) {
    RelayResult read{.sessions = result.sessions()};
    if (!result.fail_code().empty()) {
      read.fail = FailCodeFromWord(result.fail_code()).value_or(FailCode::kInternal);
    }
    taken.results.push_back(read);
  }
  return taken;
}

}  // namespace convergia::edge
