#include "mgmt/views/link_lists.h"

#include <memory>
#include <set>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"
#include "mgmt/views/cluster_queries.h"

namespace convergia::mgmt {
namespace {

using ::testing::ElementsAre;

// The most that grpcurl takes, like every other client that is not told otherwise.
constexpr size_t kDefaultMessageBytesMax = 4 * 1024 * 1024;

// Edges of number 2 and up, so many of them, named after their number.
class LinkListsTest : public testing::Test {
 protected:
  void MakeEdges(NodeId count, size_t name_bytes = 0) {
    count_ = count;
    for (NodeId id = 2; id < 2 + count; ++id) {
      Member member;
      member.node = id;
      member.role = Role::kEdge;
      member.name = Name(id, name_bytes);
      state_.members[id] = member;
    }
    Member data;
    data.node = 1;
    data.role = Role::kDataserver;
    data.name = "data";
    state_.members[1] = data;
  }
  static std::string Name(NodeId id, size_t bytes = 0) {
    std::string name = absl::StrCat("edge", id);
    name.resize(std::max(bytes, name.size()), 'x');
    return name;
  }
  void Link2(NodeId a, NodeId b) { links_.push_back({a, b, a + b}); }
  void ReportAll() {
    std::map<NodeId, std::vector<v1::LinkState>> reports;
    for (const Link& link : links_) {
      for (const auto& [from, to] : {std::pair(link.a, link.b), std::pair(link.b, link.a)}) {
        reports[from].emplace_back().set_peer(to);
        reports[from].back().set_rtt_us(link.rtt_us);
      }
    }
    for (const auto& [from, report] : reports) {
      std::vector<const v1::LinkState*> rows;
      for (const v1::LinkState& row : report) rows.push_back(&row);
      state_.links.Report(from, rows, [](NodeId) { return true; });
    }
    state_.routes.Replace(state_.links.Links());
  }
  // All pages one after the other: each pair once.
  template <typename Request, typename Fn>
  std::vector<std::string> Pages(Request request, const Fn& list, size_t* pages) {
    std::vector<std::string> rows;
    for (bool more = true; more && *pages < 10'000; ++*pages) {
      const auto response = list(request);
      if (!response.ok()) {
        ADD_FAILURE() << response.status();
        return rows;
      }
      EXPECT_LT(response->ByteSizeLong(), kDefaultMessageBytesMax);
      more = response->more();
      for (const auto& row : RowsOf(*response)) {
        rows.push_back(absl::StrCat(row.from(), ">", row.to()));
        request.set_after_from(row.from());
        request.set_after_to(row.to());
      }
    }
    return rows;
  }
  static const auto& RowsOf(const v1::ListLinksResponse& response) { return response.links(); }
  static const auto& RowsOf(const v1::ListRoutesResponse& response) { return response.routes(); }

  std::vector<std::string> Links(const v1::ListLinksRequest& request, size_t* pages) {
    return Pages(
        request, [&](const auto& page) { return ListLinks(state_, page); }, pages);
  }
  std::vector<std::string> Routes(const v1::ListRoutesRequest& request, size_t* pages) {
    return Pages(
        request, [&](const auto& page) { return ListRoutes(state_, page); }, pages);
  }

  NodeId count_ = 0;
  std::vector<Link> links_;
  ClusterState state_{9};
};

TEST_F(LinkListsTest, PagesNameEachOnceInOrder) {
  MakeEdges(4);
  Link2(2, 3);
  Link2(3, 4);
  ReportAll();  // Edge 5 stands alone.
  for (uint32_t limit = 1; limit < 8; ++limit) {
    SCOPED_TRACE(limit);
    v1::ListLinksRequest links;
    links.set_limit(limit);
    size_t pages = 0;
    EXPECT_THAT(Links(links, &pages),
                ElementsAre("edge2>edge3", "edge3>edge2", "edge3>edge4", "edge4>edge3"));
    EXPECT_EQ(pages, (4 + limit - 1) / limit);
    v1::ListRoutesRequest routes;
    routes.set_limit(limit);
    pages = 0;
    EXPECT_THAT(Routes(routes, &pages), ElementsAre("edge2>edge3", "edge2>edge4", "edge3>edge2",
                                                    "edge3>edge4", "edge4>edge2", "edge4>edge3"));
  }
}

TEST_F(LinkListsTest, OfOneEdgeOrBetweenTwo) {
  MakeEdges(3);
  Link2(2, 3);
  Link2(3, 4);
  Link2(2, 4);
  ReportAll();
  size_t pages = 0;
  v1::ListLinksRequest links;
  links.set_from("edge4");
  EXPECT_THAT(Links(links, &pages), ElementsAre("edge4>edge2", "edge4>edge3"));
  v1::ListRoutesRequest routes;
  routes.set_to("edge3");
  EXPECT_THAT(Routes(routes, &pages), ElementsAre("edge2>edge3", "edge4>edge3"));
  routes.set_from("edge2");
  ASSERT_OK_AND_ASSIGN(const auto response, ListRoutes(state_, routes));
  ASSERT_EQ(response.routes_size(), 1);
  EXPECT_THAT(response.routes(0).best(), ElementsAre("edge3"));
  EXPECT_THAT(response.routes(0).second(), ElementsAre("edge4", "edge3"));
  EXPECT_EQ(response.routes(0).best_rtt_us(), 5);
  EXPECT_EQ(response.routes(0).second_rtt_us(), 6 + 7);
  routes.set_to("edge2");
  EXPECT_THAT(Routes(routes, &pages), testing::IsEmpty());
}

TEST_F(LinkListsTest, RefusesNamesOfNoEdgeAndHalfAPlace) {
  MakeEdges(2);
  for (const char* const name : {"nobody", "data", "EDGE2"}) {
    v1::ListLinksRequest links;
    links.set_from(name);
    EXPECT_EQ(FailCodeOf(ListLinks(state_, links).status()), FailCode::kNotFound) << name;
    v1::ListRoutesRequest routes;
    routes.set_to(name);
    EXPECT_EQ(FailCodeOf(ListRoutes(state_, routes).status()), FailCode::kNotFound) << name;
    routes.clear_to();
    routes.set_after_from("edge2");
    EXPECT_EQ(FailCodeOf(ListRoutes(state_, routes).status()), FailCode::kBadField);
    routes.set_after_to(name);
    EXPECT_EQ(FailCodeOf(ListRoutes(state_, routes).status()), FailCode::kNotFound) << name;
  }
}

// A thousand main servers with the longest names: whatever is asked fits a message that any client
// takes, and pages come to an end.
TEST_F(LinkListsTest, AThousandEdgesFitIntoEveryAnswer) {
  MakeEdges(1'000, /*name_bytes=*/64);
  for (NodeId a = 2; a < 1'002; ++a) {  // Each with 20 others: a ring of rings.
    for (NodeId step = 1; step <= 10; ++step) Link2(a, 2 + (a - 2 + step * step) % 1'000);
  }
  ReportAll();
  const v1::GetClusterMapResponse map = GetClusterMap(state_, {});
  EXPECT_LT(map.ByteSizeLong(), kDefaultMessageBytesMax);
  EXPECT_EQ(map.nodes_size(), 1'001);
  EXPECT_GT(map.links_size(), 5'000);
  EXPECT_EQ(map.links_total(), 20'000);
  EXPECT_GT(map.routes_total(), 900'000);
  v1::ListLinksRequest links;
  links.set_limit(1'000'000);  // As many as there may be.
  size_t pages = 0;
  const std::vector<std::string> all = Links(links, &pages);
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), 20'000);
  EXPECT_EQ(all.size(), 20'000);
  v1::ListRoutesRequest routes;
  routes.set_limit(1'000'000);
  routes.set_from(Name(500, 64));
  EXPECT_GT(Routes(routes, &pages).size(), 900);
  ASSERT_OK_AND_ASSIGN(const auto first, ListRoutes(state_, v1::ListRoutesRequest()));
  EXPECT_EQ(first.routes_size(), 1'000);
  EXPECT_TRUE(first.more());
}

}  // namespace
}  // namespace convergia::mgmt
