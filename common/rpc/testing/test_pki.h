#pragma once

#include <grpcpp/channel.h>

#include <map>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "common/base/clock.h"
#include "common/identity/certificate.h"
#include "common/identity/certificate_authority.h"
#include "common/identity/key.h"
#include "common/rpc/auth/credentials.h"
#include "common/rpc/auth/pin_set.h"

namespace convergia::rpc {

// The CA of a cluster and the files of its nodes, in a new folder in the test's. For tests. Aborts
// on any error. Not thread-safe.
class TestPki {
 public:
  TestPki();

  // The files of `identity`. The first call makes them.
  TlsFiles FilesOf(const identity::NodeIdentity& identity);

  // The entry that mgmt would send for `identity`, with the number `node`. Makes its files if there
  // are none.
  PinEntry PinOf(const identity::NodeIdentity& identity, NodeId node = 0);

  // Replaces the certificate of `identity`, which has files already, by a new one for the same key.
  void Renew(const identity::NodeIdentity& identity, absl::Duration lifetime = absl::Hours(2));

  identity::CertificateAuthority& ca() { return ca_; }
  const std::string& dir() const { return dir_; }

 private:
  std::string PathOf(const identity::NodeIdentity& identity, absl::string_view ending) const;

  const std::string dir_;
  identity::CertificateAuthority ca_;
  std::map<std::string, identity::PrivateKey> keys_;  // By SPIFFE URI.
};

// A channel that knows the CA but shows no certificate. It acts as a stranger.
std::shared_ptr<grpc::Channel> MakeStrangersChannel(const std::string& address,
                                                    const std::string& ca_pem);

// The certificate that the TLS server at `address` shows to any client, as PEM.
std::string ServedCertificate(const std::string& address);

// The contents of the file at `path`. Aborts if it cannot be read.
std::string ReadOrDie(const std::string& path);

}  // namespace convergia::rpc
