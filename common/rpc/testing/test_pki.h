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

// A cluster's CA and the files of its nodes, in a folder of its own under the test's. For tests.
class TestPki {
 public:
  TestPki();

  // The files of `identity`, made at the first call.
  TlsFiles FilesOf(const identity::NodeIdentity& identity);

  // What mgmt would tell of it. `node` as it is said.
  PinEntry PinOf(const identity::NodeIdentity& identity, NodeId node = 0);

  // A new certificate for the same key, in the place of the old one.
  void Renew(const identity::NodeIdentity& identity, absl::Duration lifetime = absl::Hours(2));

  identity::CertificateAuthority& ca() { return ca_; }
  const std::string& dir() const { return dir_; }

 private:
  std::string PathOf(const identity::NodeIdentity& identity, absl::string_view ending) const;

  const std::string dir_;
  identity::CertificateAuthority ca_;
  std::map<std::string, identity::PrivateKey> keys_;  // By SPIFFE URI.
};

// A channel without a certificate of our own, for a stranger that knows the CA.
std::shared_ptr<grpc::Channel> MakeStrangersChannel(const std::string& address,
                                                    const std::string& ca_pem);

// The certificate that the TLS server at `address` shows to anybody, as PEM.
std::string ServedCertificate(const std::string& address);

// The contents of a file that must be there.
std::string ReadOrDie(const std::string& path);

}  // namespace convergia::rpc
