// Three replicas, and the power of the leader fails at one sync after the other: nothing that was
// acknowledged is lost, nothing is applied twice, and all replicas come to the same.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "common/base/status_macros.h"
#include "common/base/testing/status_testing.h"
#include "common/store/replicated/testing/replicas.h"

namespace convergia::store {
namespace {

using disk::FaultyDisk;

uint64_t CountIn(const absl::StatusOr<std::optional<KeyValue>>& row) {
  uint64_t count = 0;
  if (!row.ok() || !row->has_value()) return 0;
  EXPECT_TRUE(absl::SimpleAtoi((*row)->value, &count)) << (*row)->value;
  return count;
}

uint64_t CountOf(const Store& store) { return CountIn(store.Get("count")); }

// Adds one to "count".
absl::Status AddOne(Store& store) {
  const auto row = store.Get("count");
  CVG_RETURN_IF_ERROR(row.status());
  const Revision version = row->has_value() ? (*row)->version : 0;
  Batch batch;
  batch.IfVersion("count", version).Put("count", absl::StrCat(CountIn(row) + 1));
  return store.Commit(std::move(batch)).status();
}

// Each round cuts the power of the leader at the next sync of its disk, or in between.
TEST(ReplicatedCrashTest, ALeadersPowerCutLosesNothingThatWasAcknowledged) {
  constexpr int kRounds = 40;
  const uint64_t seed = RandomSeed();
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  Rng rng(seed);
  FakeQuorum quorum;
  std::array<std::unique_ptr<TestReplica>, 3> replicas;
  for (int i = 0; i < 3; ++i) {
    replicas[i] = std::make_unique<TestReplica>(&quorum, absl::StrCat("replica", i));
    ASSERT_OK(replicas[i]->Start());
  }
  uint64_t acknowledged = 0, unknown = 0;
  for (int round = 0; round < kRounds; ++round) {
    SCOPED_TRACE(absl::StrCat("round ", round));
    TestReplica& leader = *replicas[rng() % 3];
    quorum.EndLease();
    ASSERT_OK(leader.Lead());
    EXPECT_GE(CountOf(leader.store()), acknowledged);
    EXPECT_LE(CountOf(leader.store()), acknowledged + unknown);
    leader.disk().CutPowerAtSync(1 + round % 7);
    absl::Status outcome = AddOne(leader.store());
    for (; outcome.ok(); outcome = AddOne(leader.store())) ++acknowledged;
    EXPECT_TRUE(absl::IsUnknown(outcome) || absl::IsUnavailable(outcome)) << outcome;
    ++unknown;
    leader.Kill();
    leader.disk().PowerOn(rng() % 2 == 0 ? FaultyDisk::Loss::kAll : FaultyDisk::Loss::kSome, rng());
    ASSERT_OK(leader.Start());
  }
  EXPECT_GT(acknowledged, kRounds);
  const LogState state = quorum.State();
  for (const auto& replica : replicas) {
    ASSERT_TRUE(replica->store().AwaitApplied(state.head.sequence));
    // Each entry of the log is one addition: none was applied twice.
    EXPECT_EQ(CountOf(replica->store()), state.head.sequence);
    EXPECT_EQ(replica->store().TakeSnapshot()->revision(), state.head.sequence);
  }
}

}  // namespace
}  // namespace convergia::store
