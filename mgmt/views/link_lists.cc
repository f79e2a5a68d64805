#include "mgmt/views/link_lists.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"
#include "mgmt/views/cluster_queries.h"

namespace convergia::mgmt {
namespace {

using Pair = std::pair<NodeId, NodeId>;

absl::StatusOr<NodeId> EdgeOf(const ClusterState& state, const std::string& name) {
  for (const auto& [id, member] : state.members) {
    if (member.role == Role::kEdge && member.name == name) return id;
  }
  return Fail(FailCode::kNotFound,
              absl::StrCat("there is no main server ", name, "; ListNodes names them"));
}

// All of `edges`, or the one that is named.
absl::StatusOr<std::vector<NodeId>> Chosen(const ClusterState& state, const std::string& name,
                                           std::vector<NodeId> edges) {
  if (name.empty()) return edges;
  CVG_ASSIGN_OR_RETURN(const NodeId edge, EdgeOf(state, name));
  return std::vector<NodeId>{edge};
}

// (0, 0): from the first.
absl::StatusOr<Pair> AfterOf(const ClusterState& state, const std::string& from,
                             const std::string& to) {
  if (from.empty() && to.empty()) return Pair(0, 0);
  if (from.empty() || to.empty()) {
    return Fail(FailCode::kBadField,
                "after_from and after_to are those of the last row of the page before, or empty");
  }
  CVG_ASSIGN_OR_RETURN(const NodeId after_from, EdgeOf(state, from));
  CVG_ASSIGN_OR_RETURN(const NodeId after_to, EdgeOf(state, to));
  return Pair(after_from, after_to);
}

// One page: takes rows until it is full.
class Page {
 public:
  explicit Page(uint32_t limit)
      : limit_(limit == 0 ? kListedByDefault : std::min(limit, kListedMax)) {}

  // Whether there is room for one more row; takes it if so.
  bool Admit(const google::protobuf::Message& row) {
    const size_t bytes = row.ByteSizeLong();
    if (rows_ == limit_ || (rows_ > 0 && bytes_ + bytes > kListedBytesMax)) return false;
    ++rows_;
    bytes_ += bytes;
    return true;
  }

 private:
  const uint32_t limit_;
  uint32_t rows_ = 0;
  size_t bytes_ = 0;
};

v1::NamedRoute Named(const ClusterState& state, NodeId from, const RoutesTo& routes) {
  v1::NamedRoute named;
  named.set_from(NameOf(state, from));
  named.set_to(NameOf(state, routes.destination));
  for (const NodeId hop : routes.best.hops) named.add_best(NameOf(state, hop));
  named.set_best_rtt_us(routes.best.rtt_us);
  if (!routes.second) return named;
  for (const NodeId hop : routes.second->hops) named.add_second(NameOf(state, hop));
  named.set_second_rtt_us(routes.second->rtt_us);
  return named;
}

std::vector<NodeId> AllEdges(const ClusterState& state) {
  std::vector<NodeId> edges;
  for (const auto& [id, member] : state.members) {
    if (member.role == Role::kEdge) edges.push_back(id);
  }
  return edges;
}

}  // namespace

absl::StatusOr<v1::ListLinksResponse> ListLinks(const ClusterState& state,
                                                const v1::ListLinksRequest& request) {
  CVG_ASSIGN_OR_RETURN(const auto from, Chosen(state, request.from(), AllEdges(state)));
  CVG_ASSIGN_OR_RETURN(const Pair after, AfterOf(state, request.after_from(), request.after_to()));
  v1::ListLinksResponse response;
  Page page(request.limit());
  for (auto edge = std::lower_bound(from.begin(), from.end(), after.first); edge != from.end();
       ++edge) {
    for (const v1::LinkState& link : state.links.ReportOf(*edge)) {
      if (Pair(*edge, link.peer()) <= after) continue;
      v1::Link row;
      row.set_from(NameOf(state, *edge));
      row.set_to(NameOf(state, link.peer()));
      row.set_rtt_us(link.rtt_us());
      row.set_loss(link.loss());
      response.set_more(!page.Admit(row));
      if (response.more()) return response;
      *response.add_links() = std::move(row);
    }
  }
  return response;
}

absl::StatusOr<v1::ListRoutesResponse> ListRoutes(const ClusterState& state,
                                                  const v1::ListRoutesRequest& request) {
  const std::vector<NodeId> edges = state.routes.edges();
  CVG_ASSIGN_OR_RETURN(const auto from, Chosen(state, request.from(), edges));
  CVG_ASSIGN_OR_RETURN(const auto to, Chosen(state, request.to(), edges));
  CVG_ASSIGN_OR_RETURN(const Pair after, AfterOf(state, request.after_from(), request.after_to()));
  v1::ListRoutesResponse response;
  Page page(request.limit());
  for (auto origin = std::lower_bound(from.begin(), from.end(), after.first); origin != from.end();
       ++origin) {
    for (const NodeId destination : to) {
      if (Pair(*origin, destination) <= after) continue;
      const std::optional<RoutesTo> routes = state.routes.PlanBetween(*origin, destination);
      if (!routes) continue;
      v1::NamedRoute row = Named(state, *origin, *routes);
      response.set_more(!page.Admit(row));
      if (response.more()) return response;
      *response.add_routes() = std::move(row);
    }
  }
  return response;
}

}  // namespace convergia::mgmt
