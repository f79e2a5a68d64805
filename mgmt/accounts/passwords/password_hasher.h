#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace convergia::mgmt {

// OK if `password` follows the rules: 1 to limits::kPasswordBytesMax bytes without TAB, CR and LF.
//
// Errors: FailCode::kBadField.
absl::Status ValidatePassword(absl::string_view password);

// Argon2id. One password takes about 22 ms and 19 MiB on our machines; a guesser pays the same for
// each try. Thread-safe. It blocks for that time, so it is for work queues only.
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

  // Takes as long as Verify() and is always false, so that the time does not reveal which accounts
  // exist.
  bool VerifyNobody(absl::string_view password) const;

 private:
  const Cost cost_;
  const std::string nobody_;  // The hash of a random password.
};

}  // namespace convergia::mgmt
