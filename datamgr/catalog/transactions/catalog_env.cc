#include "datamgr/catalog/transactions/catalog_env.h"

#include <algorithm>

#include "absl/strings/cord.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "catalog_records.pb.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"
#include "datamgr/catalog/transactions/keys.h"

namespace convergia::datamgr {
namespace {

// One commit reserves this many numbers. After a crash the rest of them is never given.
constexpr uint64_t kNumbersReserved = 1'000;

constexpr char kCallAgainUrl[] = "convergia/call_again";

uint64_t Changed(uint64_t amount, int64_t by) {
  if (by >= 0) return amount + static_cast<uint64_t>(by);
  return amount - std::min(amount, static_cast<uint64_t>(-by));
}

}  // namespace

absl::Status CallAgain() {
  absl::Status status = absl::AbortedError("there is more to do");
  status.SetPayload(kCallAgainUrl, absl::Cord());
  return status;
}

bool IsCallAgain(const absl::Status& status) {
  return status.GetPayload(kCallAgainUrl).has_value();
}

absl::StatusOr<uint64_t> Numbers::Next() {
  if (next_ == reserved_end_) {
    Transaction edit(rows_);
    CVG_ASSIGN_OR_RETURN(const std::optional<std::string> text, edit.GetText(keys::NextNumber()));
    uint64_t next = kRootInode + 1;
    if (text.has_value() && !absl::SimpleAtoi(*text, &next)) {
      return absl::DataLossError("the catalog's counter is damaged");
    }
    edit.PutText(keys::NextNumber(), absl::StrCat(next + kNumbersReserved));
    CVG_RETURN_IF_ERROR(edit.Commit());
    next_ = next;
    reserved_end_ = next + kNumbersReserved;
  }
  return next_++;
}

absl::Status ChargeRootFolder(const CatalogEnv& env, Transaction& edit, const std::string& user,
                              int64_t change) {
  CVG_ASSIGN_OR_RETURN(records::Usage usage, edit.GetOrEmpty<records::Usage>(keys::Usage(user)));
  usage.set_root_folders(Changed(usage.root_folders(), change));
  if (change > 0 && usage.root_folders() > env.options.root_folders_max) {
    return Fail(FailCode::kQuota, absl::StrCat("you have ", env.options.root_folders_max,
                                               " folders in /; put further ones into one of them"));
  }
  edit.Put(keys::Usage(user), usage);
  return absl::OkStatus();
}

absl::Status Charge(const CatalogEnv& env, Transaction& edit, const std::string& user,
                    int64_t bytes, int64_t inodes) {
  if (bytes == 0 && inodes == 0) return absl::OkStatus();
  CVG_ASSIGN_OR_RETURN(records::Usage usage, edit.GetOrEmpty<records::Usage>(keys::Usage(user)));
  usage.set_bytes(Changed(usage.bytes(), bytes));
  usage.set_inodes(Changed(usage.inodes(), inodes));
  if (bytes > 0 && usage.bytes() > env.options.quota_bytes) {
    return Fail(FailCode::kQuota,
                absl::StrCat("the files of ", user, " may take ", env.options.quota_bytes,
                             " bytes in all; delete some first"));
  }
  if (inodes > 0 && usage.inodes() > env.options.quota_inodes) {
    return Fail(FailCode::kQuota, absl::StrCat(user, " may have ", env.options.quota_inodes,
                                               " files and folders; delete some first"));
  }
  edit.Put(keys::Usage(user), usage);
  return absl::OkStatus();
}

}  // namespace convergia::datamgr
