#pragma once

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "convergia/v1/config.pb.h"

namespace convergia::mgmt {

// `mgmt --init`: makes a new cluster in config.dir(): the CA, mgmt's own certificate, the first
// operator's, and the store that knows them. ca.pem comes last: where it is, all is.
//
// Errors: kAlreadyExists if that was done; kFailedPrecondition if it was begun and broken off;
// those of the disk.
absl::Status InitCluster(const v1::MgmtConfig& config, const Clock& clock);

}  // namespace convergia::mgmt
