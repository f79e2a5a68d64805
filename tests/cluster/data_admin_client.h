#pragma once

#include <memory>
#include <string>
#include <vector>

#include "convergia/v1/admin.grpc.pb.h"
#include "convergia/v1/data_admin.grpc.pb.h"
#include "tools/devcluster/cluster.h"

namespace convergia::testing {

// An operator's calls to datamgr1 of a cluster, and to mgmt about data servers. A call that fails
// also fails the test. Uses one connection, which survives restarts of datamgr.
class DataAdminClient {
 public:
  explicit DataAdminClient(devcluster::Cluster* cluster);

  v1::GetRepairStatusResponse Status();
  std::vector<v1::DataServerState> Servers();
  v1::DataServerState Server(const std::string& name);
  std::vector<v1::VolumeInfo> Volumes(bool only_ailing = false);
  // The number of volumes of `storage_class` with a replica on `server`.
  int VolumesOn(const std::string& server, v1::StorageClass storage_class);
  uint64_t VolumesLeftOn(const std::string& drained);

  void SetPolicy(const v1::RepairPolicy& policy);
  void ReleaseBrake();
  void Scrub(const std::string& server);
  void Configure(const v1::ConfigureDataServerRequest& change);

  // True if no copy is missing, away or to be moved, and all data servers are connected.
  bool IsWhole();

 private:
  devcluster::Cluster* const cluster_;
  const std::unique_ptr<v1::DataAdmin::Stub> data_;
  const std::unique_ptr<v1::Admin::Stub> admin_;
};

}  // namespace convergia::testing
