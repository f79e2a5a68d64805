#pragma once

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "common/base/ids.h"
#include "common/identity/certificate_authority.h"
#include "mgmt/config.h"
#include "mgmt/members/node_registry.h"

namespace convergia::mgmt {

// The name under which mgmt is known to its cluster: there is one.
inline constexpr char kOwnName[] = "mgmt";

// Issued for so long, and anew at a start that finds less than half of it left.
inline constexpr absl::Duration kOwnCertificateLifetime = absl::Hours(24 * 365 * 5);

// Sees to it that mgmt has a key and a certificate that is good for long, in the files of `paths`
// and known to `registry`; returns mgmt's node number. Blocks.
absl::StatusOr<NodeId> EnsureOwnCertificate(const Paths& paths,
                                            const identity::CertificateAuthority& ca,
                                            NodeRegistry& registry, absl::Time now);

}  // namespace convergia::mgmt
