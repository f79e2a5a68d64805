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
//   epoch      the number of starts of the node
//   mgmt_epoch, datamgr_epoch
//              the highest epochs of mgmt and datamgr that the node has seen (HighestEpoch)
//   welcome.textproto, pins.textproto, revocations.textproto, edges.textproto, routes.textproto
//              the latest data from mgmt (MgmtMemory)
//
// All calls but PathOf() and tls_files() block on the disk, and their errors include those of the
// disk, with the path. Thread-safe, but only one thread at a time may change a file.
class NodeFiles {
 public:
  explicit NodeFiles(std::string dir) : dir_(std::move(dir)) {}

  // Makes the folder (0700) if it is missing; the folder above it must exist.
  absl::Status MakeDir() const;

  // Returns the number of the last call plus one. The number is on the disk before it returns.
  //
  // Errors: kDataLoss if the file holds no number.
  absl::StatusOr<Epoch> NextEpoch() const;

  // The key of the node. The first call makes it.
  //
  // Errors: kInvalidArgument if the file holds no key of ours.
  absl::StatusOr<identity::PrivateKey> LoadOrMakeKey() const;

  // The facts of node.pem, even if it has expired. Whether it fits ca.pem and node.key is not
  // checked here; SaveCertificate() has checked it.
  //
  // Errors: kNotFound if node.pem, ca.pem or node.key is missing: the node is not enrolled.
  // kInvalidArgument if node.pem holds no certificate of a node, or that of another node.
  absl::StatusOr<identity::CertificateFacts> LoadCertificate(
      const identity::NodeIdentity& identity) const;

  // Writes `chain_pem` to node.pem. Before that it checks that the certificate is for `identity`
  // and our key, is valid at `now`, and is signed by the CA in ca.pem.
  //
  // Errors: kUnauthenticated if the CA did not sign it or it is not valid at `now`;
  // kInvalidArgument if it is no certificate, or is for another node or key.
  absl::StatusOr<identity::CertificateFacts> SaveCertificate(const std::string& chain_pem,
                                                             const identity::NodeIdentity& identity,
                                                             absl::Time now) const;

  absl::Status SaveCa(const std::string& ca_pem) const;

  // Write and read the addresses of mgmt's gRPC, as mgmt sent them at the enrolment. The list is
  // empty if the file is missing or cannot be read.
  absl::Status SaveMgmtAddresses(const std::vector<std::string>& addresses) const;
  std::vector<std::string> LoadMgmtAddresses() const;

  // The path of `file` in the folder.
  std::string PathOf(absl::string_view file) const;
  rpc::TlsFiles tls_files() const {
    return {PathOf("ca.pem"), PathOf("node.pem"), PathOf("node.key")};
  }

 private:
  std::string dir_;
};

}  // namespace convergia::node
