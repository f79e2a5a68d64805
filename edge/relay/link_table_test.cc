#include "edge/relay/link_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"

namespace convergia::edge {
namespace {

TEST(LinkTableTest, FirstLinkIsAdmitted) {
  LinkTable table(1);
  EXPECT_TRUE(table.Offer(2, 20, 7, Dialled::kByUs).admitted);
  EXPECT_EQ(table.Find(2), 7);
  EXPECT_EQ(table.Peers(), std::vector<NodeId>({2}));
}

TEST(LinkTableTest, NoLinkToOneselfOrToNobody) {
  LinkTable table(1);
  EXPECT_FALSE(table.Offer(1, 20, 7, Dialled::kByUs).admitted);
  EXPECT_FALSE(table.Offer(0, 20, 7, Dialled::kByPeer).admitted);
}

TEST(LinkTableTest, NewerStartReplacesAtOnceWhoeverDialled) {
  LinkTable table(1);
  table.Offer(2, 20, 7, Dialled::kByUs);
  const LinkTable::Verdict verdict = table.Offer(2, 21, 8, Dialled::kByPeer);
  EXPECT_TRUE(verdict.admitted);
  EXPECT_EQ(verdict.replaced, 7);
  EXPECT_FALSE(table.Offer(2, 20, 9, Dialled::kByUs).admitted);
  EXPECT_EQ(table.Find(2), 8);
}

TEST(LinkTableTest, SameSideDiallingAgainReplaces) {
  LinkTable table(5);
  table.Offer(2, 20, 7, Dialled::kByUs);
  EXPECT_EQ(table.Offer(2, 20, 8, Dialled::kByUs).replaced, 7);
}

TEST(LinkTableTest, RemovingAReplacedLinkLeavesTheNewOne) {
  LinkTable table(1);
  table.Offer(2, 20, 7, Dialled::kByUs);
  table.Offer(2, 20, 8, Dialled::kByUs);
  EXPECT_EQ(table.Remove(7), std::nullopt);
  EXPECT_EQ(table.Find(2), 8);
  EXPECT_EQ(table.Remove(8), 2);
  EXPECT_EQ(table.Find(2), std::nullopt);
}

// Both dial at once; the two streams become known at each end in any order.
TEST(LinkTableTest, BothWaysRoundEndInTheSameOneLink) {
  Rng rng(1);
  for (int round = 0; round < 100; ++round) {
    LinkTable low(3), high(4);
    std::vector<LinkId> at_low = {1, 2}, at_high = {1, 2};  // 1: dialled by the lower.
    std::shuffle(at_low.begin(), at_low.end(), rng);
    std::shuffle(at_high.begin(), at_high.end(), rng);
    for (LinkId link : at_low) {
      low.Offer(4, 9, link, link == 1 ? Dialled::kByUs : Dialled::kByPeer);
    }
    for (LinkId link : at_high) {
      high.Offer(3, 9, link, link == 1 ? Dialled::kByPeer : Dialled::kByUs);
    }
    EXPECT_EQ(low.Find(4), 1);
    EXPECT_EQ(high.Find(3), 1);
  }
}

}  // namespace
}  // namespace convergia::edge
