#pragma once

#include "convergia/v1/relay.pb.h"
#include "edge/forwarder.h"
#include "edge/relay_channel.h"

// Between the protos of a link and the structs of its cores.
namespace convergia::edge {

// Adds what `segment` says to `*out`; its waybill is written apart.
void WriteSegment(const OutgoingSegment& segment, v1::Segment* out);
void WriteWaybill(const Waybill& waybill, v1::Segment* out);

Waybill ReadWaybill(const v1::Segment& segment);
// Moves the texts out of `*segment`.
IncomingSegment TakeSegment(v1::Segment* segment);

}  // namespace convergia::edge
