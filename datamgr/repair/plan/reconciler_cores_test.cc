// The decisions of the volumes' reconciler, as tables.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"
#include "datamgr/repair/plan/running_jobs.h"
#include "datamgr/repair/plan/server_watch.h"
#include "datamgr/repair/plan/sweep_plan.h"
#include "datamgr/repair/plan/volume_opening.h"
#include "datamgr/repair/plan/volume_ticker.h"

namespace convergia::datamgr {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uint64_t kGiB = uint64_t{1} << 30;
constexpr absl::Duration kNow = absl::Hours(1);

// Volatile servers 1 to `count` with room.
struct Tables {
  ServerTable servers;
  VolumeTable volumes;
  VolumeLimits limits;
  PlacementRules rules;
  std::map<VolumeId, Job> running;

  explicit Tables(int count) {
    std::vector<ServerConfig> configs;
    for (int i = 1; i <= count; ++i) {
      configs.push_back({static_cast<NodeId>(i), absl::StrCat("d", i), VolumeClass::kVolatile});
    }
    servers.Configure(configs, kNow);
    for (const ServerConfig& config : configs) Up(config.id);
  }
  void Up(NodeId id, const std::string& disk = "disk") {
    servers.OnConnected(id, absl::StrCat("d", id), disk, {100 * kGiB, 0, 0, 50 * kGiB, ""}, kNow);
    servers.SetHoldings(id, {});
  }
  void Down(NodeId id) { servers.OnDisconnected(id, kNow, 1); }
  Volume& Add(VolumeId id, const std::vector<NodeId>& on, bool sealed) {
    VolumeRecord record = {id, VolumeClass::kVolatile, 5, sealed, {}};
    for (const NodeId server : on) {
      record.replicas.push_back({server, "disk"});
      servers.AddHolding(server, id, 1, 1);
    }
    return volumes.Apply(record, 1);
  }
  absl::StatusOr<Opening> Next() const {
    return NextOpening({servers, volumes, limits, rules, running}, VolumeClass::kVolatile);
  }
};

TEST(VolumeTickerTest, TellsWhatIsDueAndTakesItAsDone) {
  struct Row {
    absl::Duration at;
    absl::Duration orphan_age;
    bool mark, plan;
  };
  const Row rows[] = {
      {absl::ZeroDuration(), absl::Minutes(30), true, true},
      {absl::Milliseconds(200), absl::Minutes(30), false, false},
      {absl::Seconds(1), absl::Minutes(30), false, true},
      {absl::Milliseconds(1'900), absl::Minutes(30), false, false},
      {absl::Seconds(60), absl::Minutes(30), true, true},
      {absl::Seconds(62), absl::Seconds(4), true, true},
      {absl::Seconds(63), absl::Seconds(4), false, true},
  };
  VolumeTicker ticker(absl::Seconds(1));
  for (const Row& row : rows) {
    const VolumeTicker::Due due = ticker.Next(row.at, row.orphan_age);
    EXPECT_EQ(due.mark, row.mark) << row.at;
    EXPECT_EQ(due.plan, row.plan) << row.at;
  }
  ticker.PlanSoon();
  EXPECT_TRUE(ticker.Next(absl::Seconds(63), absl::Seconds(4)).plan);
}

TEST(ServerWatchTest, ForgivesASlowServerOnceAfterAWhileUnlessItCaughtUpOrWent) {
  constexpr absl::Duration kPause = absl::Seconds(15);
  ServerWatch watch;
  for (const NodeId id : {1, 2, 3, 4}) watch.OnSlow(id, kNow);
  watch.OnCaughtUp(2);
  watch.OnDown(3);
  watch.OnUp(4);
  EXPECT_THAT(watch.TakeForgiven(kNow + absl::Seconds(14), kPause), IsEmpty());
  EXPECT_THAT(watch.TakeForgiven(kNow + absl::Seconds(15), kPause), ElementsAre(1));
  EXPECT_THAT(watch.TakeForgiven(kNow + absl::Seconds(99), kPause), IsEmpty());
}

TEST(ServerWatchTest, ReadsReports) {
  struct Row {
    std::string what;
    uint64_t rounds, damaged, found;
    bool push, list;
  };
  const Row rows[] = {
      {"nothing is wrong", 3, 0, 0, false, false},
      {"damage", 3, 1, 1, false, true},
      {"the same damage", 3, 1, 1, false, false},
      {"the round that was under way when the scrub was asked for", 4, 1, 1, false, false},
      {"more damage, and the whole round", 5, 2, 2, true, true},
      {"one more round", 6, 2, 2, false, false},
      {"all healed", 6, 0, 2, false, false},
  };
  ServerWatch watch;
  bool has_begun = false;
  for (const Row& row : rows) {
    v1::DataServerReport report;
    report.mutable_scrub()->set_rounds(row.rounds);
    report.set_damaged_chunks(row.damaged);
    report.set_damage_found(row.found);
    const ServerWatch::Asked asked = watch.OnReport(7, report);
    EXPECT_EQ(asked.push_settings, row.push) << row.what;
    EXPECT_EQ(asked.list_damaged, row.list) << row.what;
    if (!has_begun) watch.BeginScrub(7);
    has_begun = true;
    EXPECT_EQ(watch.IsScrubbing(7), row.rounds < 5) << row.what;
  }
}

TEST(ServerWatchTest, AsksForHoldingsAgainUntilTheyAreKnown) {
  Tables tables(3);
  for (const NodeId id : {1, 2}) {
    tables.Down(id);
    tables.servers.OnConnected(id, absl::StrCat("d", id), "disk", {}, kNow);
  }
  tables.Down(2);
  ServerWatch watch;
  EXPECT_THAT(watch.TakeUnlisted(tables.servers, kNow), ElementsAre(1));
  EXPECT_THAT(watch.TakeUnlisted(tables.servers, kNow + absl::Seconds(30)), IsEmpty());
  EXPECT_THAT(watch.TakeUnlisted(tables.servers, kNow + absl::Seconds(31)), ElementsAre(1));
  tables.servers.SetHoldings(1, {});
  EXPECT_THAT(watch.TakeUnlisted(tables.servers, kNow + absl::Minutes(5)), IsEmpty());
}

struct OpeningRow {
  std::string what;
  int servers;
  std::function<void(Tables&)> prepare;
  Opening::Kind kind;
  VolumeId reopened;
};

std::vector<OpeningRow> OpeningRows() {
  const auto sealed = [](Tables& tables) -> Volume& { return tables.Add(9, {1, 2, 3}, true); };
  return {
      {"nothing is open", 3, [](Tables&) {}, Opening::Kind::kNew, 0},
      {"one is open, three servers", 3,
       [](Tables& t) {
         t.Add(9, {1, 2, 3}, false);
       },
       Opening::Kind::kNone, 0},
      {"one is open, six servers", 6,
       [](Tables& t) {
         t.Add(9, {1, 2, 3}, false);
       },
       Opening::Kind::kNew, 0},
      {"one is sealed and nearly empty", 3, [&](Tables& t) { sealed(t); }, Opening::Kind::kReopen,
       9},
      {"it is closed in memory only", 3,
       [](Tables& t) {
         t.Add(9, {1, 2, 3}, false).closed = true;
       },
       Opening::Kind::kReopen, 9},
      {"it is more than half full", 3,
       [&](Tables& t) { sealed(t).bytes = t.limits.volume_bytes_max / 2 + 1; }, Opening::Kind::kNew,
       0},
      {"it has many chunks", 3,
       [&](Tables& t) { sealed(t).chunks = t.limits.volume_chunks_max / 2 + 1; },
       Opening::Kind::kNew, 0},
      {"a write is under way", 3, [&](Tables& t) { sealed(t).writes_in_flight = 1; },
       Opening::Kind::kNew, 0},
      {"a job runs on it", 3,
       [&](Tables& t) {
         sealed(t);
         t.running[9] = {};
       },
       Opening::Kind::kNew, 0},
      {"a replica is missing", 3,
       [](Tables& t) {
         t.Add(9, {1, 2}, true);
       },
       Opening::Kind::kNew, 0},
      {"a replica is on another disk", 3,
       [&](Tables& t) {
         sealed(t);
         t.Down(3);
         t.Up(3, "other");
       },
       Opening::Kind::kNew, 0},
      {"a server does not answer in time", 4,
       [&](Tables& t) {
         sealed(t);
         t.servers.OnSlow(3, true);
       },
       Opening::Kind::kNew, 0},
      {"its servers have another open volume", 6,
       [&](Tables& t) {
         sealed(t);
         t.Add(10, {3, 4, 5}, false);
       },
       Opening::Kind::kNew, 0},
  };
}

TEST(VolumeOpeningTest, OpensReopensOrLeaves) {
  for (const OpeningRow& row : OpeningRows()) {
    Tables tables(row.servers);
    row.prepare(tables);
    const absl::StatusOr<Opening> next = tables.Next();
    ASSERT_TRUE(next.ok()) << row.what << ": " << next.status();
    EXPECT_EQ(next->kind, row.kind) << row.what;
    EXPECT_FALSE(next->record.sealed) << row.what;
    EXPECT_EQ(next->record.replicas.size(), row.kind == Opening::Kind::kNone ? 0 : 3) << row.what;
    EXPECT_EQ(next->record.id, row.reopened) << row.what;
    const uint64_t epoch = row.kind == Opening::Kind::kNew ? 1 : row.reopened == 0 ? 0 : 6;
    EXPECT_EQ(next->record.epoch, epoch) << row.what;
  }
  Tables few(2);
  EXPECT_EQ(FailCodeOf(few.Next().status()), FailCode::kUnavailable);
}

TEST(VolumeOpeningTest, SealsWhatIsClosedAndStill) {
  Tables tables(3);
  tables.Add(1, {1, 2, 3}, false);
  tables.Add(2, {1, 2, 3}, true).closed = true;
  tables.Add(3, {1, 2, 3}, false).closed = true;
  Volume& busy = tables.Add(4, {1, 2, 3}, false);
  busy.closed = true;
  busy.writes_in_flight = 1;
  tables.Add(5, {1, 2, 3}, false).closed = true;
  std::vector<VolumeId> sealed;
  for (const VolumeRecord& record : VolumesToSeal(tables.volumes, 10)) {
    EXPECT_TRUE(record.sealed);
    EXPECT_EQ(record.epoch, 6);
    sealed.push_back(record.id);
  }
  EXPECT_THAT(sealed, ElementsAre(3, 5));
  EXPECT_EQ(VolumesToSeal(tables.volumes, 1).size(), 1);
}

TEST(SweepPlanTest, TakesNewVolumesFirstAndThenTheOldest) {
  RepairRules rules;
  rules.sweep_every = absl::Hours(6);
  Tables tables(3);
  tables.Add(1, {1, 2}, true);
  tables.Add(2, {1, 2}, true);
  tables.Add(3, {1, 2}, true);
  tables.running[3] = {};
  tables.Down(2);
  tables.servers.AddHolding(3, 1, 1, 1);
  SweepPlan plan;
  const auto next = [&](absl::Duration now) {
    return plan.Next(now, tables.servers, tables.volumes, tables.running, rules);
  };
  const std::optional<SweepOrder> first = next(kNow);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->volume, 1);
  EXPECT_EQ(first->epoch, 5);
  EXPECT_THAT(first->replicas, ElementsAre(1));    // 2 is away.
  EXPECT_THAT(first->holders, ElementsAre(1, 3));  // 3 has some that does not count.
  EXPECT_FALSE(next(kNow).has_value());            // One at a time.
  plan.End();
  EXPECT_EQ(next(kNow + absl::Minutes(1))->volume, 2);
  plan.End();
  plan.Again(2, kNow + absl::Minutes(1), rules);
  EXPECT_FALSE(next(kNow + absl::Seconds(119)).has_value());
  EXPECT_EQ(next(kNow + absl::Minutes(2))->volume, 2);
  plan.End();
  EXPECT_EQ(next(kNow + absl::Hours(7))->volume, 1);
  plan.End();
  plan.Clear();
  EXPECT_EQ(next(kNow + absl::Hours(7))->volume, 1);
}

TEST(SweepPlanTest, PutsOffAVolumeThatNobodyHolds) {
  RepairRules rules;
  Tables tables(1);
  tables.Add(1, {1}, true);
  tables.Down(1);
  SweepPlan plan;
  const auto next = [&](absl::Duration now) {
    return plan.Next(now, tables.servers, tables.volumes, tables.running, rules);
  };
  EXPECT_FALSE(next(kNow).has_value());
  tables.Up(1);
  EXPECT_FALSE(next(kNow + absl::Seconds(59)).has_value());
  EXPECT_TRUE(next(kNow + absl::Minutes(1)).has_value());
}

TEST(SweepPlanTest, ForgetsOnlyWhatIsSurelyEmpty) {
  struct Row {
    std::string what;
    std::function<void(Tables&, VolumeLists&)> change;
    bool forgettable;
  };
  const Row rows[] = {
      {"empty everywhere", [](Tables&, VolumeLists&) {}, true},
      {"a chunk is needed", [](Tables&, VolumeLists& lists) { lists.live[1] = 1; }, false},
      {"a replica did not answer", [](Tables&, VolumeLists& lists) { lists.of.erase(2); }, false},
      {"a replica has a chunk", [](Tables&, VolumeLists& lists) { lists.of[2][1] = {}; }, false},
      {"it is open", [](Tables& t, VolumeLists&) { t.volumes.Find(9)->record.sealed = false; },
       false},
      {"it was open since", [](Tables& t, VolumeLists&) { ++t.volumes.Find(9)->record.epoch; },
       false},
      {"it is being written",
       [](Tables& t, VolumeLists&) { t.volumes.Find(9)->writes_in_flight = 1; }, false},
      {"a job runs", [](Tables& t, VolumeLists&) { t.running[9] = {}; }, false},
  };
  for (const Row& row : rows) {
    Tables tables(2);
    tables.Add(9, {1, 2}, true);
    VolumeLists lists;
    lists.of[1] = {};
    lists.of[2] = {};
    row.change(tables, lists);
    EXPECT_EQ(IsForgettable(tables.volumes.Find(9), 5, lists, tables.running), row.forgettable)
        << row.what;
  }
  EXPECT_FALSE(IsForgettable(nullptr, 5, {}, {}));
}

TEST(RunningJobsTest, LeavesAVolumeAloneAfterADeleteWithoutAnAnswer) {
  struct Row {
    std::string what;
    JobKind kind;
    absl::Status status;
    bool stays;
  };
  const Row rows[] = {
      {"a copy", JobKind::kRepair, absl::OkStatus(), false},
      {"a copy that failed", JobKind::kRepair, absl::UnavailableError(""), false},
      {"a trim", JobKind::kTrim, absl::OkStatus(), false},
      {"a trim that was ceased", JobKind::kTrim, absl::CancelledError(), false},
      {"a trim that was not begun", JobKind::kTrim, absl::FailedPreconditionError(""), false},
      {"a trim without an answer", JobKind::kTrim, absl::DeadlineExceededError(""), true},
      {"a drop without an answer", JobKind::kDropOrphan, absl::UnavailableError(""), true},
  };
  for (const Row& row : rows) {
    RunningJobs jobs;
    jobs.Begin({.kind = row.kind, .volume = 9});
    jobs.End({.job = {.kind = row.kind, .volume = 9}, .status = row.status}, kNow);
    jobs.EndCooled(kNow + absl::Seconds(29));
    EXPECT_EQ(jobs.Has(9), row.stays) << row.what;
    jobs.EndCooled(kNow + absl::Seconds(30));
    EXPECT_FALSE(jobs.Has(9)) << row.what;
  }
}

TEST(RunningJobsTest, ReadsFromTheSourceThenReplicasThenOtherHolders) {
  Tables tables(5);
  tables.Add(9, {1, 2, 3}, true);
  tables.Down(3);
  tables.servers.AddHolding(5, 9, 1, 1);
  const JobOrder order = OrderOf({.kind = JobKind::kRepair, .volume = 9, .target = 4, .source = 2},
                                 tables.servers, tables.volumes, 77);
  EXPECT_THAT(order.replicas, ElementsAre(1, 2));
  EXPECT_THAT(order.sources, ElementsAre(2, 1, 5));
  EXPECT_EQ(order.young, 77);
}

TEST(RepairRatesTest, MeasuresClientsAtOnceAndRepairSmoothly) {
  struct Row {
    absl::Duration at;
    uint64_t clients, repair;
    double client_rate, repair_rate;
  };
  const Row rows[] = {
      {absl::Seconds(1), 1'000, 3'000, 1'000, 100},
      {absl::Seconds(1), 9'000, 9'000, 1'000, 100},  // No time has passed.
      {absl::Seconds(31), 1'000, 6'000, 0, 100},
      {absl::Seconds(61), 4'000, 6'000, 100, 0},
  };
  RepairRates rates;
  for (const Row& row : rows) {
    rates.Measure(row.at, row.clients, row.repair);
    EXPECT_DOUBLE_EQ(rates.clients(), row.client_rate) << row.at;
    EXPECT_DOUBLE_EQ(rates.repair(), row.repair_rate) << row.at;
  }
}

}  // namespace
}  // namespace convergia::datamgr
