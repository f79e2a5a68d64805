#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "common/rpc/auth/credentials.h"
#include "convergia/v1/admin.grpc.pb.h"

namespace convergia::devcluster {

// A blocking client of mgmt's Admin service. A call waits until mgmt is there, for 10 s at most.
// The client survives a restart of mgmt; a call that is under way then fails. Thread-safe.
//
// Errors of all calls: those of admin.proto; kDeadlineExceeded after 10 s; kUnavailable if mgmt
// ended during the call.
class Operator {
 public:
  // `mgmt_address` is "host:port" of mgmt's gRPC. `files` are those of an operator.
  Operator(const std::string& mgmt_address, const rpc::TlsFiles& files);

  // Returns the text of a token with which the node may enrol once, within an hour.
  absl::StatusOr<std::string> CreateJoinToken(v1::Role role, const std::string& node_name);
  absl::Status CreateAccount(const std::string& username, const std::string& password);
  absl::Status SetStorageClass(const std::string& data_server, v1::StorageClass storage_class);
  absl::StatusOr<v1::GetClusterMapResponse> GetClusterMap();
  // Returns the first 1,000 routes. An empty name stands for all edges.
  absl::StatusOr<v1::ListRoutesResponse> ListRoutes(const std::string& from, const std::string& to);

  // For calls that this class does not have.
  const std::shared_ptr<grpc::Channel>& channel() const { return channel_; }

 private:
  const std::shared_ptr<grpc::Channel> channel_;
  const std::unique_ptr<v1::Admin::Stub> admin_;
};

}  // namespace convergia::devcluster
