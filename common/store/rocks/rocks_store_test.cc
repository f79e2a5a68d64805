#include "common/store/rocks/rocks_store.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "common/base/fail.h"
#include "common/base/random.h"
#include "common/base/testing/status_testing.h"
#include "common/disk/testing/faulty_disk.h"
#include "common/store/rocks/rocks_format.h"
#include "common/store/testing/event_log.h"
#include "common/store/testing/store_suite.h"

namespace convergia::store {
namespace {

using testing::HasSubstr;
using testing::SizeIs;

using disk::FaultyDisk;

// On a disk of its own.
class RocksStoreTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<RocksStore>> Open(const HistoryBounds& history = {}) {
    RocksStore::Options options;
    options.dir = dir_;
    options.history = history;
    options.disk = &disk_;
    options.reserve_bytes = reserve_bytes_;
    options.write_buffer_bytes = write_buffer_bytes_;
    options.on_fenced = [this](const absl::Status& /*why*/) { ++fenced_; };
    options.log = log_;
    options.group_bytes = group_bytes_;
    return RocksStore::Open(options);
  }

  FaultyDisk disk_;
  std::string dir_ = "/store";
  uint64_t reserve_bytes_ = 1024 * 1024;
  size_t write_buffer_bytes_ = 16 * 1024 * 1024;
  std::function<absl::StatusOr<std::string>(absl::string_view changes)> log_;
  size_t group_bytes_ = CommitQueue::kGroupBytes;
  int fenced_ = 0;  // Written before the commit is answered.
};

std::unique_ptr<Store> MakeEmptyStore(const HistoryBounds& history) {
  RocksStore::Options options;
  options.dir = absl::StrCat(testing::TempDir(), "/suite-", SecureRandomHex(8));
  options.history = history;
  auto store = RocksStore::Open(options);
  if (!store.ok()) ADD_FAILURE() << store.status();
  return store.ok() ? *std::move(store) : nullptr;
}

INSTANTIATE_TEST_SUITE_P(Rocks, StoreSuite, testing::Values(Backend{"RocksStore", MakeEmptyStore}),
                         BackendName);

Batch Put(absl::string_view key, absl::string_view value) { return Batch().Put(key, value); }

TEST(RocksStoreOnARealDiskTest, WhereFilesMayNotGrowOpeningIsAnErrorThatSaysSo) {
  const RocksStore::Options options = {
      .dir = absl::StrCat(testing::TempDir(), "/little-", SecureRandomHex(8))};
  ASSERT_OK(RocksStore::Open(options));
  signal(SIGXFSZ, SIG_IGN);
  rlimit before = {};
  ASSERT_EQ(getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit little = {.rlim_cur = 512, .rlim_max = before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &little), 0);
  const absl::Status refused = RocksStore::Open(options).status();
  ASSERT_EQ(setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_THAT(std::string(refused.message()), HasSubstr("File too large"));
  EXPECT_OK(RocksStore::Open(options));
}

TEST_F(RocksStoreTest, AReopenedStoreHasAllAndItsRevisionsGoOn) {
  {
    ASSERT_OK_AND_ASSIGN(const auto store, Open());
    for (int i = 1; i <= 100; ++i) ASSERT_OK(store->Commit(Put(absl::StrCat("k", i), "v")));
    ASSERT_OK(store->Commit(Batch().Delete("k50")));
  }
  ASSERT_OK_AND_ASSIGN(const auto store, Open());
  ASSERT_OK_AND_ASSIGN(const Page page, store->Scan("", "", 1000));
  EXPECT_THAT(page.rows, SizeIs(99));
  EXPECT_EQ(page.revision, 101);
  ASSERT_OK_AND_ASSIGN(const auto row, store->Get("k7"));
  EXPECT_EQ(*row, (KeyValue{"k7", "v", 7}));
  EXPECT_TRUE(IsConflict(store->Commit(Batch().IfAbsent("k7"))));
  ASSERT_OK_AND_ASSIGN(const Revision next, store->Commit(Put("k", "v")));
  EXPECT_EQ(next, 102);
}

TEST_F(RocksStoreTest, AWatchLooksBackAcrossAReopen) {
  {
    ASSERT_OK_AND_ASSIGN(const auto store, Open());
    for (int i = 1; i <= 5; ++i) ASSERT_OK(store->Commit(Put("k", absl::StrCat(i))));
    ASSERT_OK(store->Commit(Batch().Delete("k")));
  }
  ASSERT_OK_AND_ASSIGN(const auto store, Open());
  EventLog log;
  ASSERT_OK_AND_ASSIGN(const auto watcher, store->Watch("k", 4, log.Callback()));
  ASSERT_OK(store->Commit(Put("k", "7")));
  const std::vector<Event> events = log.Await(4);
  ASSERT_THAT(events, SizeIs(4));
  EXPECT_EQ(events[0], (Event{Mutation::Kind::kPut, "k", "4", 4}));
  EXPECT_EQ(events[2], (Event{Mutation::Kind::kDelete, "k", "", 6}));
  EXPECT_EQ(events[3], (Event{Mutation::Kind::kPut, "k", "7", 7}));
}

TEST_F(RocksStoreTest, HistoryOnDiskIsTrimmedToItsBounds) {
  constexpr int kCommits = 2000;
  {
    ASSERT_OK_AND_ASSIGN(const auto store, Open({.revisions_max = 10}));
    for (int i = 1; i <= kCommits; ++i) {
      ASSERT_OK(store->Commit(Put("k", absl::StrCat(i))));
    }
  }
  ASSERT_OK_AND_ASSIGN(const auto store, Open({.revisions_max = kCommits}));
  EventLog log;
  // 10 and what one trim leaves; far fewer than were written.
  EXPECT_THAT(store->Watch("", kCommits - 300, log.Callback()),
              StatusIs(absl::StatusCode::kOutOfRange));
  ASSERT_OK_AND_ASSIGN(const auto watcher, store->Watch("", kCommits - 9, log.Callback()));
  EXPECT_THAT(log.Await(10), SizeIs(10));
}

TEST_F(RocksStoreTest, ASecondOpenIsRefusedAndSaysWhy) {
  ASSERT_OK_AND_ASSIGN(auto store, Open());
  const auto second = Open();
  EXPECT_THAT(second, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("already open"));
  store.reset();
  EXPECT_OK(Open());
}

TEST_F(RocksStoreTest, ADirectoryThatCannotBeMadeIsAnError) {
  RocksStore::Options options;
  options.dir = "/proc/no/store/here";
  EXPECT_THAT(RocksStore::Open(options), StatusIs(absl::StatusCode::kUnavailable));
  options.dir = "";
  EXPECT_THAT(RocksStore::Open(options), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(RocksStoreTest, ManyCommitsShareOneSync) {
  constexpr int kCommits = 1000;
  ASSERT_OK_AND_ASSIGN(const auto store, Open());
  const int before = disk_.syncs();
  // The commit thread waits in the first callback until all others stand in the queue.
  absl::Notification all_queued;
  absl::BlockingCounter left(kCommits);
  store->CommitAsync(Put("first", ""), [&](const auto&) { all_queued.WaitForNotification(); });
  for (int i = 0; i < kCommits; ++i) {
    store->CommitAsync(Put(absl::StrCat("k", i), ""), [&](const auto& outcome) {
      EXPECT_OK(outcome);
      left.DecrementCount();
    });
  }
  all_queued.Notify();
  left.Wait();
  EXPECT_LE(disk_.syncs() - before, 3);
}

TEST_F(RocksStoreTest, TooManyWaitingCommitsAreRefused) {
  ASSERT_OK_AND_ASSIGN(const auto store, Open());
  absl::Notification go_on;
  store->CommitAsync(Put("first", ""), [&](const auto&) { go_on.WaitForNotification(); });
  const std::string value(64 * 1024, 'v');
  int refused = 0;
  for (int i = 0; i < 1200; ++i) {  // 75 MiB.
    store->CommitAsync(Put("k", value), [&](const auto& outcome) {
      if (outcome.ok()) return;
      EXPECT_THAT(outcome, StatusIs(absl::StatusCode::kResourceExhausted));
      ++refused;  // Refusals come on this thread.
    });
  }
  EXPECT_GT(refused, 0);
  EXPECT_LT(refused, 400);
  go_on.Notify();
}

TEST_F(RocksStoreTest, AFailedSyncIsUnknownAndThenAllAreFencedUntilReopened) {
  ASSERT_OK_AND_ASSIGN(auto store, Open());
  ASSERT_OK(store->Commit(Put("a", "1")));
  disk_.FailSync(1);
  EXPECT_TRUE(IsUnknown(store->Commit(Put("a", "2")).status()));
  EXPECT_TRUE(IsFenced(store->Commit(Put("b", "1")).status()));
  EXPECT_OK(store->Get("a"));
  store.reset();
  ASSERT_OK_AND_ASSIGN(const auto again, Open());
  ASSERT_OK_AND_ASSIGN(const auto b, again->Get("b"));
  EXPECT_FALSE(b.has_value());
  EXPECT_OK(again->Commit(Put("b", "1")));
}

TEST_F(RocksStoreTest, ANearlyFullDiskTakesNoCommitsUntilThereIsRoom) {
  ASSERT_OK_AND_ASSIGN(const auto store, Open());
  ASSERT_OK(store->Commit(Put("a", "1")));
  disk_.SetCapacity(disk_.used_bytes() + reserve_bytes_ - 1);
  const auto refused = store->Commit(Put("a", "2"));
  EXPECT_EQ(FailCodeOf(refused.status()), FailCode::kNoSpace) << refused.status();
  ASSERT_OK_AND_ASSIGN(const auto row, store->Get("a"));
  EXPECT_EQ(row->value, "1");
  disk_.SetCapacity(1 << 30);
  ASSERT_OK_AND_ASSIGN(const Revision next, store->Commit(Put("a", "2")));
  EXPECT_EQ(next, 2);
}

TEST_F(RocksStoreTest, ADiskThatFillsUpUnderAWriteFencesAndSaysSo) {
  reserve_bytes_ = 0;  // Nothing warns before it is full.
  ASSERT_OK_AND_ASSIGN(auto store, Open());
  ASSERT_OK(store->Commit(Put("a", "1")));
  disk_.SetCapacity(disk_.used_bytes() + 100);  // The record is cut off in the middle.
  EXPECT_TRUE(IsUnknown(store->Commit(Put("a", std::string(5'000, 'v'))).status()));
  EXPECT_EQ(fenced_, 1);
  EXPECT_TRUE(IsFenced(store->Commit(Put("b", "1")).status()));
  EXPECT_EQ(fenced_, 1);
  store.reset();
  disk_.SetCapacity(1 << 30);
  ASSERT_OK_AND_ASSIGN(store, Open());
  ASSERT_OK_AND_ASSIGN(const auto row, store->Get("a"));
  EXPECT_EQ(row->value, "1");
  EXPECT_OK(store->Commit(Put("b", "1")));
}

TEST_F(RocksStoreTest, ADiskThatCannotBeReadIsAnErrorAndNotAGap) {
  constexpr int kRows = 1'000;
  write_buffer_bytes_ = 64 * 1024;
  {
    ASSERT_OK_AND_ASSIGN(auto store, Open());
    for (int i = 0; i < kRows; ++i) {
      ASSERT_OK(store->Commit(Put(absl::StrCat("k", 10'000 + i), std::string(600, 'v'))));
    }
  }
  for (int rows_before = 0; rows_before < kRows; rows_before += 250) {
    SCOPED_TRACE(absl::StrCat("cut after ", rows_before, " rows"));
    {
      ASSERT_OK_AND_ASSIGN(auto store, Open());
      if (rows_before > 0) {
        ASSERT_OK(store->Scan("k", "", rows_before));
      }
      disk_.CutPower();
      // Rows in memory may be given.
      const auto page = store->Scan("k", "", kRows + 1);
      if (page.ok()) {
        EXPECT_THAT(page->rows, SizeIs(kRows));
      }
    }
    disk_.PowerOn(FaultyDisk::Loss::kAll, 1);
  }
}

TEST_F(RocksStoreTest, TheLogIsGivenEachWriteFirstAndItsMarkIsWrittenWithIt) {
  std::vector<std::string> logged;
  log_ = [&](absl::string_view changes) -> absl::StatusOr<std::string> {
    logged.emplace_back(changes);
    return absl::StrCat("mark ", logged.size());
  };
  ASSERT_OK_AND_ASSIGN(auto store, Open());
  EXPECT_EQ(*store->ReadMark(), "");
  ASSERT_OK(store->Commit(Put("a", "1")));
  EXPECT_TRUE(IsConflict(store->Commit(Batch().IfAbsent("a").Put("b", "1"))));
  ASSERT_OK(store->Commit(Batch().Delete("a").Put("b", "2")));
  ASSERT_THAT(logged, SizeIs(2));  // A commit that changes nothing is not in the log.
  store.reset();
  ASSERT_OK_AND_ASSIGN(store, Open());
  EXPECT_EQ(*store->ReadMark(), "mark 2");

  // Another store that is given the same comes to the same.
  log_ = nullptr;
  dir_ = "/other";
  ASSERT_OK_AND_ASSIGN(const auto other, Open());
  EventLog events;
  ASSERT_OK_AND_ASSIGN(const auto watcher, other->Watch("", 1, events.Callback()));
  ASSERT_OK(other->Apply(logged, "mark 2"));
  EXPECT_EQ(*other->ReadMark(), "mark 2");
  ASSERT_OK_AND_ASSIGN(const Page mine, store->Scan("", "", 10));
  ASSERT_OK_AND_ASSIGN(const Page others, other->Scan("", "", 10));
  EXPECT_EQ(others.rows, mine.rows);
  EXPECT_EQ(others.revision, 2);
  EXPECT_THAT(events.Await(3), SizeIs(3));
}

TEST_F(RocksStoreTest, ChangesThatDoNotFollowThisRevisionAreRefused) {
  ASSERT_OK_AND_ASSIGN(const auto store, Open());
  const auto changes = [](Revision revision) {
    return rocks_format::EncodeChanges({{{Mutation::Kind::kPut, "k", "v", revision}}});
  };
  EXPECT_THAT(store->Apply({changes(2)}, "m"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(store->Apply({changes(1), changes(1)}, "m"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(store->Apply({"bytes"}, "m"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_EQ(*store->ReadMark(), "");
  EXPECT_OK(store->Apply({changes(1), changes(2)}, "m"));
  EXPECT_THAT(store->Apply({changes(2)}, "n"), StatusIs(absl::StatusCode::kDataLoss));
  disk_.SetCapacity(disk_.used_bytes() + reserve_bytes_ - 1);
  EXPECT_EQ(FailCodeOf(store->Apply({changes(3)}, "n")), FailCode::kNoSpace);
  EXPECT_EQ(*store->ReadMark(), "m");
}

// A commit that the log did not take is nowhere. One that it may have taken is unknown.
TEST_F(RocksStoreTest, AfterALogThatFailsNothingIsWrittenAndAllAreFenced) {
  for (const bool is_nowhere : {true, false}) {
    SCOPED_TRACE(is_nowhere);
    dir_ = absl::StrCat("/store", is_nowhere);
    absl::Status log_says;
    log_ = [&](absl::string_view) -> absl::StatusOr<std::string> {
      if (!log_says.ok()) return log_says;
      return "mark";
    };
    ASSERT_OK_AND_ASSIGN(const auto store, Open());
    ASSERT_OK(store->Commit(Put("a", "1")));
    log_says =
        is_nowhere ? absl::FailedPreconditionError("another leads") : absl::UnknownError("?");
    const absl::Status outcome = store->Commit(Put("a", "2")).status();
    EXPECT_TRUE(is_nowhere ? IsFenced(outcome) : IsUnknown(outcome)) << outcome;
    log_says = absl::OkStatus();
    EXPECT_TRUE(IsFenced(store->Commit(Put("a", "3")).status()));
    ASSERT_OK_AND_ASSIGN(const auto row, store->Get("a"));
    EXPECT_EQ(row->value, "1");
  }
  EXPECT_EQ(fenced_, 2);
}

TEST_F(RocksStoreTest, AGroupHasNotMoreBytesThanAskedForUnlessItIsOneBatch) {
  std::vector<size_t> sizes;
  absl::Notification all_queued;
  log_ = [&](absl::string_view changes) -> absl::StatusOr<std::string> {
    sizes.push_back(changes.size());
    return "mark";
  };
  group_bytes_ = 10'000;
  ASSERT_OK_AND_ASSIGN(const auto store, Open());
  store->CommitAsync(Put("first", ""), [&](const auto&) { all_queued.WaitForNotification(); });
  absl::BlockingCounter left(41);
  const auto done = [&](const auto& outcome) {
    EXPECT_OK(outcome);
    left.DecrementCount();
  };
  for (int i = 0; i < 40; ++i) {
    store->CommitAsync(Put(absl::StrCat("k", i), std::string(1'000, 'v')), done);
  }
  store->CommitAsync(Put("large", std::string(50'000, 'v')), done);
  all_queued.Notify();
  left.Wait();
  ASSERT_GE(sizes.size(), 6);
  EXPECT_LE(sizes.size(), 10);
  for (size_t i = 0; i + 1 < sizes.size(); ++i) EXPECT_LE(sizes[i], group_bytes_);
  EXPECT_GT(sizes.back(), 50'000);
}

TEST_F(RocksStoreTest, APowerCutLosesNothingThatWasAcknowledged) {
  std::vector<std::string> acknowledged;
  constexpr int kRounds = 5;
  for (int round = 0; round < kRounds; ++round) {
    ASSERT_OK_AND_ASSIGN(auto store, Open());
    ASSERT_OK_AND_ASSIGN(const Page page, store->Scan("", "", 10'000));
    EXPECT_GE(page.rows.size(), acknowledged.size()) << "after power cut " << round;
    for (const std::string& key : acknowledged) {
      const auto row = store->Get(key);
      EXPECT_TRUE(row.ok() && row->has_value()) << key << " is lost";
    }
    for (int i = 0; i < 200; ++i) {
      const std::string key = absl::StrCat("r", round, "-", i);
      if (store->Commit(Put(key, std::string(i, 'v'))).ok()) acknowledged.push_back(key);
    }
    disk_.CutPower();
    EXPECT_TRUE(IsUnknown(store->Commit(Put("late", "")).status()));
    store.reset();
    disk_.PowerOn(round % 2 == 0 ? FaultyDisk::Loss::kAll : FaultyDisk::Loss::kSome, round);
  }
  EXPECT_THAT(acknowledged, SizeIs(kRounds * 200));
}

TEST_F(RocksStoreTest, ANewStoreIsThereAfterAPowerCutWithTheFoldersAboveIt) {
  dir_ = "/new/cluster/store";
  {
    ASSERT_OK_AND_ASSIGN(const auto store, Open());
    ASSERT_OK(store->Commit(Put("k", "v")));
    disk_.CutPower();
  }
  disk_.PowerOn(FaultyDisk::Loss::kAll, 1);
  ASSERT_OK_AND_ASSIGN(const auto store, Open());
  ASSERT_OK_AND_ASSIGN(const auto row, store->Get("k"));
  EXPECT_TRUE(row.has_value());
}

TEST(RocksFormatTest, DamagedRecordsAreErrorsWhereverTheyAreCut) {
  const std::vector<Event> events = {{Mutation::Kind::kPut, "key", "value", 7},
                                     {Mutation::Kind::kDelete, "other", "", 7}};
  const std::string bytes = rocks_format::EncodeEvents(events);
  ASSERT_OK_AND_ASSIGN(const auto decoded, rocks_format::DecodeEvents(7, bytes));
  EXPECT_EQ(decoded, events);
  const size_t first_event = 1 + 4 + 3 + 4 + 5;
  for (size_t cut = 0; cut < bytes.size(); ++cut) {
    SCOPED_TRACE(cut);
    EXPECT_EQ(rocks_format::DecodeEvents(7, bytes.substr(0, cut)).ok(), cut == first_event);
  }
  EXPECT_THAT(rocks_format::DecodeRevision("1234567"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(rocks_format::DecodeRow("k", "1234567"), StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_LT(rocks_format::EncodeRevision(255), rocks_format::EncodeRevision(256));

  const rocks_format::Changes changes = {events, {{Mutation::Kind::kDelete, "key", "", 8}}};
  const std::string both = rocks_format::EncodeChanges(changes);
  ASSERT_OK_AND_ASSIGN(const auto decoded_changes, rocks_format::DecodeChanges(both));
  EXPECT_EQ(decoded_changes, changes);
  for (size_t cut = 0; cut < both.size(); ++cut) {
    SCOPED_TRACE(cut);
    EXPECT_EQ(rocks_format::DecodeChanges(both.substr(0, cut)).ok(), cut == 16 + bytes.size());
  }
  EXPECT_FALSE(rocks_format::DecodeChanges(both + both).ok());
}

}  // namespace
}  // namespace convergia::store
