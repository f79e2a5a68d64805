#include <gmock/gmock.h>

#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/base/testing/status_testing.h"
#include "common/store/testing/event_log.h"
#include "common/store/testing/store_suite.h"

// The part of the suite that is about Store::Watch().
namespace convergia::store {
namespace {

using testing::ElementsAre;
using testing::SizeIs;

Batch Put(absl::string_view key, absl::string_view value) { return Batch().Put(key, value); }

TEST_P(StoreSuite, AWatchSeesWhatChangesUnderItsPrefix) {
  EventLog log;
  ASSERT_OK_AND_ASSIGN(const auto watcher, store_->Watch("a/", 1, log.Callback()));
  ASSERT_OK(store_->Commit(Put("a/1", "x").Put("b/1", "unseen")));
  ASSERT_OK(store_->Commit(Put("b/2", "unseen")));
  ASSERT_OK(store_->Commit(Batch().Delete("a/1").Delete("a/absent").Put("a/2", "y")));
  EXPECT_THAT(log.Await(3), ElementsAre(Event{Mutation::Kind::kPut, "a/1", "x", 1},
                                        Event{Mutation::Kind::kDelete, "a/1", "", 3},
                                        Event{Mutation::Kind::kPut, "a/2", "y", 3}));
}

TEST_P(StoreSuite, AWatchFromThePastReplaysAndGoesOn) {
  for (int i = 1; i <= 5; ++i) ASSERT_OK(store_->Commit(Put("k", absl::StrCat(i))));
  EventLog log;
  ASSERT_OK_AND_ASSIGN(const auto watcher, store_->Watch("", 3, log.Callback()));
  EXPECT_THAT(log.Await(3), SizeIs(3));
  ASSERT_OK(store_->Commit(Put("k", "6")));
  const std::vector<Event> events = log.Await(4);
  ASSERT_THAT(events, SizeIs(4));
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(events[i].revision, 3 + i);
    EXPECT_EQ(events[i].value, absl::StrCat(3 + i));
  }
}

TEST_P(StoreSuite, AWatchFromTheFutureWaitsForIt) {
  EventLog log;
  ASSERT_OK_AND_ASSIGN(const auto watcher, store_->Watch("", 3, log.Callback()));
  for (int i = 1; i <= 3; ++i) ASSERT_OK(store_->Commit(Put("k", absl::StrCat(i))));
  EXPECT_THAT(log.Await(1), ElementsAre(Event{Mutation::Kind::kPut, "k", "3", 3}));
}

// Snapshot at R, watch from R + 1: every change is in exactly one of the two.
TEST_P(StoreSuite, ASnapshotAndTheWatchAfterItMissNothing) {
  constexpr int kCommits = 300;
  std::thread writer([&] {
    for (int i = 0; i < kCommits; ++i) {
      store_->CommitAsync(Put(absl::StrCat("k", i), ""), [](const auto&) {});
    }
  });
  const std::unique_ptr<Snapshot> snapshot = store_->TakeSnapshot();
  int in_snapshot = 0;
  ASSERT_OK(snapshot->ForEach("k", [&](const KeyValue&) {
    ++in_snapshot;
    return absl::OkStatus();
  }));
  EventLog log;
  ASSERT_OK_AND_ASSIGN(const auto watcher,
                       store_->Watch("k", snapshot->revision() + 1, log.Callback()));
  writer.join();
  EXPECT_THAT(log.Await(kCommits - in_snapshot), SizeIs(kCommits - in_snapshot));
  EXPECT_EQ(in_snapshot, snapshot->revision());
}

TEST_P(StoreSuite, APastThatIsNoLongerKeptIsCompacted) {
  UseSmallHistory({.revisions_max = 3});
  for (int i = 1; i <= 5; ++i) ASSERT_OK(store_->Commit(Put("k", absl::StrCat(i))));
  EventLog log;
  EXPECT_THAT(store_->Watch("", 2, log.Callback()), StatusIs(absl::StatusCode::kOutOfRange));
  ASSERT_OK_AND_ASSIGN(const auto watcher, store_->Watch("", 3, log.Callback()));
  EXPECT_THAT(log.Await(3), SizeIs(3));
}

TEST_P(StoreSuite, HistoryIsBoundedInBytesAndKeepsTheLastCommit) {
  UseSmallHistory({.revisions_max = 100, .bytes_max = 1});
  for (int i = 1; i <= 3; ++i) ASSERT_OK(store_->Commit(Put("k", absl::StrCat(i))));
  EventLog log;
  EXPECT_THAT(store_->Watch("", 2, log.Callback()), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_OK(store_->Watch("", 3, log.Callback()));
}

// A watch that stands still holds up no commit; when it goes on, it learns that it missed some.
TEST_P(StoreSuite, ASlowWatchBlocksNoCommitAndIsToldThatItMissedSome) {
  UseSmallHistory({.revisions_max = 10});
  absl::Notification entered, go_on;
  EventLog log;
  WatchCallback record = log.Callback();
  ASSERT_OK_AND_ASSIGN(const auto watcher, store_->Watch("", 1, [&](const auto& events) {
    if (!entered.HasBeenNotified()) entered.Notify();
    go_on.WaitForNotification();
    record(events);
  }));
  ASSERT_OK(store_->Commit(Put("k", "first")));
  entered.WaitForNotification();
  for (int i = 0; i < 50; ++i) ASSERT_OK(store_->Commit(Put("k", "")));
  go_on.Notify();
  EXPECT_THAT(log.AwaitEnd(), StatusIs(absl::StatusCode::kOutOfRange));
  EXPECT_EQ(log.Await(1).front().value, "first");
}

TEST_P(StoreSuite, AWatchThatEndedIsNotCalledAgain) {
  EventLog ended_log, log;
  ASSERT_OK_AND_ASSIGN(auto ended, store_->Watch("", 1, ended_log.Callback()));
  ASSERT_OK_AND_ASSIGN(const auto watcher, store_->Watch("", 1, log.Callback()));
  ASSERT_OK(store_->Commit(Put("k", "1")));
  EXPECT_THAT(ended_log.Await(1), SizeIs(1));
  ended.reset();
  ASSERT_OK(store_->Commit(Put("k", "2")));
  EXPECT_THAT(log.Await(2), SizeIs(2));
  EXPECT_THAT(ended_log.Await(1), SizeIs(1));
}

TEST_P(StoreSuite, AWatchMayEndFromItsOwnCallback) {
  absl::Notification armed, ended;
  std::unique_ptr<Watcher> watcher;
  ASSERT_OK_AND_ASSIGN(watcher, store_->Watch("", 1, [&](const auto&) {
    armed.WaitForNotification();
    watcher.reset();
    ended.Notify();
  }));
  armed.Notify();
  ASSERT_OK(store_->Commit(Put("k", "1")));
  ended.WaitForNotification();
  EXPECT_OK(store_->Commit(Put("k", "2")));
}

TEST_P(StoreSuite, AWatchMayCommitFromItsCallback) {
  EventLog log;
  WatchCallback record = log.Callback();
  ASSERT_OK_AND_ASSIGN(const auto watcher, store_->Watch("", 1, [&](const auto& events) {
    record(events);
    for (const Event& event : *events) {
      if (event.key == "ask") store_->CommitAsync(Put("answer", ""), [](const auto&) {});
    }
  }));
  ASSERT_OK(store_->Commit(Put("ask", "")));
  const std::vector<Event> events = log.Await(2);
  ASSERT_THAT(events, SizeIs(2));
  EXPECT_EQ(events[1].key, "answer");
}

}  // namespace
}  // namespace convergia::store
