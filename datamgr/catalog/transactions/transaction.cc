#include "datamgr/catalog/transactions/transaction.h"

#include "common/base/fail.h"
#include "common/base/status_macros.h"

namespace convergia::datamgr {

absl::StatusOr<std::optional<std::string>> Transaction::GetText(const std::string& key) {
  if (const auto written = writes_.find(key); written != writes_.end()) return written->second;
  if (const auto read = reads_.find(key); read != reads_.end()) return read->second.value;
  CVG_ASSIGN_OR_RETURN(std::optional<store::KeyValue> row, rows_.Get(key));
  Seen seen;
  if (row.has_value()) seen = {std::move(row->value), row->version};
  return reads_.emplace(key, std::move(seen)).first->second.value;
}

absl::Status Transaction::Commit() {
  store::Batch batch;
  for (const auto& [key, value] : writes_) {
    if (const auto read = reads_.find(key); read != reads_.end()) {
      batch.IfVersion(key, read->second.version);
    }
    if (value.has_value()) {
      batch.Put(key, *value);
    } else {
      batch.Delete(key);
    }
  }
  return CommitError(rows_.Commit(std::move(batch)));
}

absl::Status CommitError(const absl::Status& outcome) {
  if (outcome.ok()) return outcome;
  if (absl::IsUnknown(outcome)) {
    return Fail(
        FailCode::kUnconfirmed,
        "the disk of the data management server failed; the request may or may not have been "
        "applied; check before retrying");
  }
  if (store::IsFenced(outcome) || absl::IsUnavailable(outcome)) {
    return Fail(FailCode::kUnavailable,
                "the data management server cannot write its disk; an operator must look at it");
  }
  if (HasFailCode(outcome)) return outcome;  // The disk is full.
  if (absl::IsResourceExhausted(outcome)) {
    return Fail(FailCode::kBusy, "too much is waiting for the disk; try again in a moment");
  }
  // Guards fail and batches are too large only by a mistake of this program.
  return Fail(FailCode::kInternal,
              absl::StrCat("a commit of the catalog was refused: ", outcome.message()));
}

}  // namespace convergia::datamgr
