#include "dataserver/store/index/disk_budget.h"

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"

namespace convergia::dataserver {

void DiskBudget::SetCapacity(uint64_t bytes) {
  absl::MutexLock lock(&mu_);
  capacity_ = bytes;
}

absl::StatusOr<SpaceView> DiskBudget::View() const {
  CVG_ASSIGN_OR_RETURN(const disk::Space space, options_.disk->FreeSpace(options_.dir));
  SpaceView view;
  view.used_bytes = options_.ledger->totals().file_bytes;
  view.disk_free_bytes = space.free_bytes;
  view.reserve_bytes = options_.reserve_bytes;
  view.index_bytes = options_.index_bytes;
  absl::MutexLock lock(&mu_);
  view.capacity_bytes = std::min(capacity_, space.total_bytes);
  view.reserve_is_held = held_;
  return view;
}

absl::Status DiskBudget::Admit(uint64_t bytes) {
  CVG_ASSIGN_OR_RETURN(SpaceView view, View());
  if (MayTakeReserve(view)) {
    CVG_RETURN_IF_ERROR(TakeReserve());
    CVG_ASSIGN_OR_RETURN(view, View());
  }
  if (bytes <= AdmissibleBytes(view)) return absl::OkStatus();
  return Fail(FailCode::kNoSpace,
              "this data server is full: add another, raise its capacity, or delete something");
}

absl::Status DiskBudget::ReleaseReserve() {
  {
    absl::MutexLock lock(&mu_);
    held_ = false;
  }
  const absl::Status removed = options_.disk->Remove(options_.reserve_path);
  return absl::IsNotFound(removed) ? absl::OkStatus() : removed;
}

absl::Status DiskBudget::TakeReserve() {
  absl::StatusOr<std::unique_ptr<disk::File>> file =
      options_.disk->Open(options_.reserve_path, disk::OpenMode::kReadAppend);
  if (absl::IsNotFound(file.status())) {
    file = options_.disk->Open(options_.reserve_path, disk::OpenMode::kCreate);
  }
  if (disk::IsNoSpace(file.status())) return absl::OkStatus();
  CVG_RETURN_IF_ERROR(file.status());
  const absl::Status allocated = (*file)->Allocate(options_.reserve_bytes);
  if (allocated.ok()) {
    absl::MutexLock lock(&mu_);
    held_ = true;
    return absl::OkStatus();
  }
  const absl::Status removed = options_.disk->Remove(options_.reserve_path);
  return disk::IsNoSpace(allocated) ? removed : allocated;
}

absl::StatusOr<uint64_t> DiskBudget::RoomForCompaction() const {
  CVG_ASSIGN_OR_RETURN(const SpaceView view, View());
  const uint64_t held = view.reserve_is_held ? view.reserve_bytes : 0;
  return view.disk_free_bytes + held - std::min(view.disk_free_bytes + held, view.index_bytes / 2);
}

}  // namespace convergia::dataserver
