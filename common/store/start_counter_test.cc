#include "common/store/start_counter.h"

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/base/testing/status_testing.h"
#include "common/store/testing/held_store.h"
#include "common/store/testing/mem_store.h"

namespace convergia::store {
namespace {

constexpr char kKey[] = "counter/start";
constexpr Epoch kStartMs = 1'700'000'000'000;  // FakeClock's first moment.

// A store as an older start left it. The bytes are those that mgmt has always written.
void PutLast(Store& store, absl::string_view bytes) {
  Batch batch;
  batch.Put(kKey, bytes);
  ASSERT_OK(store.Commit(std::move(batch)));
}

TEST(StartCounterTest, IsTheGreatestOfTheLastOneTheClockAndTheFloor) {
  const struct {
    const char* what;
    Epoch last;  // 0: no start before.
    absl::Time now;
    Epoch at_least;
    Epoch want;
  } kCases[] = {
      {"first start", 0, absl::FromUnixMillis(5'000), 0, 5'000},
      {"a start of before epochs had the clock", 3, absl::FromUnixMillis(5'000), 0, 5'000},
      {"the same millisecond", 5'000, absl::FromUnixMillis(5'000), 0, 5'001},
      {"the clock is behind", 9'000, absl::FromUnixMillis(5'000), 0, 9'001},
      {"the clock is before 1970", 9, absl::FromUnixMillis(-5'000), 0, 10},
      {"no clock at all", 0, absl::InfinitePast(), 0, 1},
      {"a floor above all", 9'000, absl::FromUnixMillis(5'000), 20'000, 20'000},
      {"a floor below", 9'000, absl::FromUnixMillis(5'000), 7, 9'001},
  };
  for (const auto& row : kCases) {
    SCOPED_TRACE(row.what);
    MemStore store;
    if (row.last != 0) {
      ASSERT_OK(CountStart(store, kKey, absl::UnixEpoch(), row.last));
    }
    EXPECT_EQ(CountStart(store, kKey, row.now, row.at_least).value(), row.want);
  }
}

TEST(StartCounterTest, ReadsTheCountsOfEarlierVersions) {
  MemStore store;
  PutLast(store, "\x08\x07");
  EXPECT_EQ(CountStart(store, kKey, absl::UnixEpoch()).value(), 8);
}

TEST(StartCounterTest, WhatIsNoCountIsNamed) {
  MemStore store;
  PutLast(store, "\xFF\xFF");
  EXPECT_THAT(CountStart(store, kKey, absl::UnixEpoch()), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(StartCounterTest, NoEpochIsAboveTheGreatest) {
  MemStore store;
  ASSERT_OK(CountStart(store, kKey, absl::UnixEpoch(), ~Epoch{0}));
  EXPECT_THAT(CountStart(store, kKey, absl::UnixEpoch()), StatusIs(absl::StatusCode::kOutOfRange));
}

// Starts that the backup does not know of came after it, so the clock has passed them.
TEST(StartCounterTest, ARestoredStoreStartsAboveAllStartsThatItHasLost) {
  FakeClock clock;
  MemStore backup;
  MemStore lost;
  ASSERT_OK(CountStart(backup, kKey, clock.Now()));
  ASSERT_OK(CountStart(lost, kKey, clock.Now()));
  Epoch highest = 0;
  for (int start = 0; start < 1'000; ++start) {  // As fast as a supervisor can start it.
    clock.Advance(absl::Milliseconds(1));
    highest = CountStart(lost, kKey, clock.Now()).value();
  }
  clock.Advance(absl::Milliseconds(1));
  EXPECT_GT(CountStart(backup, kKey, clock.Now()).value(), highest);
}

// Then nodes refuse it, and the operator sets the clock right or says a floor.
TEST(StartCounterTest, ARestoredStoreWithAClockThatIsBehindStartsBelow) {
  FakeClock clock;
  MemStore backup;
  MemStore lost;
  ASSERT_OK(CountStart(backup, kKey, clock.Now()));
  const Epoch highest = CountStart(lost, kKey, clock.Now() + absl::Hours(1)).value();
  EXPECT_EQ(highest, kStartMs + 3'600'000);
  EXPECT_LT(CountStart(backup, kKey, clock.Now()).value(), highest);
  EXPECT_EQ(CountStart(backup, kKey, clock.Now(), highest + 1).value(), highest + 1);
}

TEST(StartCounterTest, OfTwoThatStartAtOnceOneIsRefused) {
  const FakeClock clock;
  HeldStore store;
  ASSERT_OK(CountStart(store, kKey, clock.Now()));
  store.Hold();
  absl::Mutex mu;
  std::vector<absl::StatusOr<Epoch>> epochs;
  std::vector<std::thread> starts;
  for (int i = 0; i < 2; ++i) {
    starts.emplace_back([&] {
      absl::StatusOr<Epoch> epoch = CountStart(store, kKey, clock.Now());
      absl::MutexLock lock(&mu);
      epochs.push_back(std::move(epoch));
    });
  }
  while (store.waiting() < 2) std::this_thread::yield();  // Both have read the same count.
  store.Let();
  for (std::thread& start : starts) start.join();
  EXPECT_EQ(epochs[0].ok() + epochs[1].ok(), 1);
  const absl::Status refused = epochs[0].ok() ? epochs[1].status() : epochs[0].status();
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_EQ(CountStart(store, kKey, clock.Now()).value(), kStartMs + 2);
}

}  // namespace
}  // namespace convergia::store
