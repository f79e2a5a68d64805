#include "tests/cluster/data_admin_client.h"

#include <gtest/gtest.h>

#include "common/base/clock.h"
#include "common/rpc/auth/credentials.h"

namespace convergia::testing {
namespace {

template <typename Stub, typename Request, typename Response>
Response Call(Stub* stub,
              grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
              const Request& request) {
  grpc::ClientContext context;
  context.set_deadline(absl::ToChronoTime(RealClock::Get().Now() + absl::Seconds(30)));
  context.set_wait_for_ready(true);
  Response response;
  const grpc::Status status = (stub->*method)(&context, request, &response);
  EXPECT_TRUE(status.ok()) << Request::descriptor()->name() << ": " << status.error_message();
  return response;
}

}  // namespace

DataAdminClient::DataAdminClient(devcluster::Cluster* cluster)
    : cluster_(cluster),
      data_(v1::DataAdmin::NewStub(rpc::MakeChannel(cluster->node("datamgr1")->grpc,
                                                    cluster->operator_files(),
                                                    {.role = Role::kDatamgr, .name = "datamgr1"}))),
      admin_(v1::Admin::NewStub(cluster->admin().channel())) {}

v1::GetRepairStatusResponse DataAdminClient::Status() {
  return Call(data_.get(), &v1::DataAdmin::Stub::GetRepairStatus, v1::GetRepairStatusRequest());
}

std::vector<v1::DataServerState> DataAdminClient::Servers() {
  const auto all =
      Call(data_.get(), &v1::DataAdmin::Stub::ListDataServers, v1::ListDataServersRequest());
  return {all.servers().begin(), all.servers().end()};
}

v1::DataServerState DataAdminClient::Server(const std::string& name) {
  for (const v1::DataServerState& server : Servers()) {
    if (server.name() == name) return server;
  }
  return {};
}

std::vector<v1::VolumeInfo> DataAdminClient::Volumes(bool only_ailing) {
  v1::ListVolumesRequest request;
  request.set_only_ailing(only_ailing);
  const auto page = Call(data_.get(), &v1::DataAdmin::Stub::ListVolumes, request);
  EXPECT_FALSE(page.more());
  return {page.volumes().begin(), page.volumes().end()};
}

int DataAdminClient::VolumesOn(const std::string& server, v1::StorageClass storage_class) {
  int count = 0;
  for (const v1::VolumeInfo& volume : Volumes()) {
    if (volume.storage_class() != storage_class) continue;
    for (const v1::VolumeReplica& replica : volume.replicas()) count += replica.server() == server;
  }
  return count;
}

uint64_t DataAdminClient::VolumesLeftOn(const std::string& drained) {
  const auto all =
      Call(data_.get(), &v1::DataAdmin::Stub::GetDrainStatus, v1::GetDrainStatusRequest());
  for (const v1::DrainState& state : all.servers()) {
    if (state.server() == drained) return state.volumes_left();
  }
  return ~uint64_t{0};  // datamgr does not know of the drain yet.
}

void DataAdminClient::SetPolicy(const v1::RepairPolicy& policy) {
  Call(data_.get(), &v1::DataAdmin::Stub::SetRepairPolicy, policy);
}

void DataAdminClient::ReleaseBrake() {
  Call(data_.get(), &v1::DataAdmin::Stub::ReleaseBrake, v1::ReleaseBrakeRequest());
}

void DataAdminClient::Scrub(const std::string& server) {
  v1::ScrubNowRequest request;
  request.set_server(server);
  Call(data_.get(), &v1::DataAdmin::Stub::ScrubNow, request);
}

void DataAdminClient::Configure(const v1::ConfigureDataServerRequest& change) {
  Call(admin_.get(), &v1::Admin::Stub::ConfigureDataServer, change);
}

bool DataAdminClient::IsWhole() {
  for (const v1::DataServerState& server : Servers()) {
    if (!server.connected()) return false;
  }
  const v1::GetRepairStatusResponse status = Status();
  return status.missing_volumes() == 0 && status.moving_volumes() == 0 && status.jobs().empty() &&
         status.surplus_copies() == 0 && Volumes(/*only_ailing=*/true).empty();
}

}  // namespace convergia::testing
