#pragma once

#include "common/base/clock.h"
#include "convergia/v1/data_admin.grpc.pb.h"
#include "datamgr/repair/plan/repair_planner.h"
#include "datamgr/repair/volume_reconciler.h"
#include "datamgr/volumes/volume_state.h"

namespace convergia::datamgr {

// The gRPC service DataAdmin (data_admin.proto): operators read and control data servers, volumes
// and repair. It only translates. Errors: as in data_admin.proto. Thread-safe.
class DataAdminService final : public v1::DataAdmin::CallbackService {
 public:
  struct Deps {  // All must outlive the service.
    VolumeState* state = nullptr;
    VolumeReconciler* reconciler = nullptr;
    const Clock* clock = nullptr;
  };
  explicit DataAdminService(const Deps& deps) : deps_(deps) {}

  grpc::ServerUnaryReactor* ListDataServers(grpc::CallbackServerContext* context,
                                            const v1::ListDataServersRequest* request,
                                            v1::ListDataServersResponse* response) override;
  grpc::ServerUnaryReactor* ListVolumes(grpc::CallbackServerContext* context,
                                        const v1::ListVolumesRequest* request,
                                        v1::ListVolumesResponse* response) override;
  grpc::ServerUnaryReactor* GetRepairStatus(grpc::CallbackServerContext* context,
                                            const v1::GetRepairStatusRequest* request,
                                            v1::GetRepairStatusResponse* response) override;
  grpc::ServerUnaryReactor* SetRepairBoost(grpc::CallbackServerContext* context,
                                           const v1::SetRepairBoostRequest* request,
                                           v1::SetRepairBoostResponse* response) override;
  grpc::ServerUnaryReactor* ReleaseBrake(grpc::CallbackServerContext* context,
                                         const v1::ReleaseBrakeRequest* request,
                                         v1::ReleaseBrakeResponse* response) override;
  grpc::ServerUnaryReactor* ScrubNow(grpc::CallbackServerContext* context,
                                     const v1::ScrubNowRequest* request,
                                     v1::ScrubNowResponse* response) override;
  grpc::ServerUnaryReactor* SweepNow(grpc::CallbackServerContext* context,
                                     const v1::SweepNowRequest* request,
                                     v1::SweepNowResponse* response) override;
  grpc::ServerUnaryReactor* GetRepairPolicy(grpc::CallbackServerContext* context,
                                            const v1::GetRepairPolicyRequest* request,
                                            v1::RepairPolicy* response) override;
  grpc::ServerUnaryReactor* SetRepairPolicy(grpc::CallbackServerContext* context,
                                            const v1::RepairPolicy* request,
                                            v1::RepairPolicy* response) override;
  grpc::ServerUnaryReactor* GetDrainStatus(grpc::CallbackServerContext* context,
                                           const v1::GetDrainStatusRequest* request,
                                           v1::GetDrainStatusResponse* response) override;

 private:
  void FillServers(v1::ListDataServersResponse* response);

  const Deps deps_;
};

}  // namespace convergia::datamgr
