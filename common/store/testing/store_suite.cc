#include "common/store/testing/store_suite.h"

#include <gmock/gmock.h>

#include <atomic>
#include <thread>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/blocking_counter.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/base/testing/status_testing.h"

namespace convergia::store {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

Batch Put(absl::string_view key, absl::string_view value) { return Batch().Put(key, value); }

std::string ValueOf(const Store& store, absl::string_view key) {
  const auto row = store.Get(key);
  if (!row.ok()) return row.status().ToString();
  return row->has_value() ? (*row)->value : "(absent)";
}

std::vector<std::string> KeysOf(const Page& page) {
  std::vector<std::string> keys;
  for (const KeyValue& row : page.rows) keys.push_back(row.key);
  return keys;
}

TEST_P(StoreSuite, AnAbsentKeyIsNoError) {
  ASSERT_OK_AND_ASSIGN(const auto row, store_->Get("nobody"));
  EXPECT_FALSE(row.has_value());
}

TEST_P(StoreSuite, APutIsReadBackWithItsRevisionAsVersion) {
  ASSERT_OK_AND_ASSIGN(const Revision first, store_->Commit(Put("a", "1")));
  ASSERT_OK_AND_ASSIGN(const Revision second, store_->Commit(Put("b", "2")));
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 2);
  ASSERT_OK_AND_ASSIGN(const auto row, store_->Get("a"));
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ(*row, (KeyValue{"a", "1", first}));
}

TEST_P(StoreSuite, KeysAndValuesAreBytes) {
  const std::string key("\0\xff k\n", 5);
  const std::string value("\0~\xfe", 3);
  ASSERT_OK(store_->Commit(Put(key, value)));
  EXPECT_EQ(ValueOf(*store_, key), value);
  ASSERT_OK(store_->Commit(Put("empty", "")));
  EXPECT_EQ(ValueOf(*store_, "empty"), "");
}

TEST_P(StoreSuite, ADeleteRemovesAndAPutAfterItIsNew) {
  ASSERT_OK(store_->Commit(Put("a", "1")));
  ASSERT_OK(store_->Commit(Batch().Delete("a")));
  EXPECT_EQ(ValueOf(*store_, "a"), "(absent)");
  ASSERT_OK_AND_ASSIGN(const Revision again, store_->Commit(Batch().IfAbsent("a").Put("a", "2")));
  EXPECT_EQ(again, 3);
}

TEST_P(StoreSuite, ACommitThatChangesNothingKeepsTheRevision) {
  ASSERT_OK(store_->Commit(Put("a", "1")));
  ASSERT_OK_AND_ASSIGN(const Revision guarded, store_->Commit(Batch().IfPresent("a")));
  ASSERT_OK_AND_ASSIGN(const Revision deleted, store_->Commit(Batch().Delete("nobody")));
  ASSERT_OK_AND_ASSIGN(const Revision empty, store_->Commit(Batch()));
  EXPECT_EQ(guarded, 1);
  EXPECT_EQ(deleted, 1);
  EXPECT_EQ(empty, 1);
}

struct GuardCase {
  Guard::Kind kind;
  Revision version;
  bool holds_if_absent;
  bool holds_at_version_1;
};

TEST_P(StoreSuite, AGuardHoldsOrTheWholeBatchIsAConflict) {
  const GuardCase cases[] = {
      {Guard::Kind::kAbsent, 0, true, false},   {Guard::Kind::kPresent, 0, false, true},
      {Guard::Kind::kVersion, 0, true, false},  {Guard::Kind::kVersion, 1, false, true},
      {Guard::Kind::kVersion, 2, false, false},
  };
  ASSERT_OK(store_->Commit(Put("there", "1")));
  for (const GuardCase& c : cases) {
    for (const bool is_there : {false, true}) {
      SCOPED_TRACE(absl::StrCat("kind ", static_cast<int>(c.kind), " version ", c.version, " ",
                                is_there ? "there" : "absent"));
      Batch batch;
      batch.guards.push_back({c.kind, is_there ? "there" : "absent", c.version});
      batch.Put("x", "written").Put("y", "written");
      const absl::StatusOr<Revision> outcome = store_->Commit(batch);
      if (is_there ? c.holds_at_version_1 : c.holds_if_absent) {
        EXPECT_OK(outcome);
        ASSERT_OK(store_->Commit(Batch().Delete("x").Delete("y")));
      } else {
        EXPECT_TRUE(IsConflict(outcome)) << outcome.status();
        EXPECT_EQ(ValueOf(*store_, "x"), "(absent)");
        EXPECT_EQ(ValueOf(*store_, "y"), "(absent)");
      }
    }
  }
}

TEST_P(StoreSuite, OneFailingGuardAmongManyIsEnough) {
  ASSERT_OK(store_->Commit(Put("a", "1")));
  EXPECT_TRUE(IsConflict(store_->Commit(Batch().IfPresent("a").IfAbsent("a").Put("b", "2"))));
  EXPECT_EQ(ValueOf(*store_, "b"), "(absent)");
}

// One key, many who add one to it: no addition may be lost, whatever groups they fall into.
TEST_P(StoreSuite, GuardedAdditionsFromManyThreadsAllCount) {
  constexpr int kThreads = 8;
  constexpr int kAdditions = 25;
  ASSERT_OK(store_->Commit(Put("count", "0")));
  std::vector<std::thread> threads;
  std::atomic<int> added{0};
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int done = 0; done < kAdditions;) {
        const auto row = store_->Get("count");
        int count = 0;
        if (!row.ok() || !absl::SimpleAtoi((*row)->value, &count)) return;
        const auto outcome = store_->Commit(
            Batch().IfVersion("count", (*row)->version).Put("count", absl::StrCat(count + 1)));
        if (!outcome.ok() && !IsConflict(outcome)) return;
        if (!outcome.ok()) continue;
        ++done;
        ++added;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(added, kThreads * kAdditions);
  EXPECT_EQ(ValueOf(*store_, "count"), absl::StrCat(kThreads * kAdditions));
}

TEST_P(StoreSuite, CommitsGivenWithoutWaitingSeeOneAnother) {
  constexpr int kCommits = 500;
  absl::BlockingCounter left(kCommits);
  std::vector<absl::StatusOr<Revision>> outcomes(kCommits);
  for (int i = 0; i < kCommits; ++i) {
    // Each counts on the one before; the first wins "only".
    Batch batch;
    if (i > 0) batch.IfPresent(absl::StrCat("k", i - 1));
    batch.IfAbsent("only");
    if (i == kCommits / 2) batch.Put("only", "me");
    batch.Put(absl::StrCat("k", i), "");
    store_->CommitAsync(batch, [&, i](absl::StatusOr<Revision> outcome) {
      outcomes[i] = std::move(outcome);
      left.DecrementCount();
    });
  }
  left.Wait();
  for (int i = 0; i < kCommits; ++i) {
    SCOPED_TRACE(i);
    if (i <= kCommits / 2) {
      ASSERT_OK(outcomes[i]);
      EXPECT_EQ(*outcomes[i], i + 1);
    } else {
      EXPECT_TRUE(IsConflict(outcomes[i])) << outcomes[i].status();
    }
  }
}

TEST_P(StoreSuite, WhatIsTooBigIsRefusedAndTheLimitItselfIsNot) {
  const std::string longest_key(limits::kStoreKeyBytesMax, 'k');
  const std::string longest_value(limits::kStoreValueBytesMax, 'v');
  EXPECT_OK(store_->Commit(Put(longest_key, longest_value)));
  EXPECT_TRUE(IsTooBig(store_->Commit(Put(longest_key + "k", "")).status()));
  EXPECT_TRUE(IsTooBig(store_->Commit(Put("a", longest_value + "v")).status()));
  EXPECT_TRUE(IsTooBig(store_->Commit(Batch().IfAbsent(longest_key + "k")).status()));
  EXPECT_TRUE(IsTooBig(store_->Commit(Batch().Delete(longest_key + "k")).status()));

  Batch guards, mutations;
  for (size_t i = 0; i < limits::kStoreGuardsMax; ++i) guards.IfAbsent(absl::StrCat("g", i));
  for (size_t i = 0; i < limits::kStoreMutationsMax; ++i) mutations.Put(absl::StrCat("m", i), "");
  EXPECT_OK(store_->Commit(guards));
  EXPECT_OK(store_->Commit(mutations));
  EXPECT_TRUE(IsTooBig(store_->Commit(guards.IfAbsent("one more")).status()));
  EXPECT_TRUE(IsTooBig(store_->Commit(mutations.Put("one more", "")).status()));

  Batch bytes;  // 1 MiB to the byte: 16 values with keys of 2 bytes, the last shorter by them.
  for (int i = 0; i < 15; ++i) bytes.Put(absl::StrCat(10 + i), longest_value);
  bytes.Put("25", longest_value.substr(2 * 16));
  EXPECT_OK(store_->Commit(bytes));
  bytes.mutations.back().value += 'v';
  EXPECT_TRUE(IsTooBig(store_->Commit(bytes).status()));
}

TEST_P(StoreSuite, AnEmptyOrRepeatedKeyIsInvalid) {
  using absl::StatusCode;
  EXPECT_THAT(store_->Commit(Put("", "1")), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(store_->Commit(Batch().IfAbsent("")), StatusIs(StatusCode::kInvalidArgument));
  EXPECT_THAT(store_->Commit(Batch().Put("a", "1").Delete("a")),
              StatusIs(StatusCode::kInvalidArgument));
  EXPECT_EQ(ValueOf(*store_, "a"), "(absent)");
}

TEST_P(StoreSuite, AScanGivesItsRangeInOrderOfBytes) {
  for (const char* key : {"b", "a", "ab", "\xff\xff", "B", "c"}) {
    ASSERT_OK(store_->Commit(Put(key, "")));
  }
  ASSERT_OK_AND_ASSIGN(const Page all, store_->Scan("", "", 100));
  EXPECT_THAT(KeysOf(all), ElementsAre("B", "a", "ab", "b", "c", "\xff\xff"));
  EXPECT_EQ(all.next, "");
  EXPECT_EQ(all.revision, 6);
  ASSERT_OK_AND_ASSIGN(const Page some, store_->Scan("a", "b", 100));
  EXPECT_THAT(KeysOf(some), ElementsAre("a", "ab"));
  ASSERT_OK_AND_ASSIGN(const Page none, store_->Scan("b", "a", 100));
  EXPECT_THAT(none.rows, IsEmpty());
  EXPECT_THAT(store_->Scan("", "", 0), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(StoreSuite, PagesOfASnapshotShowOneMoment) {
  for (int i = 0; i < 10; ++i) ASSERT_OK(store_->Commit(Put(absl::StrCat("k", i), "old")));
  const std::unique_ptr<Snapshot> snapshot = store_->TakeSnapshot();
  EXPECT_EQ(snapshot->revision(), 10);
  ASSERT_OK_AND_ASSIGN(const Page first, snapshot->Scan("k", PrefixEnd("k"), 4));
  EXPECT_THAT(KeysOf(first), ElementsAre("k0", "k1", "k2", "k3"));
  EXPECT_EQ(first.next, "k4");
  ASSERT_OK(store_->Commit(Batch().Put("k4", "new").Put("k45", "new").Delete("k9")));
  EXPECT_EQ(snapshot->revision(), 10);
  ASSERT_OK_AND_ASSIGN(const Page rest, snapshot->Scan(first.next, PrefixEnd("k"), 100));
  EXPECT_THAT(KeysOf(rest), ElementsAre("k4", "k5", "k6", "k7", "k8", "k9"));
  EXPECT_EQ(rest.rows[0], (KeyValue{"k4", "old", 5}));
  EXPECT_EQ(rest.revision, 10);
  ASSERT_OK_AND_ASSIGN(const auto then, snapshot->Get("k4"));
  EXPECT_EQ(then->value, "old");
  EXPECT_EQ(ValueOf(*store_, "k4"), "new");
}

TEST_P(StoreSuite, APageIsBoundedInBytesToo) {
  const std::string value(limits::kStoreValueBytesMax, 'v');
  constexpr int kRows = 80;  // 5 MiB.
  for (int i = 0; i < kRows; ++i) ASSERT_OK(store_->Commit(Put(absl::StrCat(100 + i), value)));
  ASSERT_OK_AND_ASSIGN(const Page page, store_->Scan("", "", kRows));
  EXPECT_LT(page.rows.size(), kRows);
  EXPECT_EQ(page.next, absl::StrCat(100 + page.rows.size()));
  int rows = 0;
  ASSERT_OK(store_->ForEach("1", [&](const KeyValue& row) {
    EXPECT_EQ(row.key, absl::StrCat(100 + rows++));
    return absl::OkStatus();
  }));
  EXPECT_EQ(rows, kRows);
}

TEST_P(StoreSuite, ForEachStopsAtTheFirstErrorAndAtThePrefix) {
  for (const char* key : {"a/1", "a/2", "a/3", "b"}) ASSERT_OK(store_->Commit(Put(key, "")));
  std::vector<std::string> seen;
  ASSERT_OK(store_->ForEach("a/", [&](const KeyValue& row) {
    seen.push_back(row.key);
    return absl::OkStatus();
  }));
  EXPECT_THAT(seen, ElementsAre("a/1", "a/2", "a/3"));
  const absl::Status status = store_->ForEach("a/", [&](const KeyValue& row) {
    return row.key == "a/2" ? absl::CancelledError("enough") : absl::OkStatus();
  });
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kCancelled));
}

TEST_P(StoreSuite, AfterStopCommitsAreFencedAndReadsGoOn) {
  ASSERT_OK(store_->Commit(Put("a", "1")));
  store_->Stop();
  store_->Stop();
  EXPECT_TRUE(IsFenced(store_->Commit(Put("a", "2")).status()));
  EXPECT_EQ(ValueOf(*store_, "a"), "1");
}

TEST(PrefixEndTest, IsTheNextKeyThatDoesNotBeginSo) {
  EXPECT_EQ(PrefixEnd("a/"), "a0");
  EXPECT_EQ(PrefixEnd("a\xff\xff"), "b");
  EXPECT_EQ(PrefixEnd("\xff"), "");
  EXPECT_EQ(PrefixEnd(""), "");
}

}  // namespace
}  // namespace convergia::store
