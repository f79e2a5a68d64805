#include "common/rpc/authorizer.h"

#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"
#include "common/rpc/peer.h"
#include "common/rpc/status.h"

namespace convergia::rpc {

grpc::Status Authorizer::Process(const InputMetadata& metadata, grpc::AuthContext* context,
                                 OutputMetadata* /*consumed*/, OutputMetadata* /*response*/) {
  const auto path = metadata.find(":path");
  if (path == metadata.end()) {
    return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "the call names no method");
  }
  const absl::string_view method(path->second.data(), path->second.size());
  const std::string pem = PeerPem(*context);
  const CallRule* const rule = policy_.Find(method);
  if (rule != nullptr && rule->refused_by_service && !pem.empty()) return grpc::Status::OK;
  return ToGrpcStatus(Admit(method, pem));
}

absl::Status Authorizer::Admit(absl::string_view method, absl::string_view pem) const {
  if (pem.empty()) return policy_.Judge(method, std::nullopt);
  const auto facts = FactsOfPem(pem);
  if (!facts.ok()) {
    return absl::UnauthenticatedError(
        absl::StrCat("this certificate names no node or operator: ", facts.status().message()));
  }
  const CallRule* const rule = policy_.Find(method);
  if (rule != nullptr && rule->callers.HasStrangers()) return absl::OkStatus();
  // The set knows roles too, so that a certificate is never more than mgmt says of its key.
  const std::optional<PinEntry> entry = pins_.Find((*facts)->pin);
  const identity::NodeIdentity& who = (*facts)->identity;
  if (!entry.has_value() || entry->role != who.role || entry->name != who.name) {
    return absl::UnauthenticatedError(
        pins_.filled()
            ? absl::StrCat("the certificate of ", RoleWord(who.role), " ", who.name,
                           " is revoked, or mgmt has not told this node of it yet")
            : "this node has not heard from mgmt yet whom to let in; try again in a moment");
  }
  return policy_.Judge(method, who.role);
}

}  // namespace convergia::rpc
