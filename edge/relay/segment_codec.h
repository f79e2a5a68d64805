#pragma once

#include <cstdint>
#include <vector>

#include "convergia/v1/relay.pb.h"
#include "edge/relay/channel/relay_channel.h"
#include "edge/relay/routes/forwarder.h"

// Converts between the protos of a link and the structs of its cores.
namespace convergia::edge {

// Adds the content of `segment` to `*out`, without its header.
void WriteSegment(const OutgoingSegment& segment, v1::Segment* out);
void WriteSegmentHeader(const SegmentHeader& header, v1::Segment* out);

// A segment that has arrived: decoded if it is for this edge, unchanged if it is for another one.
struct ArrivingSegment {
  SegmentHeader header;
  IncomingSegment content;  // If the route is empty and it has not bounced.
  v1::Segment passing;      // Otherwise.
};
struct ArrivingFrame {
  uint64_t ping = 0;
  uint64_t pong = 0;
  std::vector<ArrivingSegment> segments;
};

// Decodes `*frame`, and leaves its memory in it for the next message.
ArrivingFrame TakeFrame(v1::Frame* frame);

}  // namespace convergia::edge
