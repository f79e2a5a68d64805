#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/store/store.h"

// The encoding of RocksStore's rows. Integers are big-endian, so keys sort like numbers.
//
//   column family   key                  value
//   default (meta)  "format"             kFormat
//                   "revision"           u64
//                   "mark"               bytes of Options::log (rocks_store.h), if there is one
//   rows            the key              u64 version, value
//   log             u64 revision         events: u8 kind, u32 key size, key, u32 value size, value
namespace convergia::store::rocks_format {

inline constexpr absl::string_view kFormat = "convergia store 1";
inline constexpr absl::string_view kFormatKey = "format";
inline constexpr absl::string_view kRevisionKey = "revision";
inline constexpr absl::string_view kMarkKey = "mark";

std::string EncodeRevision(Revision revision);
// Errors: kDataLoss if `bytes` is not what EncodeRevision() makes; likewise below.
absl::StatusOr<Revision> DecodeRevision(absl::string_view bytes);

std::string EncodeRow(Revision version, absl::string_view value);
absl::StatusOr<KeyValue> DecodeRow(absl::string_view key, absl::string_view bytes);
// Only the version of a row.
absl::StatusOr<Revision> DecodeVersion(absl::string_view bytes);

std::string EncodeEvents(const std::vector<Event>& events);
absl::StatusOr<std::vector<Event>> DecodeEvents(Revision revision, absl::string_view bytes);

// The changes of one write: the events of consecutive revisions, at least one. For each: u64
// revision, u64 size, events as above.
using Changes = std::vector<std::vector<Event>>;
std::string EncodeChanges(const Changes& changes);
absl::StatusOr<Changes> DecodeChanges(absl::string_view bytes);

}  // namespace convergia::store::rocks_format
