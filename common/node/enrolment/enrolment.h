#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/identity/certificate.h"
#include "common/node/enrolment/node_files.h"

namespace convergia::node {

// What mgmt answers to ENROL.
struct Admission {
  NodeId node = 0;
  std::vector<std::string> grpc_addresses;  // Of mgmt.
  std::string chain_pem;                    // The node's certificate, then the CA's.
  std::string ca_pem;                       // As the server presented it.
};

// Asks mgmt's line port at `address` ("host:port") to make a node of `name` with `token`, the text
// of a join token, for the key that signed `csr_pem`. Before a byte of the token leaves, the server
// has shown that it is a mgmt of the CA that the token names. Blocks, some seconds at most.
//
// Errors: kUnavailable; kFailedPrecondition: it is another server; kInvalidArgument: no token, no
// address; else what mgmt answered.
absl::StatusOr<Admission> AskToEnrol(const std::string& address, const std::string& token,
                                     const std::string& name, const std::string& csr_pem,
                                     absl::Time now);

// One try to make a node of `identity` with the join token in `token_file`, at each of its
// addresses until one answers. Keeps the CA, the certificate and where mgmt's gRPC is. Blocks.
//
// Errors: IsWorthRetrying() tells those apart that may pass.
absl::Status EnrolOnce(const identity::NodeIdentity& identity, const std::string& token_file,
                       const NodeFiles& files, absl::Time now);

// True for errors of EnrolOnce() that another try may not meet: mgmt is away or busy.
bool IsWorthRetrying(const absl::Status& status);

}  // namespace convergia::node
