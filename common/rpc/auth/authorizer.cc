#include "common/rpc/auth/authorizer.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/rpc/auth/peer.h"

namespace convergia::rpc {

absl::Status Authorizer::Admit(absl::string_view method, absl::string_view pem) const {
  if (pem.empty()) {
    return absl::UnauthenticatedError(
        "connect with the certificate of a node or an operator of this cluster");
  }
  const auto facts = FactsOfPem(pem);
  if (!facts.ok()) {
    return absl::UnauthenticatedError(
        absl::StrCat("this certificate names no node or operator: ", facts.status().message()));
  }
  CVG_RETURN_IF_ERROR(CheckPin(**facts, pins_));
  return policy_.Judge(method, (*facts)->identity.role);
}

absl::Status CheckPin(const identity::CertificateFacts& facts, const PinSet& pins) {
  // Role and name count too: a certificate grants nothing beyond what mgmt registered for its key.
  const std::optional<PinEntry> entry = pins.Find(facts.pin);
  const identity::NodeIdentity& who = facts.identity;
  if (entry.has_value() && entry->role == who.role && entry->name == who.name) {
    return absl::OkStatus();
  }
  return absl::UnauthenticatedError(
      pins.filled()
          ? absl::StrCat("the certificate of ", RoleWord(who.role), " ", who.name,
                         " is revoked, or mgmt has not told this node of it yet")
          : "this node has not heard from mgmt yet whom to let in; try again in a moment");
}

}  // namespace convergia::rpc
