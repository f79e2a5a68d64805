#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "convergia/v1/config.pb.h"

namespace convergia::mgmt {

// Returns `config` with defaults in its unset fields.
//
// Errors: kInvalidArgument; the text names the field and an acceptable value.
absl::StatusOr<v1::MgmtConfig> CompleteConfig(v1::MgmtConfig config);

// The paths of mgmt's files under MgmtConfig::dir.
struct Paths {
  explicit Paths(const v1::MgmtConfig& config);

  std::string ca_pem, ca_key;
  std::string chain_pem, key_pem;  // mgmt's own.
  std::string operator_pem, operator_key;
  std::string store;
};

}  // namespace convergia::mgmt
