#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/base/ids.h"
#include "common/identity/certificate.h"
#include "common/identity/key.h"
#include "common/rpc/auth/credentials.h"

namespace convergia::node {

// The files of a node's folder:
//   node.key   its private key, 0600; the same for the node's whole life, so its pin stays too
//   node.pem   its certificate, then the CA's
//   ca.pem     the cluster's CA
//   mgmt       addresses of mgmt's gRPC, a line each, as of the enrolment
//   epoch      how often the node was started
//   mgmt_epoch, datamgr_epoch
//              the highest epochs of these two that the node has seen (common/rpc/epochs/highest_epoch.h)
//   welcome.textproto, pins.textproto, revocations.textproto, edges.textproto, routes.textproto
//              what mgmt said last
//
// Thread-safe, as far as two writers of one file are.
class NodeFiles {
 public:
  explicit NodeFiles(std::string dir) : dir_(std::move(dir)) {}

  // Makes the folder (0700) if it is missing.
  absl::Status MakeDir() const;

  // One more than the last time, on disk before it is returned.
  //
  // Errors: kDataLoss if the file holds no number.
  absl::StatusOr<Epoch> NextEpoch() const;

  // Makes the key at the first call.
  absl::StatusOr<identity::PrivateKey> LoadOrMakeKey() const;

  // kNotFound: not enrolled yet. kInvalidArgument: not of `identity`, or not of our CA or key.
  // That it has expired is no error.
  absl::StatusOr<identity::CertificateFacts> LoadCertificate(
      const identity::NodeIdentity& identity) const;

  // Checks that `chain_pem` is for `identity` and our key and signed by `ca_pem`, then keeps it.
  absl::StatusOr<identity::CertificateFacts> SaveCertificate(const std::string& chain_pem,
                                                             const identity::NodeIdentity& identity,
                                                             absl::Time now) const;

  absl::Status SaveCa(const std::string& ca_pem) const;

  // Where mgmt's gRPC is, as it said at enrolment; nothing if it never said.
  absl::Status SaveMgmtAddresses(const std::vector<std::string>& addresses) const;
  std::vector<std::string> LoadMgmtAddresses() const;

  std::string PathOf(absl::string_view file) const;
  rpc::TlsFiles tls_files() const {
    return {PathOf("ca.pem"), PathOf("node.pem"), PathOf("node.key")};
  }

 private:
  std::string dir_;
};

}  // namespace convergia::node
