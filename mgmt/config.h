#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "convergia/v1/config.pb.h"

namespace convergia::mgmt {

// `config` with its defaults filled in.
//
// Errors: kInvalidArgument, naming the field and saying what would do.
absl::StatusOr<v1::MgmtConfig> CompleteConfig(v1::MgmtConfig config);

// Where things are under MgmtConfig::dir.
struct Paths {
  explicit Paths(const v1::MgmtConfig& config);

  std::string ca_pem, ca_key;
  std::string chain_pem, key_pem;  // mgmt's own.
  std::string operator_pem, operator_key;
  std::string store;
};

}  // namespace convergia::mgmt
