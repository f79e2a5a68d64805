#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/identity/certificate.h"
#include "common/node/enrolment/node_files.h"
#include "common/tls/dial.h"

namespace convergia::node {

// The answer of mgmt to ENROL.
struct Admission {
  NodeId node = 0;
  std::vector<std::string> grpc_addresses;  // Of mgmt.
  std::string chain_pem;                    // The node's certificate, then the CA's.
  std::string ca_pem;                       // As the server presented it.
};

// Asks mgmt's line port at `address` ("host:port") to make a node of `name` for the key that signed
// `csr_pem`. `token` is the text of a join token. Before a byte of the token leaves, the server
// proves that it is a mgmt of the CA that the token names. Blocks for 10 s at most.
//
// Errors: kUnavailable if mgmt does not answer; kFailedPrecondition if the server is no mgmt of
// that CA, or its answer is too long or no answer to ENROL; kInvalidArgument for a bad `token` or
// `address`, or if the answer breaks the grammar of packets; else the FAIL of mgmt.
absl::StatusOr<Admission> AskToEnrol(const std::string& address, const std::string& token,
                                     const std::string& name, const std::string& csr_pem,
                                     absl::Time now,
                                     const tls::Resolver& resolver = tls::ResolveBySystem);

// Tries once to make a node of `identity` with the join token in `token_file`. Asks the addresses
// in the token in order. Goes on to the next after kUnavailable and kFailedPrecondition; any other
// answer is final. Makes the node's key if `files` has none. Writes the CA, the certificate and the
// addresses of mgmt's gRPC to `files`. Blocks for 10 s at most for each address.
//
// Errors: those of AskToEnrol(); kFailedPrecondition if the path `token_file` is empty, or the
// token is for another role; those of NodeFiles and of reading the token. IsWorthRetrying() tells
// which of them may pass.
absl::Status EnrolOnce(const identity::NodeIdentity& identity, const std::string& token_file,
                       const NodeFiles& files, absl::Time now);

// True for errors of EnrolOnce() that may pass with another try: mgmt is away, is busy, or had an
// internal error.
bool IsWorthRetrying(const absl::Status& status);

}  // namespace convergia::node
