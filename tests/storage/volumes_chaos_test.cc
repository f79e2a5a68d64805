// Stops and starts data servers and datamgr at random while several threads write. Every
// acknowledged chunk must be readable, and must have its copies in the end. A failure prints its
// seed.
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <set>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "common/base/testing/status_testing.h"
#include "tests/storage/storage_cluster.h"
#include "tests/testing/eventually.h"

namespace convergia::testing {
namespace {

using datamgr::ChunkRef;
using datamgr::ClassPreference;
using datamgr::VolumeClass;

constexpr int kWriters = 3;
constexpr int kSteps = 60;

std::string BytesOf(uint64_t seed) {
  Rng rng(seed);
  std::string bytes(1 + rng() % 40'000, '\0');
  for (char& byte : bytes) byte = static_cast<char>(rng());
  return bytes;
}

// The acknowledged chunks, with the seeds of their bytes.
class Ledger {
 public:
  void Add(const ChunkRef& ref, uint64_t seed) {
    absl::MutexLock lock(&mu_);
    entries_.push_back({ref, seed});
  }
  struct Entry {
    ChunkRef ref;
    uint64_t seed = 0;
  };
  std::vector<Entry> entries() const {
    absl::MutexLock lock(&mu_);
    return entries_;
  }

 private:
  mutable absl::Mutex mu_;
  std::vector<Entry> entries_ ABSL_GUARDED_BY(mu_);
};

void WriteUntil(StorageCluster* cluster, const std::atomic<bool>* stop, uint64_t seed,
                Ledger* ledger) {
  for (uint64_t i = 0; !*stop; ++i) {
    const uint64_t bytes_seed = seed * 1'000'000 + i;
    const bool is_volatile = i % 5 != 0;
    const auto ref =
        cluster->Write(BytesOf(bytes_seed),
                       is_volatile ? ClassPreference::kVolatile : ClassPreference::kNonVolatile);
    if (ref.ok()) ledger->Add(*ref, bytes_seed);
  }
}

void Disturb(StorageCluster* cluster, Rng* rng, int servers) {
  std::set<NodeId> down;
  for (int step = 0; step < kSteps; ++step) {
    const auto id = static_cast<NodeId>(1 + (*rng)() % static_cast<uint64_t>(servers));
    if ((*rng)() % 10 == 0) {
      cluster->RestartDatamgr();
    } else if (down.contains(id)) {
      cluster->StartServer(id);
      down.erase(id);
    } else if (down.size() < 3) {
      cluster->StopServer(id);
      down.insert(id);
    }
  }
  for (const NodeId id : down) cluster->StartServer(id);
}

TEST(VolumesChaosTest, WhatWasAcknowledgedIsThereAndGetsItsCopies) {
  const auto seed = static_cast<uint64_t>(absl::ToUnixMicros(RealClock::Get().Now()));
  SCOPED_TRACE(absl::StrCat("seed ", seed));
  Rng rng(seed);
  StorageCluster::Options options;
  options.dir = absl::StrCat(::testing::TempDir(), "/volumes_chaos.", getpid());
  options.rules.grace_volatile = absl::Milliseconds(300);
  options.rules.grace_non_volatile = absl::Milliseconds(300);
  options.rules.surplus_keep = absl::ZeroDuration();
  options.rules.sweep_every = absl::Milliseconds(500);
  options.limits.volume_bytes_max = 2 << 20;  // Many volumes.
  StorageCluster cluster(options);
  for (int i = 0; i < 6; ++i) cluster.AddServer(VolumeClass::kVolatile);
  cluster.AddServer(VolumeClass::kNonVolatile);

  Ledger ledger;
  std::atomic<bool> stop = false;
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; ++i) {
    writers.emplace_back([&, i] {
      WriteUntil(&cluster, &stop, seed % 1'000'000 + static_cast<uint64_t>(i), &ledger);
    });
  }
  Disturb(&cluster, &rng, /*servers=*/7);
  stop = true;
  for (std::thread& writer : writers) writer.join();

  const auto entries = ledger.entries();
  ASSERT_GT(entries.size(), 50);
  for (const Ledger::Entry& entry : entries) {
    const auto read = cluster.Read(entry.ref);
    ASSERT_OK(read);
    ASSERT_TRUE(*read == BytesOf(entry.seed)) << "volume " << entry.ref.volume;
  }
  EXPECT_TRUE(Eventually(
      [&] {
        for (const Ledger::Entry& entry : entries) {
          if (cluster.CopiesOf(entry.ref) < 1 ||
              cluster.CopiesOf(entry.ref) != cluster.WantedOf(entry.ref)) {
            return false;
          }
        }
        return true;
      },
      absl::Minutes(2)));
  RecordProperty("acknowledged", static_cast<int>(entries.size()));
}

}  // namespace
}  // namespace convergia::testing
