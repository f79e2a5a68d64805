#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

// Shared by the storage benchmarks: the disk's own rates, with which all others are compared.
namespace convergia::bench {

inline constexpr size_t kMiB = 1024 * 1024;

// Ends the program with status 1 and the error.
void DieUnlessOk(const absl::Status& status);

// 1 MiB of random bytes, which cannot be compressed.
std::string RandomMiB(uint64_t seed);

double MegabytesPerSecond(uint64_t bytes, absl::Duration took);

// MB/s of `mib` pieces of 1 MiB appended to one file in `dir`, with fdatasync after each.
double BareDisk(const std::string& dir, int mib, const std::string& bytes);

// The number of times a second that 4 KiB can be appended to a file in `dir` and synced, measured
// for `seconds`.
double BareSyncs(const std::string& dir, int seconds);

double Median(std::vector<double> values);

}  // namespace convergia::bench
