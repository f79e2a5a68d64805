#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/server_context.h>

#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "common/base/ids.h"

// A server sends its epoch and the leader's address with the end of a call, as trailing metadata.
// A refusal has an epoch too, so a node that has seen a higher one can ignore the refusal.
namespace convergia::rpc {

// The epoch of the server, in decimal digits.
inline constexpr char kEpochMetadata[] = "convergia-epoch";

// Adds `epoch` to the end of the call. Call it before any answer.
inline void SayEpoch(grpc::ServerContextBase* context, Epoch epoch) {
  context->AddTrailingMetadata(kEpochMetadata, absl::StrCat(epoch));
}

// The epoch of the server that ended the call. Call it after the end. nullopt if the server sent
// none (or no number), or if this side ended the call.
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

// "host:port" of the leader. A server that refuses a call because it does not lead sends this.
inline constexpr char kLeaderMetadata[] = "convergia-leader";

// Adds `address` to the end of the call. Call it before any answer.
inline void SayLeader(grpc::ServerContextBase* context, const std::string& address) {
  context->AddTrailingMetadata(kLeaderMetadata, address);
}

// The leader that the server named. Call it after the end of the call. Empty if it named none.
inline std::string SaidLeader(const grpc::ClientContext& context) {
  const auto& metadata = context.GetServerTrailingMetadata();
  const auto found = metadata.find(kLeaderMetadata);
  if (found == metadata.end()) return "";
  return std::string(found->second.data(), found->second.size());
}

}  // namespace convergia::rpc
