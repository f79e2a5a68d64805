#pragma once

#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "convergia/v1/cluster.pb.h"
#include "edge/relay/routes/route_table.h"
#include "edge/relay/switchboard.h"

// Between the protos of the attach stream and the structs of the edge's cores.
namespace convergia::edge {

// The routes that mgmt packed; nullopt if the message cannot be taken apart. Whether each makes
// sense is RouteTable's to say.
std::optional<std::vector<RouteTable::Pair>> UnpackRoutes(const v1::Routes& routes);

// What mgmt is to hear: the links that are up and measured.
v1::LinkReport PackLinks(absl::Span<const Switchboard::LinkView> links);

}  // namespace convergia::edge
