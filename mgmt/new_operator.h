#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/base/clock.h"
#include "convergia/v1/config.pb.h"

namespace convergia::mgmt {

// Does `mgmt --new-operator=NAME`, while mgmt does not run. Writes NAME.key and NAME.pem in
// config.dir(), for a new operator or for one whose certificate was lost or has expired. The
// operator's other keys stay valid as long as before. It needs no further authority: a caller who
// can read the CA's key could do anything.
//
// Errors: kFailedPrecondition if there is no cluster, or if mgmt runs (then use
// Admin.CreateOperator or Admin.RenewOperator). kAlreadyExists if NAME.pem exists and is valid.
// FailCode::kBadField for an invalid name, FailCode::kDenied for a revoked operator. Those of the
// disk.
absl::Status NewOperator(const v1::MgmtConfig& config, absl::string_view name, const Clock& clock);

}  // namespace convergia::mgmt
