#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/identity/certificate.h"
#include "common/node/node_files.h"

namespace convergia::node {

// The certificates, leaf first, that the TLS server at `address` ("host:port") presents, whoever it
// is. Blocks for at most `timeout`.
//
// Errors: kInvalidArgument for an address that is none; kUnavailable if nothing answers there.
absl::StatusOr<std::string> FetchServerChain(const std::string& address, absl::Duration timeout);

// One try to make a node of `identity` with the join token in `token_file`: finds the CA that the
// token names in what the server presents, keeps it, and only then speaks to the server, which must
// be a mgmt of that CA. Keeps the certificate. Blocks.
//
// Errors: IsWorthRetrying() tells those apart that may pass.
absl::Status EnrolOnce(const identity::NodeIdentity& identity, const std::string& mgmt_address,
                       const std::string& token_file, const NodeFiles& files, absl::Time now);

// True for errors of EnrolOnce() that another try may not meet: mgmt is away or busy.
bool IsWorthRetrying(const absl::Status& status);

}  // namespace convergia::node
