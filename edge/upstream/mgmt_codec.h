#pragma once

#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "convergia/v1/cluster.pb.h"
#include "edge/relay/routes/route_table.h"
#include "edge/relay/switchboard.h"

// Converts between the protos of the attach stream and the structs of the edge's cores.
namespace convergia::edge {

// Unpacks the routes of mgmt. nullopt if the message is malformed or a route has more than
// limits::kRouteEdgesMax edges. RouteTable checks whether each route makes sense.
std::optional<std::vector<RouteTable::Pair>> UnpackRoutes(const v1::Routes& routes);

// Makes the report of `links` for mgmt. Leaves out a link whose round-trip time is not measured
// yet.
v1::LinkReport PackLinks(absl::Span<const Switchboard::LinkView> links);

}  // namespace convergia::edge
