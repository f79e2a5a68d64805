#include "datamgr/catalog/tree/metadata.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"
#include "datamgr/catalog/transactions/keys.h"
#include "datamgr/catalog/tree/path.h"

namespace convergia::datamgr {
namespace {

// One step computes the sizes of this many values, because it must read them.
constexpr int kSizesPerStep = 8;

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
    if (use.keys() == 0) use.set_sized(true);
    use.set_keys(use.keys() + 1);
    edit.Put(count, use);
  }
  edit.PutText(row, std::string(value));
  edit.PutText(keys::MetadataSize(user, key), absl::StrCat(value.size()));
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
  Transaction look(env_.rows);
  CVG_ASSIGN_OR_RETURN(const auto use,
                       look.GetOrEmpty<records::MetadataUse>(keys::MetadataUse(user)));
  if (!use.sized() && use.keys() > 0) {
    CVG_RETURN_IF_ERROR(FindSizes(user, use));
    return CallAgain();
  }
  std::vector<std::pair<std::string, uint64_t>> rows;
  const std::string prefix = keys::AllMetadataSizes(user);
  CVG_RETURN_IF_ERROR(env_.rows.ForEach(prefix, [&](const store::KeyValue& row) -> absl::Status {
    uint64_t bytes = 0;
    if (!absl::SimpleAtoi(row.value, &bytes)) return absl::DataLossError("a size of metadata");
    rows.emplace_back(row.key.substr(prefix.size()), bytes);
    return absl::OkStatus();
  }));
  return rows;
}

absl::Status Metadata::FindSizes(const std::string& user, records::MetadataUse use) {
  const std::string prefix = keys::AllMetadata(user);
  std::string begin = absl::StrCat(prefix, use.sized_to());
  if (!use.sized_to().empty()) begin.push_back('\0');
  CVG_ASSIGN_OR_RETURN(const store::Page page,
                       env_.rows.Scan(begin, store::PrefixEnd(prefix), kSizesPerStep));
  Transaction edit(env_.rows);
  for (const store::KeyValue& row : page.rows) {
    const std::string key = row.key.substr(prefix.size());
    edit.PutText(keys::MetadataSize(user, key), absl::StrCat(row.value.size()));
    use.set_sized_to(key);
  }
  use.set_sized(page.next.empty());
  if (use.sized()) use.clear_sized_to();
  edit.Put(keys::MetadataUse(user), use);
  return edit.Commit();
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
  edit.Delete(keys::MetadataSize(user, key));
  const std::string count = keys::MetadataUse(user);
  CVG_ASSIGN_OR_RETURN(auto use, edit.GetOrEmpty<records::MetadataUse>(count));
  use.set_keys(use.keys() - std::min<uint32_t>(use.keys(), 1));
  edit.Put(count, use);
  return edit.Commit();
}

}  // namespace convergia::datamgr
