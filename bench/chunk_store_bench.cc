// The speed of a chunk store on a disk: MB/s of 1 MiB chunks, beside the disk's own rate with
// fdatasync after each MiB, measured in turn in the same folder.
//
//   bazel run -c opt //bench:chunk_store_bench -- /path/on/the/disk [MiB]
#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "bench/disk_rate.h"
#include "common/base/clock.h"
#include "common/disk/real_disk.h"
#include "dataserver/store/chunk_store.h"

namespace convergia::bench {
namespace {

using dataserver::Checksum;
using dataserver::ChunkStore;

constexpr int kRounds = 3;

// So many unanswered puts at any time, as a client that pipelines.
class Flight {
 public:
  explicit Flight(int max) : max_(max) {}
  void Begin() {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(this, &Flight::HasRoom));
    ++now_;
  }
  void End(const absl::Status& status) {
    DieUnlessOk(status);
    absl::MutexLock lock(&mu_);
    --now_;
  }
  void AwaitAll() {
    absl::MutexLock lock(&mu_);
    mu_.Await(absl::Condition(this, &Flight::IsEmpty));
  }

 private:
  bool HasRoom() const { return now_ < max_; }
  bool IsEmpty() const { return now_ == 0; }
  const int max_;
  absl::Mutex mu_;
  int now_ = 0;
};

double Puts(ChunkStore& store, uint64_t volume, int mib, int in_flight, const std::string& bytes) {
  const uint64_t checksum = Checksum(bytes);
  Flight flight(in_flight);
  const absl::Duration began = RealClock::Get().Elapsed();
  for (int i = 0; i < mib; ++i) {
    flight.Begin();
    store.Put({volume, static_cast<uint64_t>(i + 1)}, bytes, checksum,
              [&flight](const absl::Status& status) { flight.End(status); });
  }
  flight.AwaitAll();
  return MegabytesPerSecond(mib * kMiB, RealClock::Get().Elapsed() - began);
}

double Reads(ChunkStore& store, uint64_t volume, int mib) {
  const absl::Duration began = RealClock::Get().Elapsed();
  for (int i = 0; i < mib; ++i) {
    const auto read = store.Read({volume, static_cast<uint64_t>(i + 1)}, 0, kMiB);
    DieUnlessOk(read.status());
  }
  return MegabytesPerSecond(mib * kMiB, RealClock::Get().Elapsed() - began);
}

double SmallPuts(ChunkStore& store, uint64_t volume, int count, int in_flight) {
  const std::string bytes(1000, 'x');
  const uint64_t checksum = Checksum(bytes);
  Flight flight(in_flight);
  const absl::Duration began = RealClock::Get().Elapsed();
  for (int i = 0; i < count; ++i) {
    flight.Begin();
    store.Put({volume, static_cast<uint64_t>(i + 1)}, bytes, checksum,
              [&flight](const absl::Status& status) { flight.End(status); });
  }
  flight.AwaitAll();
  return count / absl::ToDoubleSeconds(RealClock::Get().Elapsed() - began);
}

int Run(const std::string& dir, int mib) {
  disk::Disk& disk = disk::RealDisk();
  DieUnlessOk(disk.MakeFolder(dir));
  ChunkStore::Options options;
  options.disk = &disk;
  options.clock = &RealClock::Get();
  options.dir = dir + "/store";
  options.owner = {"bench", "bench"};
  options.scrub_bytes_per_second = 0;
  auto store = ChunkStore::Open(options);
  DieUnlessOk(store.status());

  const std::string bytes = RandomMiB(1);
  std::vector<double> bare, one, eight, reads;
  uint64_t volume = 0;
  for (int round = 0; round < kRounds; ++round) {
    bare.push_back(BareDisk(dir, mib, bytes));
    one.push_back(Puts(**store, ++volume, mib, /*in_flight=*/1, bytes));
    eight.push_back(Puts(**store, ++volume, mib, /*in_flight=*/8, bytes));
    reads.push_back(Reads(**store, volume, mib));
  }
  const double small_one = SmallPuts(**store, ++volume, 1'000, /*in_flight=*/1);
  const double small_many = SmallPuts(**store, ++volume, 20'000, /*in_flight=*/64);
  std::printf("%d MiB a time, medians of %d, MB/s\n", mib, kRounds);
  std::printf("  disk, fdatasync after each MiB   %8.0f\n", Median(bare));
  std::printf("  puts of 1 MiB, 1 in flight       %8.0f   x %.2f\n", Median(one),
              Median(one) / Median(bare));
  std::printf("  puts of 1 MiB, 8 in flight       %8.0f   x %.2f\n", Median(eight),
              Median(eight) / Median(bare));
  std::printf("  reads of 1 MiB, from memory      %8.0f\n", Median(reads));
  std::printf("puts of 1,000 bytes a second: %.0f one by one, %.0f with 64 in flight\n", small_one,
              small_many);
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("the most memory this process had: %.0f MB\n", usage.ru_maxrss * 1024 / 1e6);
  (*store)->Stop();
  store->reset();
  DieUnlessOk(disk::RemoveTree(disk, options.dir));
  return 0;
}

}  // namespace
}  // namespace convergia::bench

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: chunk_store_bench FOLDER [MiB]\n");
    return 2;
  }
  const int mib = argc > 2 ? std::atoi(argv[2]) : 256;
  return convergia::bench::Run(argv[1], std::max(mib, 1));
}
