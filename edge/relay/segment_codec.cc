#include "edge/relay/segment_codec.h"

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

void WriteSegmentHeader(const SegmentHeader& header, v1::Segment* out) {
  out->set_origin(header.origin);
  out->set_destination(header.destination);
  out->set_bounced(header.bounced);
  out->mutable_route()->Assign(header.route.begin(), header.route.end());
  out->mutable_visited()->Assign(header.visited.begin(), header.visited.end());
}

namespace {

// The most memory that a link keeps between two frames.
constexpr size_t kKeptBytesMax = 256 * 1024;

SegmentHeader ReadSegmentHeader(const v1::Segment& segment) {
  return {.origin = segment.origin(),
          .destination = segment.destination(),
          .route = Hops(segment.route().begin(), segment.route().end()),
          .visited = Hops(segment.visited().begin(), segment.visited().end()),
          .bounced = segment.bounced()};
}

IncomingSegment ReadSegment(const v1::Segment& segment) {
  IncomingSegment read{.origin_epoch = segment.origin_epoch(),
                       .destination_epoch = segment.destination_epoch(),
                       .first_sequence = segment.first_sequence(),
                       .answered_below = segment.answered_below(),
                       .acknowledged = segment.acknowledged(),
                       .first_result = segment.first_result()};
  read.envelopes.reserve(segment.envelopes_size());
  for (const v1::Envelope& envelope : segment.envelopes()) {
    read.envelopes.push_back({.from = envelope.from(),
                              .to = envelope.to(),
                              .time_ms = envelope.time_ms(),
                              .body = envelope.body()});
  }
  read.results.reserve(segment.results_size());
  for (const v1::Result& result : segment.results()) {
    RelayResult added{.sessions = result.sessions()};
    if (!result.fail_code().empty()) {
      added.fail = FailCodeFromWord(result.fail_code()).value_or(FailCode::kInternal);
    }
    read.results.push_back(added);
  }
  return read;
}

}  // namespace

ArrivingFrame TakeFrame(v1::Frame* frame) {
  ArrivingFrame taken{.ping = frame->ping(), .pong = frame->pong()};
  const bool is_big = frame->ByteSizeLong() > kKeptBytesMax;
  taken.segments.reserve(frame->segments_size());
  for (v1::Segment& segment : *frame->mutable_segments()) {
    ArrivingSegment& added = taken.segments.emplace_back();
    added.header = ReadSegmentHeader(segment);
    if (added.header.route.empty() && !added.header.bounced) {
      added.content = ReadSegment(segment);
    } else {
      added.passing.Swap(&segment);
    }
  }
  if (is_big) v1::Frame().Swap(frame);
  return taken;
}

}  // namespace convergia::edge
