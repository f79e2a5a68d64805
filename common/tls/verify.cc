#include "common/tls/verify.h"

#include "absl/status/status.h"

namespace convergia::tls {

absl::StatusOr<identity::CertificateFacts> VerifyPeer(const TlsStream& stream,
                                                      absl::string_view ca_pem, absl::Time now) {
  const std::string chain = stream.PeerChainPem();
  if (chain.empty()) return absl::UnauthenticatedError("the other side showed no certificate");
  return identity::VerifyChain(chain, ca_pem, now);
}

absl::Status VerifyPin(const TlsStream& stream, absl::string_view pin) {
  if (!pin.empty() && stream.PeerPin() == pin) return absl::OkStatus();
  return absl::UnauthenticatedError("the server's key is not the one that was expected");
}

}  // namespace convergia::tls
