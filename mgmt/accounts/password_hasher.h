#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace convergia::mgmt {

// Whether `password` may be chosen: 1 to limits::kPasswordBytesMax bytes without TAB, CR and LF.
//
// Errors: FailCode::kBadField.
absl::Status ValidatePassword(absl::string_view password);

// Argon2id at about 22 ms and 19 MiB a password on the machines we know: what a guesser pays for
// each try. Thread-safe; blocks for that long, so it is for work queues only.
class PasswordHasher {
 public:
  struct Cost {
    uint64_t operations = 2;
    size_t memory_bytes = 19 * 1024 * 1024;
  };
  PasswordHasher() : PasswordHasher(Cost()) {}
  explicit PasswordHasher(const Cost& cost);

  // The password with a fresh salt, in the text form that Verify() reads.
  //
  // Errors: FailCode::kBusy: no memory for it now.
  absl::StatusOr<std::string> Hash(absl::string_view password) const;

  bool Verify(absl::string_view hash, absl::string_view password) const;

  // Takes as long as Verify() and is always false: so that the time does not tell which accounts
  // exist.
  bool VerifyNobody(absl::string_view password) const;

 private:
  const Cost cost_;
  const std::string nobody_;  // The hash of a password that nobody knows.
};

}  // namespace convergia::mgmt
