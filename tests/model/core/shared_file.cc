#include "tests/model/core/shared_file.h"

#include <algorithm>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/string_view.h"

namespace convergia::testing {
namespace {

constexpr size_t kStampBytes = 16;
constexpr size_t kStamps = 2048;  // 32 KiB.

}  // namespace

std::string SharedFile::BytesOf(uint64_t stamp) {
  const std::string one = absl::StrFormat("%016d", stamp);
  std::string bytes;
  bytes.reserve(kStamps * kStampBytes);
  for (size_t i = 0; i < kStamps; ++i) bytes += one;
  return bytes;
}

uint64_t SharedFile::BeginWrite() {
  absl::MutexLock lock(&mu_);
  writes_.push_back({.begin = ++now_});
  return writes_.size() - 1;
}

void SharedFile::EndWrite(uint64_t stamp, Outcome outcome) {
  absl::MutexLock lock(&mu_);
  writes_[stamp].outcome = outcome;
  if (outcome == Outcome::kDone) writes_[stamp].end = ++now_;
}

int64_t SharedFile::BeginRead() {
  absl::MutexLock lock(&mu_);
  return ++now_;
}

bool SharedFile::WasReplaced(const Write& write, int64_t moment) const {
  return std::any_of(writes_.begin(), writes_.end(), [&](const Write& other) {
    return other.outcome == Outcome::kDone && other.begin > write.end && other.end < moment;
  });
}

std::string SharedFile::EndRead(int64_t begin, const std::string& bytes) {
  uint64_t stamp = 0;
  if (!absl::SimpleAtoi(absl::string_view(bytes).substr(0, kStampBytes), &stamp) ||
      bytes != BytesOf(stamp)) {
    return absl::StrCat("a mix of several writes, or not whole: ", bytes.size(), " bytes");
  }
  absl::MutexLock lock(&mu_);
  if (stamp >= writes_.size()) return absl::StrCat("nobody wrote ", stamp);
  const Write& write = writes_[stamp];
  if (write.outcome == Outcome::kRefused) return absl::StrCat(stamp, " had been refused");
  if (WasReplaced(write, begin)) return absl::StrCat(stamp, " had been overwritten long before");
  return "";
}

}  // namespace convergia::testing
