#pragma once

#include <cstdint>

#include "convergia/v1/cluster.pb.h"
#include "mgmt/routing/route_graph.h"
#include "mgmt/routing/route_search.h"

namespace convergia::mgmt {

// What the edge `origin` is told of `plot`, its ways by the numbers of `graph`.
v1::Routes PackRoutes(const RouteGraph& graph, uint32_t origin, const RoutePlot& plot);

// Of an edge that reaches nobody.
v1::Routes NoRoutes();

}  // namespace convergia::mgmt
