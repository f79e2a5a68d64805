#include "common/base/hash/tree_hash.h"

#include <gtest/gtest.h>

#include <utility>

namespace convergia {
namespace {

// Values that another program (Python's hashlib) computed by the definition.
TEST(TreeHashTest, IsWhatTheDefinitionSays) {
  const std::string leaf(kHashLeafBytes, 'a');
  EXPECT_EQ(HexTreeHash(""), "af5570f5a1810b7af78caf4bc70a660f0df51e42baf91d4de5b2328de0e83dfc");
  EXPECT_EQ(HexTreeHash("hello"),
            "513f57e7393ac0fcd9207e18f0cfd13c13be4c73de8ec9da35f3756d53de8457");
  EXPECT_EQ(HexTreeHash(leaf), "e2008b809ebf9783d891ee9edb0767a1ea251fe278f984e19cc0fe259dc77c6e");
  EXPECT_EQ(HexTreeHash(leaf + "b"),
            "3e2e6f4fe5ed54a15041fff1544bb689034ae927208c1fa8528ed9b17f66aa47");
}

TEST(TreeHashTest, LeavesOfALengthAreCounted) {
  EXPECT_EQ(HashLeaves(0), 0u);
  EXPECT_EQ(HashLeaves(1), 1u);
  EXPECT_EQ(HashLeaves(kHashLeafBytes), 1u);
  EXPECT_EQ(HashLeaves(kHashLeafBytes + 1), 2u);
}

TEST(TreeHashTest, ASumOfPiecesIsTheSumOfTheWhole) {
  Sha256Sum sum;
  sum.Add("hel");
  Sha256Sum moved = std::move(sum);
  moved.Add("");
  moved.Add("lo");
  EXPECT_EQ(moved.Finish(), LeafHash("hello"));
}

}  // namespace
}  // namespace convergia
