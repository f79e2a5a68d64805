#pragma once

#include <cstdint>
#include <vector>

#include "convergia/v1/relay.pb.h"
#include "edge/relay/forwarder.h"
#include "edge/relay/relay_channel.h"

// Between the protos of a link and the structs of its cores.
namespace convergia::edge {

// Adds what `segment` says to `*out`; its header is written apart.
void WriteSegment(const OutgoingSegment& segment, v1::Segment* out);
void WriteWaybill(const SegmentHeader& header, v1::Segment* out);

// A segment as it comes in: for us, then taken apart; or for another edge, then as it was.
struct ArrivingSegment {
  SegmentHeader header;
  IncomingSegment content;  // If the header names no more edges and it has not bounced.
  v1::Segment passing;      // Otherwise.
};
struct ArrivingFrame {
  uint64_t ping = 0;
  uint64_t pong = 0;
  std::vector<ArrivingSegment> segments;
};

// Leaves in `*frame` the memory of what was read, for the next one to use.
ArrivingFrame TakeFrame(v1::Frame* frame);

}  // namespace convergia::edge
