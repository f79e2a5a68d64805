#include "common/rpc/epochs/highest_epoch.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/base/status_macros.h"

namespace convergia::rpc {
namespace {

constexpr size_t kFileBytesMax = 64;

}  // namespace

absl::StatusOr<std::unique_ptr<HighestEpoch>> HighestEpoch::Open(disk::Disk& disk,
                                                                 const std::string& path,
                                                                 absl::string_view server) {
  Epoch highest = 0;
  const absl::StatusOr<std::string> text = disk::ReadFile(disk, path, kFileBytesMax);
  if (text.ok()) {
    if (!absl::SimpleAtoi(absl::StripAsciiWhitespace(*text), &highest)) {
      return absl::DataLossError(absl::StrCat(
          path, " holds no number; write the epoch into it that ", server, " logs at its start"));
    }
  } else if (!absl::IsNotFound(text.status())) {
    return text.status();
  }
  return std::unique_ptr<HighestEpoch>(new HighestEpoch(disk, path, server, highest));
}

absl::Status HighestEpoch::Admit(Epoch epoch) {
  absl::MutexLock lock(&mu_);
  if (epoch < highest_) {
    return absl::UnavailableError(absl::StrCat(
        "this ", server_, " (epoch ", epoch, ") was replaced by a later start (epoch ", highest_,
        ") and counts no longer; stop it, or, if it is a restored backup, set its clock right and "
        "restart it"));
  }
  if (epoch > highest_) {
    highest_ = epoch;
    is_due_ = true;
  }
  return SaveLocked();
}

absl::Status HighestEpoch::Save() {
  absl::MutexLock lock(&mu_);
  return SaveLocked();
}

absl::Status HighestEpoch::SaveLocked() {
  if (!is_due_) return absl::OkStatus();
  CVG_RETURN_IF_ERROR(disk::WriteFileAtomically(disk_, path_, absl::StrCat(highest_, "\n")));
  is_due_ = false;
  return absl::OkStatus();
}

Epoch HighestEpoch::highest() const {
  absl::MutexLock lock(&mu_);
  return highest_;
}

}  // namespace convergia::rpc
