#include "common/store/replicated/replicated_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "common/base/testing/status_testing.h"
#include "common/store/replicated/testing/replicas.h"
#include "common/store/testing/event_log.h"
#include "common/store/testing/store_suite.h"

namespace convergia::store {
namespace {

using testing::HasSubstr;
using testing::SizeIs;
using Fault = FakeLog::Fault;

// A store that leads, with all that it needs, for the suite.
class LeadingStore final : public Store {
 public:
  explicit LeadingStore(const HistoryBounds& history) {
    replica_.history = history;
    EXPECT_OK(replica_.Start());
    EXPECT_OK(replica_.Lead());
  }

  absl::StatusOr<std::optional<KeyValue>> Get(absl::string_view key) const override {
    return replica_.store().Get(key);
  }
  std::unique_ptr<Snapshot> TakeSnapshot() const override {
    return replica_.store().TakeSnapshot();
  }
  void CommitAsync(Batch batch, CommitCallback done) override {
    replica_.store().CommitAsync(std::move(batch), std::move(done));
  }
  absl::StatusOr<std::unique_ptr<Watcher>> Watch(absl::string_view prefix, Revision from_revision,
                                                 WatchCallback callback) override {
    return replica_.store().Watch(prefix, from_revision, std::move(callback));
  }
  void Stop() override { replica_.store().Stop(); }

 private:
  FakeQuorum quorum_;
  mutable TestReplica replica_{&quorum_, "one"};
};

INSTANTIATE_TEST_SUITE_P(Replicated, StoreSuite,
                         testing::Values(Backend{"ReplicatedStore",
                                                 [](const HistoryBounds& history) {
                                                   return std::make_unique<LeadingStore>(history);
                                                 }}),
                         BackendName);

Batch Put(absl::string_view key, absl::string_view value) { return Batch().Put(key, value); }

std::string ValueOf(const Store& store, absl::string_view key) {
  const auto row = store.Get(key);
  if (!row.ok()) return row.status().ToString();
  return row->has_value() ? (*row)->value : "(absent)";
}

// "one" leads, "two" is a standby.
class ReplicatedStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(one_.Start());
    ASSERT_OK(two_.Start());
    ASSERT_OK(one_.Lead());
  }

  // Waits until `replica` has all that the log has.
  bool CatchUp(TestReplica& replica) {
    return replica.store().AwaitApplied(quorum_.State().head.sequence);
  }
  void ExpectEqual() {
    ASSERT_TRUE(CatchUp(two_));
    ASSERT_OK_AND_ASSIGN(const Page mine, one_.store().Scan("", "", 10'000));
    ASSERT_OK_AND_ASSIGN(const Page others, two_.store().Scan("", "", 10'000));
    EXPECT_EQ(others.rows, mine.rows);
    EXPECT_EQ(others.revision, mine.revision);
  }
  // "one" has lost its lease, knows or not, and "two" leads.
  void Depose() {
    quorum_.EndLease();
    ASSERT_OK(two_.Lead());
  }

  FakeQuorum quorum_;
  TestReplica one_{&quorum_, "one"};
  TestReplica two_{&quorum_, "two"};
};

TEST_F(ReplicatedStoreTest, AStandbyComesToTheSameAndItsWatchesSeeIt) {
  EventLog events;
  ASSERT_OK_AND_ASSIGN(const auto watcher, two_.store().Watch("", 1, events.Callback()));
  ASSERT_OK(one_.store().Commit(Put("a", "1").Put("b", "2")));
  ASSERT_OK(one_.store().Commit(Batch().Delete("a")));
  EXPECT_TRUE(IsConflict(one_.store().Commit(Batch().IfAbsent("b").Put("b", "3"))));
  ExpectEqual();
  EXPECT_THAT(events.Await(3), SizeIs(3));
  EXPECT_EQ(one_.store().applied(), two_.store().applied());
}

TEST_F(ReplicatedStoreTest, AStandbyTakesNoCommitAndNamesTheLeader) {
  const absl::Status refused = two_.store().Commit(Put("a", "1")).status();
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(std::string(refused.message()), HasSubstr("one:1"));
  EXPECT_THAT(one_.store().Lead({}), StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(ReplicatedStoreTest, WhateverBecomesOfAnAppendItIsAppliedOnce) {
  const std::vector<std::vector<Fault>> trials = {
      {Fault::kLoseRequest},
      {Fault::kLoseAnswer},
      {Fault::kTwice},
      {Fault::kLate},
      {Fault::kLoseRequest, Fault::kLoseRequest, Fault::kLoseAnswer},
      {Fault::kLate, Fault::kLate, Fault::kTwice},
      {Fault::kLoseAnswer, Fault::kLoseRequest, Fault::kLate},
  };
  Revision revision = 0;
  for (const std::vector<Fault>& faults : trials) {
    one_.log().FailAppends(faults);
    ASSERT_OK_AND_ASSIGN(const Revision done,
                         one_.store().Commit(Put("count", absl::StrCat(++revision))));
    EXPECT_EQ(done, revision);
    EXPECT_EQ(quorum_.State().head.sequence, revision);
    quorum_.DeliverLate();
    EXPECT_EQ(quorum_.State().head.sequence, revision);
  }
  ExpectEqual();
}

TEST_F(ReplicatedStoreTest, NewsThatAreLostAreReadFromTheLog) {
  one_.log().LoseNews(3);
  for (int i = 0; i < 4; ++i) ASSERT_OK(one_.store().Commit(Put(absl::StrCat("k", i), "v")));
  ExpectEqual();
}

TEST_F(ReplicatedStoreTest, ANewLeaderHasAppliedAllBeforeItLeads) {
  one_.log().LoseNews(1'000);
  for (int i = 0; i < 20; ++i) ASSERT_OK(one_.store().Commit(Put(absl::StrCat("k", i), "v")));
  Depose();
  EXPECT_EQ(ValueOf(two_.store(), "k19"), "v");
  ASSERT_OK_AND_ASSIGN(const Revision next, two_.store().Commit(Put("k", "v")));
  EXPECT_EQ(next, 21);
}

// It is told that nothing was committed, and ends. Started again it is a standby.
TEST_F(ReplicatedStoreTest, ADeposedLeaderIsFencedAndHasWrittenNothing) {
  ASSERT_OK(one_.store().Commit(Put("a", "1")));
  Depose();
  ASSERT_OK(two_.store().Commit(Put("a", "2")));
  EXPECT_TRUE(IsFenced(one_.store().Commit(Put("a", "3")).status()));
  EXPECT_TRUE(one_.AwaitFenced());
  EXPECT_TRUE(IsFenced(one_.store().Commit(Put("b", "3")).status()));
  EXPECT_EQ(ValueOf(one_.store(), "a"), "1");
  one_.Kill();
  ASSERT_OK(one_.Start());
  ASSERT_TRUE(CatchUp(one_));
  EXPECT_EQ(ValueOf(one_.store(), "a"), "2");
  EXPECT_FALSE(two_.is_fenced());
}

TEST_F(ReplicatedStoreTest, APausedLeaderWhoseLeadershipWasTakenAppendsNothing) {
  one_.log().Cut();
  absl::Notification answered;
  absl::Status outcome;
  one_.store().CommitAsync(Put("a", "old"), [&](const auto& result) {
    outcome = result.status();
    answered.Notify();
  });
  ASSERT_TRUE(one_.log().AwaitStuck());
  Depose();
  ASSERT_OK(two_.store().Commit(Put("a", "new")));
  one_.log().Mend();
  answered.WaitForNotification();
  EXPECT_TRUE(IsFenced(outcome)) << outcome;
  EXPECT_EQ(quorum_.State().head.sequence, 1);
  EXPECT_EQ(ValueOf(two_.store(), "a"), "new");
}

// The quorum is away until the lease ends. The next leader finds the commit, or does not.
struct AwayCase {
  const char* name;
  std::vector<Fault> faults;
  bool comes_late;  // The entry under way arrives before the lease ends.
  const char* found;
};

class QuorumAwayTest : public ReplicatedStoreTest, public testing::WithParamInterface<AwayCase> {};

TEST_P(QuorumAwayTest, ACommitWithoutAnAnswerIsUnknownWhenTheLeaseEnds) {
  ASSERT_OK(one_.store().Commit(Put("a", "before")));
  one_.log().FailAppends(GetParam().faults);
  absl::Notification answered;
  absl::Status outcome;
  one_.store().CommitAsync(Put("a", "unknown"), [&](const auto& result) {
    outcome = result.status();
    answered.Notify();
  });
  ASSERT_TRUE(one_.log().AwaitStuck());
  if (GetParam().comes_late) quorum_.DeliverLate();
  one_.store().Fence(absl::DeadlineExceededError("the lease ends"));
  answered.WaitForNotification();
  EXPECT_TRUE(absl::IsUnknown(outcome)) << outcome;
  EXPECT_EQ(ValueOf(one_.store(), "a"), "before");
  Depose();
  quorum_.DeliverLate();
  EXPECT_EQ(ValueOf(two_.store(), "a"), GetParam().found);
  one_.Kill();
  ASSERT_OK(one_.Start());
  ASSERT_TRUE(CatchUp(one_));
  EXPECT_EQ(ValueOf(one_.store(), "a"), GetParam().found);
}

INSTANTIATE_TEST_SUITE_P(Faults, QuorumAwayTest,
                         testing::ValuesIn<AwayCase>({
                             {"Done", {Fault::kLoseAnswer, Fault::kCut}, false, "unknown"},
                             {"NotDone", {Fault::kLoseRequest, Fault::kCut}, false, "before"},
                             {"NeverSent", {Fault::kCut}, false, "before"},
                             {"DoneLate", {Fault::kLate, Fault::kCut}, true, "unknown"},
                             {"TooLate", {Fault::kLate, Fault::kCut}, false, "before"},
                         }),
                         [](const auto& info) { return std::string(info.param.name); });

TEST_F(ReplicatedStoreTest, AReplicaWithAnotherSecretAppliesNothingAndEnds) {
  TestReplica stranger(&quorum_, "stranger");
  stranger.secret = std::string(32, 't');
  ASSERT_OK(stranger.Start());
  ASSERT_OK(one_.store().Commit(Put("a", "1")));
  EXPECT_TRUE(stranger.AwaitFenced());
  EXPECT_FALSE(stranger.store().AwaitApplied(1));
  EXPECT_EQ(ValueOf(stranger.store(), "a"), "(absent)");
  EXPECT_TRUE(IsFenced(stranger.store().Commit(Put("a", "2")).status()));
}

TEST_F(ReplicatedStoreTest, WhatTwoHaveFlushedIsTrimmedAndALateReplicaIsToldSo) {
  TestReplica three(&quorum_, "three");
  ASSERT_OK(three.Start());
  three.Kill();
  for (TestReplica* replica : {&one_, &two_}) {
    replica->Kill();
    replica->trim = {.keep_bytes = 1'000, .step = 10};
    ASSERT_OK(replica->Start());
  }
  quorum_.EndLease();
  ASSERT_OK(one_.Lead());
  while (quorum_.State().first == 1) {
    ASSERT_OK(one_.store().Commit(Put("k", std::string(100, 'v'))));
    ASSERT_TRUE(CatchUp(two_));
  }
  ExpectEqual();
  const LogState state = quorum_.State();
  EXPECT_GE(state.flushed.at("one"), state.first - 1);
  EXPECT_GE(state.flushed.at("two"), state.first - 1);
  EXPECT_THAT(three.Start(), StatusIs(absl::StatusCode::kOutOfRange));
}

TEST_F(ReplicatedStoreTest, AStandbyWithAFullDiskGoesOnWhenThereIsRoom) {
  two_.disk().SetCapacity(two_.disk().used_bytes());
  ASSERT_OK(one_.store().Commit(Put("a", "1")));
  EXPECT_EQ(ValueOf(two_.store(), "a"), "(absent)");
  two_.disk().SetCapacity(uint64_t{1} << 40);
  ExpectEqual();
  EXPECT_FALSE(two_.is_fenced());
}

TEST_F(ReplicatedStoreTest, AReplicaWhoseDiskFailsEnds) {
  two_.disk().FailSync(1);
  ASSERT_OK(one_.store().Commit(Put("a", "1")));
  EXPECT_TRUE(two_.AwaitFenced());
  one_.disk().FailSync(1);
  // The log has it, so it is not lost; this replica cannot say so.
  EXPECT_TRUE(absl::IsUnknown(one_.store().Commit(Put("a", "2")).status()));
  EXPECT_TRUE(one_.AwaitFenced());
  two_.Kill();
  ASSERT_OK(two_.Start());
  quorum_.EndLease();
  ASSERT_OK(two_.Lead());
  EXPECT_EQ(ValueOf(two_.store(), "a"), "2");
}

TEST_F(ReplicatedStoreTest, AStoreOfAnotherLogIsRefused) {
  ASSERT_OK(one_.store().Commit(Put("a", "1")));
  ASSERT_TRUE(CatchUp(two_));
  two_.Kill();
  FakeQuorum empty;
  FakeLog log(&empty);
  ReplicatedStore::Options options;
  options.store.dir = "/store";
  options.store.disk = &two_.disk();
  options.store.reserve_bytes = 0;
  options.replica = "two";
  options.secret = two_.secret;
  options.log = &log;
  EXPECT_THAT(ReplicatedStore::Open(options), StatusIs(absl::StatusCode::kFailedPrecondition));
}

}  // namespace
}  // namespace convergia::store
