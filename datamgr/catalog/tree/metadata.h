#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "catalog_records.pb.h"
#include "datamgr/catalog/transactions/catalog_env.h"

namespace convergia::datamgr {

inline constexpr size_t kMetadataKeyBytesMax = 128;
inline constexpr size_t kMetadataValueBytesMax = 32 * 1024;  // Half of what a row may hold.
inline constexpr uint32_t kMetadataKeysMax = 256;            // At most 8 MiB for each user.

// Keys and values that users publish about themselves. Every signed-in user may read them; only
// their owner may set them. Keys are UTF-8 without control characters. Not thread-safe.
class Metadata {
 public:
  explicit Metadata(CatalogEnv* env) : env_(*env) {}

  // Errors: kBadField; kQuota for too many keys.
  absl::Status Set(const std::string& user, absl::string_view key, absl::string_view value);

  // Errors: kNotFound, also if `user` does not exist.
  absl::StatusOr<std::string> Get(const std::string& user, absl::string_view key);

  // Keys in byte order, with the bytes of their values; the values are not read. Errors:
  // CallAgain() while it computes sizes for values written before sizes were kept.
  absl::StatusOr<std::vector<std::pair<std::string, uint64_t>>> List(const std::string& user);

  // Whether `user` has any key.
  absl::StatusOr<bool> HasSome(const std::string& user);

  // Errors: kNotFound.
  absl::Status Delete(const std::string& user, absl::string_view key);

 private:
  absl::Status FindSizes(const std::string& user, records::MetadataUse use);

  CatalogEnv& env_;
};

}  // namespace convergia::datamgr
