#include "edge/upstream/mgmt_codec.h"

#include <gtest/gtest.h>

namespace convergia::edge {
namespace {

// Routes of edge 1, whose neighbours are 2 and 3; both lead to 4.
v1::Routes Sound() {
  v1::Routes routes;
  for (const uint32_t edge : {2, 3, 4}) routes.add_destinations(edge);
  for (const uint32_t place : {0, 0, 1}) routes.add_before(place);
  for (const uint32_t hops : {3, 0, 2}) routes.add_second_hops(hops);
  for (const uint32_t place : {2, 3, 2}) routes.add_second_edges(place);
  return routes;
}

TEST(MgmtCodecTest, UnpacksRoutes) {
  const auto pairs = UnpackRoutes(Sound());
  ASSERT_TRUE(pairs.has_value());
  ASSERT_EQ(pairs->size(), 3);
  EXPECT_EQ((*pairs)[0].destination, 2);
  EXPECT_EQ((*pairs)[0].best, Hops({2}));
  EXPECT_EQ((*pairs)[0].second, Hops({3, 4, 2}));
  EXPECT_EQ((*pairs)[1].best, Hops({3}));
  EXPECT_TRUE((*pairs)[1].second.empty());
  EXPECT_EQ((*pairs)[2].best, Hops({2, 4}));
  EXPECT_EQ((*pairs)[2].second, Hops({3, 4}));
  EXPECT_TRUE(UnpackRoutes(v1::Routes())->empty());
}

TEST(MgmtCodecTest, RoutesThatCannotBeTakenApartAreRefused) {
  const struct {
    const char* what;
    void (*spoil)(v1::Routes*);
  } cases[] = {
      {"one edge before too few", [](v1::Routes* r) { r->mutable_before()->RemoveLast(); }},
      {"one second too few", [](v1::Routes* r) { r->mutable_second_hops()->RemoveLast(); }},
      {"before itself", [](v1::Routes* r) { r->set_before(1, 2); }},
      {"before a later one", [](v1::Routes* r) { r->set_before(0, 3); }},
      {"before nobody", [](v1::Routes* r) { r->set_before(2, 99); }},
      {"a hop of nobody", [](v1::Routes* r) { r->set_second_edges(0, 4); }},
      {"a hop of the origin", [](v1::Routes* r) { r->set_second_edges(0, 0); }},
      {"hops are missing", [](v1::Routes* r) { r->mutable_second_edges()->RemoveLast(); }},
      {"hops are left", [](v1::Routes* r) { r->add_second_edges(1); }},
      {"overlong", [](v1::Routes* r) { r->set_second_hops(0, 4'000'000'000); }},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    v1::Routes routes = Sound();
    c.spoil(&routes);
    EXPECT_FALSE(UnpackRoutes(routes).has_value());
  }
  v1::Routes chain;  // One edge longer than allowed.
  for (uint32_t i = 0; i <= limits::kRouteEdgesMax; ++i) {
    chain.add_destinations(100 + i);
    chain.add_before(i);
    chain.add_second_hops(0);
  }
  EXPECT_FALSE(UnpackRoutes(chain).has_value());
}

TEST(MgmtCodecTest, OnlyMeasuredLinksAreReported) {
  const v1::LinkReport report = PackLinks({{.peer = 2, .rtt_us = 0}, {3, 70, 0.25}});
  ASSERT_EQ(report.links_size(), 1);
  EXPECT_EQ(report.links(0).peer(), 3);
  EXPECT_EQ(report.links(0).rtt_us(), 70);
  EXPECT_EQ(report.links(0).loss(), 0.25);
}

}  // namespace
}  // namespace convergia::edge
