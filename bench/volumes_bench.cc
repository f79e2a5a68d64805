// The speed of datamgr's volumes on a disk: MB/s of 1 MiB chunks written to one non-volatile and to
// three volatile data servers on one disk, read back, and of the repair of a lost server; each
// beside the disk's own rate with fdatasync after each MiB, measured in turn in the same folder.
// All in one process, over TLS on loopback.
//
//   bazel run -c opt //bench:volumes_bench -- /path/on/the/disk [MiB]
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/synchronization/mutex.h"
#include "bench/disk_rate.h"
#include "common/base/clock.h"
#include "tests/storage/storage_cluster.h"
#include "tests/testing/eventually.h"

namespace convergia::bench {
namespace {

using datamgr::ChunkRef;
using datamgr::ClassPreference;
using datamgr::VolumeClass;
using testing::StorageCluster;

constexpr int kRounds = 3;
constexpr int kInFlight = 8;

// Runs `each` for 0 to `count` - 1, some at a time; MB/s of that many MiB.
double InParallel(int count, const std::function<void(int)>& each) {
  std::atomic<int> next = 0;
  const absl::Duration began = RealClock::Get().Elapsed();
  std::vector<std::thread> threads;
  for (int i = 0; i < kInFlight; ++i) {
    threads.emplace_back([&] {
      for (int index = next++; index < count; index = next++) each(index);
    });
  }
  for (std::thread& thread : threads) thread.join();
  return MegabytesPerSecond(static_cast<uint64_t>(count) * kMiB,
                            RealClock::Get().Elapsed() - began);
}

struct Rates {
  std::vector<double> bare, to_one, to_three, read, repair;
};

double WriteAll(StorageCluster& cluster, ClassPreference preference, const std::string& bytes,
                std::vector<ChunkRef>* refs) {
  return InParallel(static_cast<int>(refs->size()), [&](int i) {
    const auto ref = cluster.Write(bytes, preference);
    DieUnlessOk(ref.status());
    (*refs)[static_cast<size_t>(i)] = *ref;
  });
}

// A server is lost for good; from the first byte copied to the last.
double Repair(StorageCluster& cluster) {
  const uint64_t before = cluster.Report().bytes_copied;
  cluster.StopServer(1);
  if (!testing::Eventually([&] { return cluster.Report().debt.due_volumes > 0; })) {
    DieUnlessOk(absl::InternalError("nothing to repair"));
  }
  const absl::Duration began = RealClock::Get().Elapsed();
  const auto whole = [&] { return cluster.Report().debt.missing_volumes == 0; };
  if (!testing::Eventually(whole, absl::Minutes(5))) {
    DieUnlessOk(absl::InternalError("the repair does not end"));
  }
  const absl::Duration took = RealClock::Get().Elapsed() - began;
  return MegabytesPerSecond(cluster.Report().bytes_copied - before, took);
}

void OneRound(const std::string& dir, int mib, const std::string& bytes, Rates* rates) {
  rates->bare.push_back(BareDisk(dir, mib, bytes));
  StorageCluster::Options options;
  options.dir = dir + "/volumes_bench";
  options.capacity_bytes = uint64_t{32} << 30;
  options.streams = 4;
  options.rules.grace_volatile = absl::Milliseconds(200);
  options.limits.volume_bytes_max = 64 << 20;
  options.plan_every = absl::Milliseconds(20);
  StorageCluster cluster(options);
  for (int i = 0; i < 3; ++i) cluster.AddServer(VolumeClass::kVolatile);
  cluster.AddServer(VolumeClass::kNonVolatile);
  std::vector<ChunkRef> refs(static_cast<size_t>(mib));
  rates->to_one.push_back(WriteAll(cluster, ClassPreference::kNonVolatile, bytes, &refs));
  rates->read.push_back(InParallel(
      mib, [&](int i) { DieUnlessOk(cluster.Read(refs[static_cast<size_t>(i)]).status()); }));
  rates->bare.push_back(BareDisk(dir, mib, bytes));
  rates->to_three.push_back(WriteAll(cluster, ClassPreference::kVolatile, bytes, &refs));
  cluster.AddServer(VolumeClass::kVolatile);
  rates->repair.push_back(Repair(cluster));
  rates->bare.push_back(BareDisk(dir, mib, bytes));
}

void Print(const char* what, double rate, double limit, const char* of_what) {
  absl::PrintF("%-44s %8.1f MB/s  %5.2f of %s\n", what, rate, rate / limit, of_what);
}

int Main(const std::string& dir, int mib) {
  const std::string bytes = RandomMiB(1);
  Rates rates;
  for (int round = 0; round < kRounds; ++round) OneRound(dir, mib, bytes, &rates);
  const double bare = Median(rates.bare);
  absl::PrintF("%d MiB in chunks of 1 MiB, %d at a time; medians of %d rounds\n", mib, kInFlight,
               kRounds);
  absl::PrintF("%-44s %8.1f MB/s\n", "disk, fdatasync after each MiB", bare);
  Print("write to one non-volatile server", Median(rates.to_one), bare, "the disk");
  Print("write to three volatile servers on it", Median(rates.to_three), bare / 3,
        "a third of the disk");
  Print("read from one server (page cache)", Median(rates.read), bare, "the disk's writes");
  Print("repair of a lost server", Median(rates.repair), bare / 2, "half of the disk");
  return 0;
}

}  // namespace
}  // namespace convergia::bench

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: volumes_bench DIR [MIB]\n");
    return 2;
  }
  return convergia::bench::Main(argv[1], argc > 2 ? std::atoi(argv[2]) : 256);
}
