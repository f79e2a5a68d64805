#include "bench/disk_rate.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "common/base/clock.h"
#include "common/base/random.h"
#include "common/disk/real_disk.h"

namespace convergia::bench {

void DieUnlessOk(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

std::string RandomMiB(uint64_t seed) {
  Rng rng(seed);
  std::string bytes(kMiB, '\0');
  for (size_t i = 0; i < bytes.size(); i += 8) {
    const uint64_t word = rng();
    std::copy_n(reinterpret_cast<const char*>(&word), 8, bytes.begin() + static_cast<long>(i));
  }
  return bytes;
}

double MegabytesPerSecond(uint64_t bytes, absl::Duration took) {
  return static_cast<double>(bytes) / 1e6 / absl::ToDoubleSeconds(took);
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
  return MegabytesPerSecond(static_cast<uint64_t>(mib) * kMiB, took);
}

double BareSyncs(const std::string& dir, int seconds) {
  disk::Disk& disk = disk::RealDisk();
  const std::string path = dir + "/bare", bytes(4096, 'x');
  auto file = disk.Open(path, disk::OpenMode::kCreateEmpty);
  DieUnlessOk(file.status());
  const absl::Duration began = RealClock::Get().Elapsed();
  absl::Duration took;
  int syncs = 0;
  while (took < absl::Seconds(seconds)) {
    DieUnlessOk((*file)->Append({bytes}));
    DieUnlessOk((*file)->Sync());
    ++syncs;
    took = RealClock::Get().Elapsed() - began;
  }
  DieUnlessOk(disk.Remove(path));
  return syncs / absl::ToDoubleSeconds(took);
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

}  // namespace convergia::bench
