#pragma once

#include <cstdint>

#include "convergia/v1/cluster.pb.h"
#include "mgmt/routing/route_graph.h"
#include "mgmt/routing/route_search.h"

namespace convergia::mgmt {

// The message to the edge `origin` about `plot`, its routes by the numbers of `graph`.
v1::Routes PackRoutes(const RouteGraph& graph, uint32_t origin, const RoutePlot& plot);

// The message to an edge that has no routes.
v1::Routes NoRoutes();

}  // namespace convergia::mgmt
