#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "common/base/clock.h"
#include "convergia/v1/config.pb.h"

namespace convergia::mgmt {

// `mgmt --new-operator=NAME`, while mgmt does not run: writes NAME.key and NAME.pem in
// config.dir(), for an operator who is new, or whose certificate was lost or has run out. Other
// keys of that operator stay good for as long as they were. Who can do this has the CA's key and
// could do anything, so nobody is asked for more.
//
// Errors: kFailedPrecondition if there is no cluster, or mgmt runs (the running one takes
// Admin.CreateOperator and Admin.RenewOperator); kAlreadyExists if NAME.pem is there and still
// good; FailCode::kBadField for a name that none can have, FailCode::kDenied for a revoked
// operator; those of the disk.
absl::Status NewOperator(const v1::MgmtConfig& config, absl::string_view name, const Clock& clock);

}  // namespace convergia::mgmt
