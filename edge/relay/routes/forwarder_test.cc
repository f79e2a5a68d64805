#include "edge/relay/routes/forwarder.h"

#include <gtest/gtest.h>

#include <set>

#include "common/base/limits.h"

namespace convergia::edge {
namespace {

using What = ForwardDecision::What;

ForwardDecision Decide(NodeId self, NodeId from, const SegmentHeader& header,
                       const std::set<NodeId>& up) {
  return DecideForward(self, from, header, [&](NodeId peer) { return up.contains(peer); });
}

TEST(ForwarderTest, TravelsItsRouteAndArrives) {
  SegmentHeader header{.origin = 1, .destination = 4, .route = {3, 4}};
  ForwardDecision at2 = Decide(2, 1, header, {1, 3});
  ASSERT_EQ(at2.what, What::kForward);
  EXPECT_EQ(at2.next, 3);
  EXPECT_EQ(at2.header.route, Hops({4}));
  EXPECT_EQ(at2.header.visited, Hops({2}));
  ForwardDecision at3 = Decide(3, 2, at2.header, {4});
  ASSERT_EQ(at3.what, What::kForward);
  EXPECT_EQ(Decide(4, 3, at3.header, {}).what, What::kArrived);
}

TEST(ForwarderTest, WhatCannotGoOnTravelsBackToItsOrigin) {
  SegmentHeader header{.origin = 1, .destination = 4, .route = {4}, .visited = {2}};
  ForwardDecision at3 = Decide(3, 2, header, {2});  // No link to 4.
  ASSERT_EQ(at3.what, What::kBounce);
  EXPECT_EQ(at3.next, 2);
  ForwardDecision at2 = Decide(2, 3, at3.header, {1});
  ASSERT_EQ(at2.what, What::kForward);
  EXPECT_EQ(at2.next, 1);
  ForwardDecision at1 = Decide(1, 2, at2.header, {});
  ASSERT_EQ(at1.what, What::kCameBack);
  EXPECT_EQ(at1.header.visited, Hops({2, 3}));
  EXPECT_EQ(at1.header.destination, 4);
}

TEST(ForwarderTest, WhatCanGoNeitherOnNorBackIsDropped) {
  const SegmentHeader header{.origin = 1, .destination = 4, .route = {4}, .visited = {2}};
  EXPECT_EQ(Decide(3, 2, header, {}).what, What::kDrop);
  const SegmentHeader bounced{
      .origin = 1, .destination = 4, .route = {1}, .visited = {2, 3}, .bounced = true};
  EXPECT_EQ(Decide(2, 3, bounced, {}).what, What::kDrop);
}

TEST(ForwarderTest, RefusesWhatCannotBeTrue) {
  const std::set<NodeId> up = {1, 2, 3, 4};
  const struct {
    const char* what;
    SegmentHeader header;
  } cases[] = {
      {"loop through us", {.origin = 1, .destination = 4, .route = {3, 2, 4}}},
      {"loop through another", {.origin = 1, .destination = 4, .route = {3, 3, 4}}},
      {"back to its origin", {.origin = 1, .destination = 1, .route = {1}}},
      {"back to where it was", {.origin = 4, .destination = 3, .route = {4, 3}, .visited = {1}}},
      {"back over the link it came by",
       {.origin = 4, .destination = 3, .route = {1, 3}, .visited = {1}}},
      {"back at its origin", {.origin = 3, .destination = 4, .route = {4}, .visited = {3, 1}}},
      {"was here already", {.origin = 3, .destination = 4, .route = {4}, .visited = {2, 1}}},
      {"our own, not bounced", {.origin = 2, .destination = 4, .route = {4}, .visited = {1}}},
      {"from elsewhere than it says", {.origin = 3, .destination = 4, .route = {4}}},
      {"ends elsewhere", {.origin = 1, .destination = 4, .route = {3}}},
      {"not for us", {.origin = 1, .destination = 4}},
      {"bounce of another", {.origin = 3, .destination = 4, .bounced = true}},
      {"bounce from elsewhere",
       {.origin = 2, .destination = 4, .visited = {3, 1}, .bounced = true}},
      {"bounce that goes elsewhere",
       {.origin = 3, .destination = 4, .route = {4}, .visited = {2, 1}, .bounced = true}},
      {"bounce that goes in a circle",
       {.origin = 3, .destination = 4, .route = {3}, .visited = {2, 1, 3}, .bounced = true}},
      {"bounce that never was here",
       {.origin = 3, .destination = 4, .route = {3}, .visited = {4, 1}, .bounced = true}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.what);
    const ForwardDecision decision = Decide(2, 1, c.header, up);
    EXPECT_EQ(decision.what, What::kRefuse);
    EXPECT_FALSE(decision.why.empty());
  }
}

TEST(ForwarderTest, TheLongestRouteTravelsAndALongerOneIsRefused) {
  SegmentHeader longest{.origin = 1,
                        .destination = 4};  // With this edge there are as many as may be.
  for (int i = 0; i < limits::kRouteEdgesMax - 2; ++i) longest.route.push_back(100 + i);
  longest.route.push_back(4);
  EXPECT_EQ(Decide(2, 1, longest, {100}).what, What::kForward);
  SegmentHeader overlong = longest;
  overlong.route.insert(overlong.route.begin(), 99);
  EXPECT_EQ(Decide(2, 1, overlong, {99}).what, What::kRefuse);
  SegmentHeader endless{.origin = 1, .destination = 4, .visited = {1}, .bounced = true};
  for (int i = 0; i < 100'000; ++i) endless.visited.push_back(100 + i);
  EXPECT_EQ(Decide(2, 1, endless, {1}).what, What::kRefuse);
}

}  // namespace
}  // namespace convergia::edge
