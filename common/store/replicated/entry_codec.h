#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"
#include "common/store/replicated/replicated_log.h"

namespace convergia::store {

// The contents of an entry.
struct Entry {
  Epoch epoch = 0;  // Of the leader that wrote it.
  Sequence sequence = 0;
  std::string previous;  // The hash of the entry before it.
  std::string changes;   // rocks_format::EncodeChanges().

  friend bool operator==(const Entry&, const Entry&) = default;
};

// Seals entries for a log that others keep: they can neither read nor change nor reorder them.
//
//   sealed = u8 1, u64 epoch, u64 sequence, previous (32 bytes), salt (32 bytes),
//            AES-256-GCM of the changes, its tag (16 bytes)
//
// Key and nonce come from HKDF-SHA256 (RFC 5869) of the role's secret and the salt, so each entry
// has its own. The log's ID and everything before the ciphertext are authenticated.
//
// A core: no I/O, no randomness of its own. Thread-safe.
class EntryCodec {
 public:
  static constexpr size_t kSaltBytes = 32;

  // `secret`: of the role, unpredictable, at least 16 bytes. `log_id`: kLogIdBytes.
  EntryCodec(absl::string_view secret, absl::string_view log_id);

  const std::string& log_id() const { return log_id_; }

  // `salt`: kSaltBytes unpredictable ones, never used twice.
  std::string Seal(const Entry& entry, absl::string_view salt) const;

  // Errors: kDataLoss if `bytes` is not what Seal() made with the same secret for the same log.
  absl::StatusOr<Entry> Open(absl::string_view bytes) const;

  // The hash by which the next entry names this one.
  static std::string HashOf(absl::string_view bytes);

 private:
  const std::string secret_;
  const std::string log_id_;
};

}  // namespace convergia::store
