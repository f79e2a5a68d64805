#pragma once

#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "common/base/fail.h"

namespace convergia::dataserver {

// Whether the store may still write to the disk. Thread-safe.
class StoreHealth {
 public:
  // Keeps the first reason. Only a restart makes the store writable again.
  void SetReadOnly(absl::string_view reason) ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    if (!read_only_.has_value()) read_only_.emplace(reason);
  }

  std::optional<std::string> read_only() const ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    return read_only_;
  }

  // Errors: FailCode::kUnavailable with the reason.
  absl::Status Writable() const ABSL_LOCKS_EXCLUDED(mu_) {
    absl::MutexLock lock(&mu_);
    if (!read_only_.has_value()) return absl::OkStatus();
    return Fail(FailCode::kUnavailable,
                absl::StrCat("this data server is read-only until it is restarted: ", *read_only_));
  }

 private:
  mutable absl::Mutex mu_;
  std::optional<std::string> read_only_ ABSL_GUARDED_BY(mu_);
};

}  // namespace convergia::dataserver
