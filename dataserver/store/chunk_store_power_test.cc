// Cuts the power at every single sync of a workload, in the segments and in the index. Acknowledged
// changes must survive.
#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "common/base/testing/status_testing.h"
#include "common/disk/testing/faulty_disk.h"
#include "dataserver/store/chunk_store.h"
#include "dataserver/testing/store_testing.h"

namespace convergia::dataserver {
namespace {

using disk::FaultyDisk;

// The chunks that must exist after the cut, and those that must not.
class Ledger {
 public:
  void OnPut(const ChunkKey& key, bool acknowledged) {
    Note("put", key, acknowledged);
    if (acknowledged) {
      owed_.insert(key);
      gone_.erase(key);
    } else if (owed_.count(key) == 0) {
      gone_.erase(key);  // It may or may not exist.
    }
    known_.insert(key);
  }
  void OnDelete(const ChunkKey& key, bool acknowledged) {
    Note("delete", key, acknowledged);
    owed_.erase(key);
    if (acknowledged) gone_.insert(key);
  }

  void OnDrop(uint64_t volume, bool acknowledged) {
    for (const ChunkKey& key : known_) {
      if (key.volume == volume) OnDelete(key, acknowledged);
    }
  }

  // Records a step for the trace of a failure.
  void Note(absl::string_view what, const ChunkKey& key, bool acknowledged) {
    absl::StrAppend(&steps_, what, " ", key.volume, "/", key.chunk, acknowledged ? "\n" : "?\n");
  }

  void Check(const ChunkStore& store) const {
    SCOPED_TRACE(steps_);
    for (const ChunkKey& key : known_) {
      const auto read = ReadNow(store, key);
      if (read.ok()) {
        EXPECT_TRUE(*read == BytesOf(key.chunk, LengthOf(key))) << ToText(key);
        EXPECT_EQ(gone_.count(key), 0) << ToText(key) << " was deleted";
      } else {
        EXPECT_THAT(read, StatusIs(absl::StatusCode::kNotFound)) << ToText(key);
        EXPECT_EQ(owed_.count(key), 0) << ToText(key) << " was acknowledged";
      }
    }
  }

  static size_t LengthOf(const ChunkKey& key) { return 1 + key.chunk * 997 % 9'000; }

 private:
  std::string steps_;
  std::set<ChunkKey> owed_;
  std::set<ChunkKey> gone_;
  std::set<ChunkKey> known_;
};

// Runs some steps of every kind of change. The same seed gives the same steps.
void RunWorkload(ChunkStore& store, uint64_t seed, int steps, uint64_t first_chunk,
                 Ledger* ledger) {
  Rng rng(seed);
  std::vector<ChunkKey> keys;
  uint64_t next = first_chunk;
  for (int step = 0; step < steps; ++step) {
    const uint64_t what = rng() % 16;
    if (what < 9 || keys.empty()) {
      const ChunkKey key{1 + rng() % 3, next++};
      keys.push_back(key);
      const std::string bytes = BytesOf(key.chunk, Ledger::LengthOf(key));
      ledger->OnPut(key, PutNow(store, key, bytes).ok());
    } else if (what < 13) {
      const ChunkKey key = keys[rng() % keys.size()];
      ledger->OnDelete(key, DeleteNow(store, key).ok());
    } else if (what < 15) {
      ledger->Note("compact", {}, store.CompactOnce().value_or(false));
    } else if (rng() % 3 == 0) {
      const uint64_t volume = 1 + rng() % 3;
      ledger->OnDrop(volume, DropNow(store, volume).ok());
    } else {
      store.ScrubOnce(10'000).IgnoreError();
    }
  }
}

// Returns whether the workload ended before the cut.
bool CutAt(int sync, uint64_t seed, FaultyDisk::Loss loss) {
  SCOPED_TRACE(absl::StrCat("power cut at sync ", sync, ", seed ", seed));
  FaultyDisk disk;
  Ledger ledger;
  disk.CutPowerAtSync(sync);
  for (int start = 0; start < 2; ++start) {
    auto store = ChunkStore::Open(SmallStore(disk, "/store"));
    if (!store.ok()) break;
    RunWorkload(**store, seed + start, 45, 1 + 1000 * start, &ledger);
  }
  const bool finished = !disk.power_is_cut();
  if (finished) disk.CutPower();
  disk.PowerOn(loss, seed + sync);
  auto store = ChunkStore::Open(SmallStore(disk, "/store"));
  EXPECT_OK(store);
  if (!store.ok()) return true;
  EXPECT_EQ((*store)->recovery().damaged_bytes, 0);
  EXPECT_EQ((*store)->recovery().chunks_lost, 0);
  ledger.Check(**store);
  // The store must continue normally, through another cut.
  RunWorkload(**store, seed + 7, 15, 5000, &ledger);
  store->reset();
  disk.CutPower();
  disk.PowerOn(loss, seed);
  auto again = ChunkStore::Open(SmallStore(disk, "/store"));
  EXPECT_OK(again);
  if (!again.ok()) return true;
  EXPECT_EQ((*again)->recovery().damaged_bytes, 0);
  EXPECT_EQ((*again)->recovery().chunks_lost, 0);
  ledger.Check(**again);
  return finished;
}

class ChunkStorePowerTest : public testing::TestWithParam<int> {};

TEST_P(ChunkStorePowerTest, NothingAcknowledgedIsLostAtAnySync) {
  const uint64_t seed = 100 + GetParam() / 2;
  const auto loss = GetParam() % 2 == 0 ? FaultyDisk::Loss::kAll : FaultyDisk::Loss::kSome;
  int sync = 1;
  while (!CutAt(sync, seed, loss) && !testing::Test::HasFailure()) ++sync;
  EXPECT_GT(sync, 60) << "the workload syncs too little to prove anything";
}

INSTANTIATE_TEST_SUITE_P(Seeds, ChunkStorePowerTest, testing::Range(0, 12));

}  // namespace
}  // namespace convergia::dataserver
