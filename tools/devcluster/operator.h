#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/rpc/credentials.h"
#include "convergia/v1/admin.grpc.pb.h"

namespace convergia::devcluster {

// mgmt's Admin service for a caller who waits. Each call takes at most 10 s, and rides out a
// restart of mgmt. Thread-safe.
//
// Errors of all: those of admin.proto; kUnavailable, kDeadlineExceeded.
class Operator {
 public:
  Operator(const std::string& mgmt_address, const rpc::TlsFiles& files);

  absl::StatusOr<std::string> CreateJoinToken(v1::Role role, const std::string& node_name);
  absl::Status CreateAccount(const std::string& username, const std::string& password);
  absl::Status SetStorageClass(const std::string& data_server, v1::StorageClass storage_class);
  absl::StatusOr<v1::GetClusterMapResponse> GetClusterMap();
  // Empty names: from all, to all.
  absl::StatusOr<v1::ListRoutesResponse> ListRoutes(const std::string& from, const std::string& to);

  // For the calls that are not here.
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::Admin::Stub> admin_;
};

}  // namespace convergia::devcluster
