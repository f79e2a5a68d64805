#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "datamgr/catalog/transactions/pipelined_store.h"

namespace convergia::datamgr {

// One commit under preparation. Reads see earlier puts. Every key that is read and changed is
// guarded by the version that was read. Not thread-safe.
//
//   Transaction edit(rows);
//   CVG_ASSIGN_OR_RETURN(std::optional<records::Inode> inode, edit.Get<records::Inode>(key));
//   ...
//   edit.Put(key, *inode);
//   return edit.Commit();
class Transaction {
 public:
  explicit Transaction(PipelinedStore& rows) : rows_(rows) {}

  // The row's value, as this transaction leaves it. nullopt: there is no such row.
  //
  // Errors: those of PipelinedStore::Get().
  absl::StatusOr<std::optional<std::string>> GetText(const std::string& key);

  // Does the same and parses the value. Errors: also kDataLoss if the bytes are not a Row.
  template <typename Row>
  absl::StatusOr<std::optional<Row>> Get(const std::string& key) {
    absl::StatusOr<std::optional<std::string>> text = GetText(key);
    if (!text.ok()) return text.status();
    if (!text->has_value()) return std::optional<Row>();
    Row row;
    if (!row.ParseFromString(**text)) {
      return absl::DataLossError(
          absl::StrCat("a row of the catalog is damaged: ", key.substr(0, 3)));
    }
    return std::optional<Row>(std::move(row));
  }

  // Does the same, but a missing row counts as an empty one.
  template <typename Row>
  absl::StatusOr<Row> GetOrEmpty(const std::string& key) {
    absl::StatusOr<std::optional<Row>> row = Get<Row>(key);
    if (!row.ok()) return row.status();
    return std::move(*row).value_or(Row());
  }

  void PutText(const std::string& key, std::string value) { writes_[key] = std::move(value); }
  template <typename Row>
  void Put(const std::string& key, const Row& row) {
    PutText(key, row.SerializeAsString());
  }
  void Delete(const std::string& key) { writes_[key] = std::nullopt; }

  // The number of rows that Commit() would change.
  size_t mutations() const { return writes_.size(); }

  // Applies all changes, or none; see PipelinedStore::Commit(). Do not use the transaction after
  // that.
  //
  // Errors: those of CommitError().
  absl::Status Commit();

 private:
  struct Seen {
    std::optional<std::string> value;
    store::Revision version = 0;
  };

  PipelinedStore& rows_;
  std::map<std::string, Seen> reads_;
  std::map<std::string, std::optional<std::string>> writes_;
};

// The error that a user reads if `outcome` is that of a commit. A commit may fail at once, or later
// because it does not become durable. OK if `outcome` is OK.
//
// Errors: FailCode::kUnconfirmed: the disk failed, so the commit may or may not be applied.
// kUnavailable: the store accepts no commits. kNoSpace: its disk is full. kBusy: too many commits
// wait. kInternal: a mistake of this program, or a damaged row.
absl::Status CommitError(const absl::Status& outcome);

}  // namespace convergia::datamgr
