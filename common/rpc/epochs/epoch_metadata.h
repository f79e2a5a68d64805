#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/server_context.h>

#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"

// With how a call ends, a server says which start of it ended the call: also a refusal has an
// epoch, and a node that has seen a higher one does not believe it.
namespace convergia::rpc {

// Trailing metadata: the epoch, in decimal digits.
inline constexpr char kEpochMetadata[] = "convergia-epoch";

// Before anything is answered.
inline void SayEpoch(grpc::ServerContextBase* context, Epoch epoch) {
  context->AddTrailingMetadata(kEpochMetadata, absl::StrCat(epoch));
}

// Once the call has ended. nullopt: the server did not say it, or the end is our own doing.
inline std::optional<Epoch> SaidEpoch(const grpc::ClientContext& context) {
  const auto& metadata = context.GetServerTrailingMetadata();
  const auto found = metadata.find(kEpochMetadata);
  Epoch epoch = 0;
  if (found == metadata.end() ||
      !absl::SimpleAtoi(absl::string_view(found->second.data(), found->second.size()), &epoch)) {
    return std::nullopt;
  }
  return epoch;
}

// Trailing metadata: "host:port" of the server that leads, of one that does not and so refuses.
inline constexpr char kLeaderMetadata[] = "convergia-leader";

// Before anything is answered.
inline void SayLeader(grpc::ServerContextBase* context, const std::string& address) {
  context->AddTrailingMetadata(kLeaderMetadata, address);
}

// Once the call has ended. Empty: the server did not say it.
inline std::string SaidLeader(const grpc::ClientContext& context) {
  const auto& metadata = context.GetServerTrailingMetadata();
  const auto found = metadata.find(kLeaderMetadata);
  if (found == metadata.end()) return "";
  return std::string(found->second.data(), found->second.size());
}

}  // namespace convergia::rpc
