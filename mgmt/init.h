#pragma once

#include "absl/status/status.h"
#include "common/base/clock.h"
#include "convergia/v1/config.pb.h"

namespace convergia::mgmt {

// Does `mgmt --init`: makes a new cluster in config.dir(). It writes the CA, the certificates of
// mgmt and of the first operator, and the store with both members. ca.pem is written last, so if it
// exists, everything does.
//
// Errors: kAlreadyExists if the cluster exists; kFailedPrecondition if an earlier --init did not
// finish; those of the disk.
absl::Status InitCluster(const v1::MgmtConfig& config, const Clock& clock);

}  // namespace convergia::mgmt
