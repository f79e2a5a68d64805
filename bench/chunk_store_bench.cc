// What a chunk store makes of a disk: MB/s of 1 MiB chunks, beside the disk's own rate with
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
#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/disk/real_disk.h"
#include "dataserver/chunk_store.h"

namespace convergia::bench {
namespace {

using dataserver::Checksum;
using dataserver::ChunkStore;

constexpr size_t kMiB = 1024 * 1024;
constexpr int kRounds = 3;

std::string RandomMiB(uint64_t seed) {
  Rng rng(seed);
  std::string bytes(kMiB, '\0');
  for (size_t i = 0; i < bytes.size(); i += 8) {
    const uint64_t word = rng();
    std::copy_n(reinterpret_cast<const char*>(&word), 8, bytes.begin() + i);
  }
  return bytes;
}

void Die(const absl::Status& status) {
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}
void DieUnlessOk(const absl::Status& status) {
  if (!status.ok()) Die(status);
}

double MegabytesPerSecond(int mib, absl::Duration took) {
  return mib * static_cast<double>(kMiB) / 1e6 / absl::ToDoubleSeconds(took);
}

double BareDisk(const std::string& dir, int mib, const std::string& bytes) {
  disk::Disk& disk = disk::RealDisk();
  const std::string path = dir + "/bare";
  auto file = disk.Open(path, disk::OpenMode::kCreateEmpty);
  DieUnlessOk(file.status());
  const absl::Duration began = RealClock::Get().Elapsed();
  for (int i = 0; i < mib; ++i) {
    DieUnlessOk((*file)->Append({bytes}));
    DieUnlessOk((*file)->Sync());
  }
  const absl::Duration took = RealClock::Get().Elapsed() - began;
  DieUnlessOk(disk.Remove(path));
  return MegabytesPerSecond(mib, took);
}

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
  return MegabytesPerSecond(mib, RealClock::Get().Elapsed() - began);
}

double Reads(ChunkStore& store, uint64_t volume, int mib) {
  const absl::Duration began = RealClock::Get().Elapsed();
  for (int i = 0; i < mib; ++i) {
    const auto read = store.Read({volume, static_cast<uint64_t>(i + 1)}, 0, kMiB);
    DieUnlessOk(read.status());
  }
  return MegabytesPerSecond(mib, RealClock::Get().Elapsed() - began);
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

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
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
