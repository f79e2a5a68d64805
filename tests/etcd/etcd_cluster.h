#pragma once

#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/etcd/etcd_log.h"
#include "tools/devcluster/process.h"

namespace convergia::etcd {

// A real etcd (Debian's package etcd-server) on loopback, with mutual TLS from a CA of its own, in
// a folder of the test.
class EtcdCluster {
 public:
  // Starts `members` of them. They may not answer yet.
  //
  // Errors: kUnavailable if etcd or openssl cannot be run.
  static absl::StatusOr<std::unique_ptr<EtcdCluster>> Start(int members);

  // A log at `prefix`, which is made if it is not there; waits until etcd answers.
  absl::StatusOr<std::unique_ptr<EtcdLog>> OpenLog(const std::string& prefix);

  EtcdLog::Options LogOptions(const std::string& prefix) const;
  int members() const { return static_cast<int>(members_.size()); }
  // kill -9 of a member; it stays away.
  void Kill(int member) { members_[member].reset(); }

 private:
  EtcdCluster() = default;
  absl::Status MakeCertificates();
  absl::Status StartMember(int member, const std::string& cluster);

  std::string dir_;
  EtcdTls tls_;
  std::vector<int> client_ports_, peer_ports_;
  std::vector<std::unique_ptr<devcluster::Process>> members_;
};

}  // namespace convergia::etcd
