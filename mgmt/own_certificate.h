#pragma once

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/identity/certificate_authority.h"
#include "mgmt/config.h"
#include "mgmt/members/node_registry.h"

namespace convergia::mgmt {

// mgmt's name in its cluster. There is only one mgmt.
inline constexpr char kOwnName[] = "mgmt";

// The lifetime of mgmt's certificate. A start renews it if less than half is left.
inline constexpr absl::Duration kOwnCertificateLifetime = absl::Hours(24 * 365 * 5);

// Ensures that mgmt has a key and a certificate with enough lifetime, in the files of `paths`, and
// that `registry` knows the key. Returns mgmt's node id. Blocks. Errors: those of the disk and of
// the registry.
absl::StatusOr<NodeId> EnsureOwnCertificate(const Paths& paths,
                                            const identity::CertificateAuthority& ca,
                                            NodeRegistry& registry, absl::Time now);

}  // namespace convergia::mgmt
