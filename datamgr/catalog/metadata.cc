#include "datamgr/catalog/metadata.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "catalog_records.pb.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"
#include "datamgr/catalog/keys.h"
#include "datamgr/catalog/path.h"

namespace convergia::datamgr {
namespace {

absl::Status CheckKey(absl::string_view key) {
  if (!key.empty() && key.size() <= kMetadataKeyBytesMax && IsPrintableUtf8(key)) {
    return absl::OkStatus();
  }
  return Fail(FailCode::kBadField, absl::StrCat("a key is 1 to ", kMetadataKeyBytesMax,
                                                " bytes of UTF-8 without control characters"));
}

absl::Status NoSuchKey() {
  return Fail(FailCode::kNotFound, "there is no such key; LISTMETADATA shows what there is");
}

}  // namespace

absl::Status Metadata::Set(const std::string& user, absl::string_view key,
                           absl::string_view value) {
  CVG_RETURN_IF_ERROR(CheckKey(key));
  if (value.size() > kMetadataValueBytesMax) {
    return Fail(FailCode::kBadField, absl::StrCat("a value has at most ", kMetadataValueBytesMax,
                                                  " bytes; put it into a file"));
  }
  Transaction edit(env_.rows);
  const std::string row = keys::Metadata(user, key);
  CVG_ASSIGN_OR_RETURN(const auto before, edit.GetText(row));
  if (!before.has_value()) {
    const std::string count = keys::MetadataUse(user);
    CVG_ASSIGN_OR_RETURN(auto use, edit.GetOrEmpty<records::MetadataUse>(count));
    if (use.keys() >= kMetadataKeysMax) {
      return Fail(FailCode::kQuota,
                  absl::StrCat("you have ", kMetadataKeysMax, " keys; delete one first"));
    }
    if (HasHiddenCharacters(key)) {
      return Fail(FailCode::kBadField,
                  "a new key has no characters that are invisible or turn the direction of text");
    }
    use.set_keys(use.keys() + 1);
    edit.Put(count, use);
  }
  edit.PutText(row, std::string(value));
  return edit.Commit();
}

absl::StatusOr<std::string> Metadata::Get(const std::string& user, absl::string_view key) {
  CVG_RETURN_IF_ERROR(CheckKey(key));
  Transaction edit(env_.rows);
  CVG_ASSIGN_OR_RETURN(auto value, edit.GetText(keys::Metadata(user, key)));
  if (!value.has_value()) return NoSuchKey();
  return *std::move(value);
}

absl::StatusOr<std::vector<std::pair<std::string, uint64_t>>> Metadata::List(
    const std::string& user) {
  std::vector<std::pair<std::string, uint64_t>> rows;
  const std::string prefix = keys::AllMetadata(user);
  CVG_RETURN_IF_ERROR(env_.rows.ForEach(prefix, [&](const store::KeyValue& row) -> absl::Status {
    rows.emplace_back(row.key.substr(prefix.size()), row.value.size());
    return absl::OkStatus();
  }));
  return rows;
}

absl::StatusOr<bool> Metadata::HasSome(const std::string& user) {
  Transaction look(env_.rows);
  CVG_ASSIGN_OR_RETURN(const auto use,
                       look.GetOrEmpty<records::MetadataUse>(keys::MetadataUse(user)));
  return use.keys() > 0;
}

absl::Status Metadata::Delete(const std::string& user, absl::string_view key) {
  CVG_RETURN_IF_ERROR(CheckKey(key));
  Transaction edit(env_.rows);
  const std::string row = keys::Metadata(user, key);
  CVG_ASSIGN_OR_RETURN(const auto before, edit.GetText(row));
  if (!before.has_value()) return NoSuchKey();
  edit.Delete(row);
  const std::string count = keys::MetadataUse(user);
  CVG_ASSIGN_OR_RETURN(auto use, edit.GetOrEmpty<records::MetadataUse>(count));
  use.set_keys(use.keys() - std::min<uint32_t>(use.keys(), 1));
  edit.Put(count, use);
  return edit.Commit();
}

}  // namespace convergia::datamgr
