#include "datamgr/repair/plan/repair_planner.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/base/testing/status_testing.h"

namespace convergia::datamgr {
namespace {

constexpr uint64_t kGiB = uint64_t{1} << 30;

// A small cluster: volatile servers 1 to `count`, each with room, and volumes as the test says.
class RepairPlannerTest : public testing::Test {
 protected:
  void Servers(int count, int non_volatile = 0) {
    configs_.clear();
    for (int i = 1; i <= count + non_volatile; ++i) {
      configs_.push_back({static_cast<NodeId>(i), absl::StrCat("d", i),
                          i <= count ? VolumeClass::kVolatile : VolumeClass::kNonVolatile});
    }
    servers_.Configure(configs_, now_);
    for (const ServerConfig& config : configs_) Up(config.id);
  }
  void Up(NodeId id, const std::string& disk = "disk") {
    servers_.OnConnected(id, absl::StrCat("d", id), disk, {100 * kGiB, 0, 0, 50 * kGiB, ""}, now_);
    servers_.SetHoldings(id, {});
    for (const auto& [volume_id, volume] : volumes_.volumes()) {
      if (disk == "disk" && held_[volume_id].contains(id)) {
        servers_.AddHolding(id, volume_id, 1, kGiB);
      }
    }
  }
  void Down(NodeId id) { servers_.OnDisconnected(id, now_, 1); }
  void Drain(NodeId id) {
    configs_[id - 1].drain = true;
    servers_.Configure(configs_, now_);
  }
  void SetClass(NodeId id, VolumeClass volume_class) {
    configs_[id - 1].volume_class = volume_class;
    servers_.Configure(configs_, now_);
  }
  void AddVolume(VolumeId id, std::vector<NodeId> on, bool sealed = true,
                 VolumeClass volume_class = VolumeClass::kVolatile) {
    VolumeRecord record = {id, volume_class, 1, sealed, {}};
    for (const NodeId server : on) {
      record.replicas.push_back({server, "disk"});
      held_[id].insert(server);
      servers_.AddHolding(server, id, 1, kGiB);
    }
    volumes_.Apply(record, 1).bytes = kGiB;
  }
  RepairPlanner::Plan Next(absl::Duration pass = absl::Seconds(1), bool quiet = true) {
    now_ += pass;
    auto plan = planner_.Next(now_, servers_, volumes_, running_, quiet, 1000);
    for (const Job& job : plan.start) running_[job.volume] = job;
    return plan;
  }
  // Ends all that runs, as if it had succeeded.
  void Finish() {
    for (const auto& [id, job] : running_) {
      if (!job.IsCopy()) {
        servers_.DropHolding(job.target, id);
        held_[id].erase(job.target);
        continue;
      }
      servers_.AddHolding(job.target, id, 1, kGiB);
      held_[id].insert(job.target);
      const Replica target = {job.target, servers_.Find(job.target)->store};
      const auto record = planner_.RecordAfter(*volumes_.Find(id), job, target, servers_, now_);
      if (record.has_value()) volumes_.Apply(*record, 2);
    }
    running_.clear();
  }
  std::set<NodeId> On(VolumeId id) {
    std::set<NodeId> on;
    for (const Replica& replica : volumes_.Find(id)->record.replicas) on.insert(replica.server);
    return on;
  }

  absl::Duration now_ = absl::Hours(1);
  std::vector<ServerConfig> configs_;
  ServerTable servers_;
  VolumeTable volumes_;
  std::map<VolumeId, std::set<NodeId>> held_;
  std::map<VolumeId, Job> running_;
  RepairPlanner planner_{RepairRules{}};
};

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TEST_F(RepairPlannerTest, CopiesAfterTheGraceAndNotBefore) {
  Servers(8);
  AddVolume(1, {1, 2, 3});
  EXPECT_THAT(Next().start, IsEmpty());
  Down(3);
  auto plan = Next(absl::Minutes(14));
  EXPECT_THAT(plan.start, IsEmpty());
  EXPECT_EQ(plan.debt.waiting_volumes, 1);
  EXPECT_EQ(plan.debt.missing_bytes, 0);
  plan = Next(absl::Minutes(2));
  ASSERT_THAT(plan.start, SizeIs(1));
  EXPECT_EQ(plan.start[0].kind, JobKind::kRepair);
  EXPECT_EQ(plan.debt.missing_bytes, kGiB);
  const NodeId target = plan.start[0].target;
  Finish();
  EXPECT_EQ(On(1), (std::set<NodeId>{1, 2, target}));
  EXPECT_EQ(Next().debt.missing_volumes, 0);
}

TEST_F(RepairPlannerTest, OneThatFlapsGetsTwiceTheGrace) {
  Servers(8);
  AddVolume(1, {1, 2, 3});
  for (int i = 0; i < 3; ++i) {
    Down(3);
    Next();
    if (i < 2) Up(3);
  }
  EXPECT_THAT(Next(absl::Minutes(20)).start, IsEmpty());
  EXPECT_THAT(Next(absl::Minutes(11)).start, SizeIs(1));
}

TEST_F(RepairPlannerTest, OneThatComesBackStopsItsCopies) {
  Servers(8);
  AddVolume(1, {1, 2, 3});
  Down(3);
  ASSERT_THAT(Next(absl::Minutes(16)).start, SizeIs(1));
  EXPECT_THAT(Next().cease, IsEmpty());
  Up(3);
  EXPECT_THAT(Next().cease, ElementsAre(1));
}

TEST_F(RepairPlannerTest, FewerLiveCopiesFirstThenTheOneThatWaitedLonger) {
  Servers(10);
  AddVolume(1, {1, 2, 3});
  Down(3);
  now_ += absl::Minutes(16);
  const auto probe = planner_.Next(now_, servers_, volumes_, {}, true, 1000);
  ASSERT_THAT(probe.start, SizeIs(1));
  AddVolume(2, {3, 4, 5});
  AddVolume(3, {3, 6, 7});
  volumes_.Find(3)->record.replicas[1].store = "another disk";  // Only 7 has it.
  RepairRules rules;
  rules.copies_max = 1;
  RepairPlanner one_by_one(rules);
  now_ += absl::Seconds(1);
  auto plan = planner_.Next(now_, servers_, volumes_, {}, true, 1000);
  ASSERT_THAT(plan.start, SizeIs(3));
  EXPECT_EQ(plan.start[0].volume, 3) << "one live copy";
  EXPECT_EQ(plan.start[1].volume, 1) << "waits for longer";
  EXPECT_EQ(plan.start[2].volume, 2);
  EXPECT_THAT(one_by_one.Next(now_, servers_, volumes_, {}, true, 1000).start, SizeIs(1));
}

TEST_F(RepairPlannerTest, TheBrakeHoldsUntilReleasedOrEnoughAreBack) {
  Servers(8);
  for (VolumeId id = 1; id <= 8; ++id) {
    const auto at = [&](VolumeId offset) { return static_cast<NodeId>((id + offset) % 8 + 1); };
    AddVolume(id, {at(0), at(1), at(2)});
  }
  Down(1);
  Down(2);
  EXPECT_FALSE(Next().debt.brake) << "a quarter is not more than a quarter";
  Down(3);
  auto plan = Next(absl::Hours(2));
  EXPECT_TRUE(plan.debt.brake);
  EXPECT_THAT(plan.start, IsEmpty());
  EXPECT_GT(plan.debt.due_volumes, 0);
  planner_.ReleaseBrake(servers_);
  plan = Next();
  EXPECT_FALSE(plan.debt.brake);
  EXPECT_THAT(plan.start, Not(IsEmpty()));
}

TEST_F(RepairPlannerTest, TheBrakeEndsByItselfWhenServersReturn) {
  Servers(8);
  AddVolume(1, {1, 2, 3});
  AddVolume(2, {3, 4, 5});
  for (const NodeId id : {1, 2, 3}) Down(id);
  EXPECT_TRUE(Next(absl::Hours(2)).debt.brake);
  Up(1);
  const auto plan = Next();
  EXPECT_FALSE(plan.debt.brake);
  EXPECT_THAT(plan.start, SizeIs(2));
}

TEST_F(RepairPlannerTest, OneOfThreeIsNotManyAtOnce) {
  Servers(3, /*non_volatile=*/1);
  AddVolume(1, {1, 2, 3});
  Down(3);
  const auto plan = Next(absl::Minutes(16));
  EXPECT_FALSE(plan.debt.brake);
  ASSERT_THAT(plan.start, SizeIs(1));
  EXPECT_EQ(plan.start[0].target, 4) << "for want of another volatile one";
  Finish();
  EXPECT_THAT(On(1), ElementsAre(1, 2, 4));
  // Back: its copy is verified and counts again; the one on the other class goes, last.
  Up(3);
  const auto back = Next();
  ASSERT_THAT(back.start, SizeIs(1));
  EXPECT_EQ(back.start[0].kind, JobKind::kMove);
  EXPECT_EQ(back.start[0].target, 3);
  Finish();
  EXPECT_THAT(On(1), ElementsAre(1, 2, 3));
  EXPECT_THAT(Next().start, IsEmpty());
  const auto trim = Next(absl::Minutes(11));
  ASSERT_THAT(trim.start, SizeIs(1));
  EXPECT_EQ(trim.start[0].kind, JobKind::kTrim);
  EXPECT_EQ(trim.start[0].target, 4);
}

TEST_F(RepairPlannerTest, SurplusIsUsedAgainBeforeAnythingIsCopied) {
  Servers(9);
  AddVolume(1, {1, 2, 3});
  Down(3);
  Next(absl::Minutes(16));
  Finish();
  Up(3);  // It has it still, uncounted.
  EXPECT_EQ(Next().debt.surplus_copies, 1);
  Down(2);
  const auto plan = Next(absl::Minutes(16));
  ASSERT_THAT(plan.start, SizeIs(1));
  EXPECT_EQ(plan.start[0].target, 3);
}

TEST_F(RepairPlannerTest, DeletesComeLast) {
  Servers(9);
  AddVolume(1, {1, 2, 3});
  AddVolume(2, {4, 5, 6});
  servers_.AddHolding(7, 1, 1, kGiB);
  EXPECT_THAT(Next().start, IsEmpty());
  Down(6);
  auto plan = Next(absl::Minutes(16));
  ASSERT_THAT(plan.start, SizeIs(1));
  EXPECT_EQ(plan.start[0].kind, JobKind::kRepair);
  EXPECT_THAT(Next().start, IsEmpty()) << "a copy is under way";
  Finish();
  plan = Next();
  ASSERT_THAT(plan.start, SizeIs(1));
  EXPECT_EQ(plan.start[0], (Job{JobKind::kTrim, 1, 7, 0, 0, kGiB}));
}

TEST_F(RepairPlannerTest, SurplusStaysWhileACopyIsAway) {
  Servers(9);
  AddVolume(1, {1, 2, 3});
  servers_.AddHolding(7, 1, 1, kGiB);
  Next();
  Down(1);
  EXPECT_THAT(Next(absl::Minutes(14)).start, IsEmpty());
}

TEST_F(RepairPlannerTest, DrainMovesEverythingAway) {
  Servers(5);
  AddVolume(1, {1, 2, 3});
  AddVolume(2, {1, 4, 5}, /*sealed=*/false);
  Drain(1);
  auto plan = Next();
  EXPECT_THAT(plan.seal, ElementsAre(2));
  volumes_.Find(2)->closed = true;
  ASSERT_THAT(plan.start, SizeIs(1));
  EXPECT_EQ(plan.start[0].kind, JobKind::kMove);
  EXPECT_EQ(plan.start[0].victim, 1);
  Next();
  Finish();
  EXPECT_FALSE(On(1).contains(1));
  EXPECT_FALSE(On(2).contains(1));
  EXPECT_EQ(Next().debt.moving_volumes, 0);
}

TEST_F(RepairPlannerTest, AnotherDiskIsRepairedAtOnceAndMayBeTheTarget) {
  Servers(3);
  AddVolume(1, {1, 2, 3});
  Down(3);
  Up(3, "new disk");
  const auto plan = Next();
  ASSERT_THAT(plan.start, SizeIs(1));
  EXPECT_EQ(plan.start[0].target, 3);
  Finish();
  EXPECT_THAT(volumes_.Find(1)->record.replicas,
              UnorderedElementsAre(Replica{1, "disk"}, Replica{2, "disk"}, Replica{3, "new disk"}));
}

TEST_F(RepairPlannerTest, AClassChangeMovesVolumesToWhatTheNewClassAsks) {
  Servers(4, /*non_volatile=*/2);
  AddVolume(1, {5}, true, VolumeClass::kNonVolatile);
  AddVolume(2, {1, 2, 3});
  SetClass(5, VolumeClass::kVolatile);
  auto plan = Next();
  ASSERT_THAT(plan.start, SizeIs(1));
  EXPECT_EQ(plan.start[0].volume, 1);
  EXPECT_EQ(plan.start[0].target, 6) << "the non-volatile server that is left";
  Finish();
  EXPECT_THAT(On(1), ElementsAre(6));
  SetClass(1, VolumeClass::kNonVolatile);
  plan = Next();
  ASSERT_THAT(plan.start, SizeIs(1));
  EXPECT_EQ(plan.start[0].volume, 2);
  EXPECT_EQ(plan.start[0].victim, 1);
}

TEST_F(RepairPlannerTest, WithoutAnyNonVolatileServerItsVolumesBecomeVolatile) {
  Servers(3, /*non_volatile=*/1);
  AddVolume(1, {4}, true, VolumeClass::kNonVolatile);
  SetClass(4, VolumeClass::kVolatile);
  const auto plan = Next();
  ASSERT_THAT(plan.make_volatile, ElementsAre(1));
  VolumeRecord record = volumes_.Find(1)->record;
  record.volume_class = VolumeClass::kVolatile;
  volumes_.Apply(record, 2).bytes = kGiB;
  ASSERT_THAT(Next().start, SizeIs(1));
  Finish();
  ASSERT_THAT(Next().start, SizeIs(1));
  Finish();
  EXPECT_THAT(On(1), SizeIs(3));
}

TEST_F(RepairPlannerTest, ANewServerIsFilled) {
  Servers(3);
  for (VolumeId id = 1; id <= 40; ++id) AddVolume(id, {1, 2, 3});
  EXPECT_THAT(Next().start, IsEmpty());
  configs_.push_back({4, "d4", VolumeClass::kVolatile});
  servers_.Configure(configs_, now_);
  Up(4);
  int moved = 0;
  while (moved < 100) {
    const auto plan = Next();
    const auto copies = std::count_if(plan.start.begin(), plan.start.end(),
                                      [](const Job& job) { return job.IsCopy(); });
    if (copies == 0) break;
    EXPECT_EQ(plan.start[0].kind, JobKind::kRebalance);
    ++moved;
    Finish();
  }
  EXPECT_GE(moved, 20);
  EXPECT_LE(moved, 30) << "and no further";
}

TEST_F(RepairPlannerTest, StreamsAreBoundedAndFewerWhileClientsAreBusy) {
  Servers(12);
  for (VolumeId id = 1; id <= 30; ++id) AddVolume(id, {1, 2, 3});
  Down(3);
  now_ += absl::Minutes(16);
  EXPECT_THAT(Next(absl::Seconds(1), /*quiet=*/false).start, SizeIs(2)) << "one for each source";
  running_.clear();
  EXPECT_THAT(Next(absl::Seconds(1), /*quiet=*/true).start, SizeIs(8));
  running_.clear();
  planner_.SetBoost(true);
  EXPECT_THAT(Next(absl::Seconds(1), /*quiet=*/false).start, SizeIs(16));
}

TEST_F(RepairPlannerTest, VolumesFromTheFutureAreLeftAlone) {
  Servers(3);
  servers_.AddHolding(1, 999, 1, kGiB);
  servers_.AddHolding(1, 1000, 1, kGiB);  // This datamgr has not made it: its store is older.
  EXPECT_THAT(Next().start, IsEmpty());
  const auto plan = Next(absl::Minutes(31));
  ASSERT_THAT(plan.start, SizeIs(1));
  EXPECT_EQ(plan.start[0].kind, JobKind::kDropOrphan);
  EXPECT_EQ(plan.start[0].volume, 999);
}

}  // namespace
}  // namespace convergia::datamgr
