#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/rpc/auth/credentials.h"
#include "convergia/v1/admin.grpc.pb.h"

namespace convergia::devcluster {

// A blocking client of mgmt's Admin service. Each call takes at most 10 s, and survives a restart
// of mgmt. Thread-safe.
//
// All calls return the errors of admin.proto, kUnavailable and kDeadlineExceeded.
class Operator {
 public:
  Operator(const std::string& mgmt_address, const rpc::TlsFiles& files);

  absl::StatusOr<std::string> CreateJoinToken(v1::Role role, const std::string& node_name);
  absl::Status CreateAccount(const std::string& username, const std::string& password);
  absl::Status SetStorageClass(const std::string& data_server, v1::StorageClass storage_class);
  absl::StatusOr<v1::GetClusterMapResponse> GetClusterMap();
  // An empty name stands for all edges.
  absl::StatusOr<v1::ListRoutesResponse> ListRoutes(const std::string& from, const std::string& to);

  // For calls that this class does not have.
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::Admin::Stub> admin_;
};

}  // namespace convergia::devcluster
