#include "datamgr/services/data_admin_service.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "common/rpc/calls/reply.h"
#include "datamgr/repair/plan/repair_policy.h"

namespace convergia::datamgr {
namespace {

constexpr uint32_t kVolumesMax = 1'000;  // In one page.

v1::StorageClass ClassOf(VolumeClass volume_class) {
  return volume_class == VolumeClass::kVolatile ? v1::STORAGE_CLASS_VOLATILE
                                                : v1::STORAGE_CLASS_NON_VOLATILE;
}

void FillServer(const ServerView& server, v1::DataServerState* to) {
  to->set_node_id(server.config.id);
  to->set_name(server.config.name);
  v1::NodeConfiguration* const configuration = to->mutable_configuration();
  configuration->set_storage_class(ClassOf(server.config.volume_class));
  configuration->set_capacity_bytes(server.config.capacity_bytes);
  for (const auto& [key, value] : server.config.labels) {
    v1::Label* const label = configuration->add_labels();
    label->set_key(key);
    label->set_value(value);
  }
  configuration->set_drain(server.config.drain);
  to->set_connected(server.connected);
  to->set_suspect(server.suspect);
  if (!server.connected) to->set_away_since_ms(server.last_seen_ms);
  to->set_capacity_bytes(server.space.capacity_bytes);
  to->set_used_bytes(server.space.used_bytes);
  to->set_free_bytes(server.space.free_bytes);
  to->set_read_only(server.space.read_only);
  to->set_store_id(server.store);
}

void FillVolume(const Volume& volume, const VolumeHealth& health, const ServerTable& servers,
                v1::VolumeInfo* to) {
  to->set_volume(volume.record.id);
  to->set_storage_class(ClassOf(volume.record.volume_class));
  to->set_epoch(volume.record.epoch);
  to->set_open(volume.IsOpen());
  to->set_chunks(volume.chunks);
  to->set_bytes(volume.bytes);
  to->set_copies_wanted(health.wanted);
  to->set_copies_live(health.live);
  to->set_copies_away(health.away);
  to->set_copies_gone(health.gone);
  to->set_copies_leaving(health.leaving + health.misplaced);
  for (const Replica& replica : volume.record.replicas) {
    v1::VolumeReplica* const row = to->add_replicas();
    row->set_node_id(replica.server);
    row->set_live(servers.IsLive(replica));
    const ServerView* const server = servers.Find(replica.server);
    if (server != nullptr) row->set_server(server->config.name);
  }
}

}  // namespace

void DataAdminService::FillServers(v1::ListDataServersResponse* response) {
  const absl::Duration now = deps_.clock->Elapsed();
  absl::MutexLock lock(&deps_.state->mu());
  const ServerTable& servers = deps_.state->servers();
  std::map<NodeId, uint32_t> replicas;
  std::map<NodeId, uint32_t> held;  // The replicas that a server really holds.
  for (const auto& [id, volume] : deps_.state->volumes().volumes()) {
    for (const Replica& replica : volume.record.replicas) {
      ++replicas[replica.server];
      const ServerView* const server = servers.Find(replica.server);
      if (server != nullptr && server->Has(replica) && server->holdings.contains(id)) {
        ++held[replica.server];
      }
    }
  }
  for (const auto& [id, server] : servers.servers()) {
    if (!server.configured && !server.connected) continue;
    v1::DataServerState* const state = response->add_servers();
    FillServer(server, state);
    state->set_flapping(servers.IsFlapping(id, now));
    state->set_replicas(replicas[id]);
    if (server.connected) {
      state->set_surplus(static_cast<uint32_t>(server.holdings.size()) - held[id]);
    }
  }
}

grpc::ServerUnaryReactor* DataAdminService::ListDataServers(
    grpc::CallbackServerContext* context, const v1::ListDataServersRequest* /*request*/,
    v1::ListDataServersResponse* response) {
  return rpc::Reply(context, [&]() -> absl::Status {
    FillServers(response);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* DataAdminService::ListVolumes(grpc::CallbackServerContext* context,
                                                        const v1::ListVolumesRequest* request,
                                                        v1::ListVolumesResponse* response) {
  return rpc::Reply(context, [&]() -> absl::Status {
    const uint32_t limit =
        request->limit() == 0 ? kVolumesMax : std::min(request->limit(), kVolumesMax);
    const absl::Duration now = deps_.clock->Elapsed();
    const RepairPlanner judge(deps_.reconciler->rules());
    absl::MutexLock lock(&deps_.state->mu());
    const ServerTable& servers = deps_.state->servers();
    const auto& volumes = deps_.state->volumes().volumes();
    for (auto it = volumes.upper_bound(request->after()); it != volumes.end(); ++it) {
      const VolumeHealth health = judge.HealthOf(it->second, servers, now);
      const bool is_well = health.IsWhole() && health.leaving + health.misplaced == 0;
      if (request->only_ailing() && is_well) continue;
      if (response->volumes_size() >= static_cast<int>(limit)) {
        response->set_more(true);
        break;
      }
      FillVolume(it->second, health, servers, response->add_volumes());
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* DataAdminService::GetRepairStatus(
    grpc::CallbackServerContext* context, const v1::GetRepairStatusRequest* /*request*/,
    v1::GetRepairStatusResponse* response) {
  return rpc::Reply(context, [&]() -> absl::Status {
    const RepairReport report = deps_.reconciler->Report();
    const RepairDebt& debt = report.debt;
    response->set_missing_volumes(debt.missing_volumes);
    response->set_waiting_volumes(debt.waiting_volumes);
    response->set_due_volumes(debt.due_volumes);
    response->set_due_bytes(debt.missing_bytes);
    response->set_stuck_volumes(debt.stuck_volumes);
    response->set_single_volumes(debt.single_volumes);
    response->set_dark_volumes(debt.dark_volumes);
    response->set_moving_volumes(debt.moving_volumes);
    response->set_moving_bytes(debt.moving_bytes);
    response->set_surplus_copies(debt.surplus_copies);
    response->set_brake(debt.brake);
    response->set_absent_servers(debt.absent_servers);
    response->set_known_servers(debt.known_servers);
    response->set_boosted(report.boosted);
    response->set_bytes_per_second(report.repair_bytes_per_second);
    if (report.eta.has_value()) response->set_eta_seconds(absl::ToDoubleSeconds(*report.eta));
    response->set_bytes_copied(report.bytes_copied);
    response->set_copies_made(report.copies_made);
    response->set_copies_failed(report.copies_failed);
    response->set_surplus_dropped(report.surplus_dropped);
    response->set_volumes_checked(report.volumes_checked);
    response->set_orphans_deleted(report.orphans_deleted);
    response->set_chunks_healed(report.healing.healed);
    response->set_chunks_lost(report.healing.lost);
    response->set_chunks_waiting(report.healing.waiting);
    absl::MutexLock lock(&deps_.state->mu());
    for (const JobProgress& progress : report.jobs) {
      v1::RepairJob* const job = response->add_jobs();
      job->set_kind(std::string(JobKindWord(progress.job.kind)));
      job->set_volume(progress.job.volume);
      job->set_target(deps_.state->servers().Describe(progress.job.target));
      job->set_bytes_done(progress.bytes_done);
      job->set_bytes_total(progress.bytes_total);
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* DataAdminService::SetRepairBoost(
    grpc::CallbackServerContext* context, const v1::SetRepairBoostRequest* request,
    v1::SetRepairBoostResponse* /*response*/) {
  return rpc::Reply(context, [&]() -> absl::Status {
    deps_.reconciler->SetBoost(request->boost());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* DataAdminService::ReleaseBrake(grpc::CallbackServerContext* context,
                                                         const v1::ReleaseBrakeRequest* /*request*/,
                                                         v1::ReleaseBrakeResponse* /*response*/) {
  return rpc::Reply(context, [&]() -> absl::Status {
    deps_.reconciler->ReleaseBrake();
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* DataAdminService::ScrubNow(grpc::CallbackServerContext* context,
                                                     const v1::ScrubNowRequest* request,
                                                     v1::ScrubNowResponse* /*response*/) {
  return rpc::Reply(context, [&]() -> absl::Status {
    NodeId found = 0;
    if (!request->server().empty()) {
      absl::MutexLock lock(&deps_.state->mu());
      for (const auto& [id, server] : deps_.state->servers().servers()) {
        if (server.connected && server.config.name == request->server()) found = id;
      }
      if (found == 0) {
        return absl::NotFoundError(
            absl::StrCat("no data server ", request->server(), " is connected"));
      }
    }
    deps_.reconciler->ScrubNow(found);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* DataAdminService::SweepNow(grpc::CallbackServerContext* context,
                                                     const v1::SweepNowRequest* /*request*/,
                                                     v1::SweepNowResponse* /*response*/) {
  return rpc::Reply(context, [&]() -> absl::Status {
    deps_.reconciler->SweepNow();
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* DataAdminService::GetRepairPolicy(
    grpc::CallbackServerContext* context, const v1::GetRepairPolicyRequest* /*request*/,
    v1::RepairPolicy* response) {
  return rpc::Reply(context, [&]() -> absl::Status {
    *response = PolicyOf(deps_.reconciler->rules());
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* DataAdminService::SetRepairPolicy(grpc::CallbackServerContext* context,
                                                            const v1::RepairPolicy* request,
                                                            v1::RepairPolicy* response) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    deps_.reconciler->SetPolicy(*request, [response, reply = std::move(reply)](
                                              absl::StatusOr<v1::RepairPolicy> policy) mutable {
      if (policy.ok()) *response = *std::move(policy);
      reply.Finish(policy.status());
    });
  });
}

grpc::ServerUnaryReactor* DataAdminService::GetDrainStatus(
    grpc::CallbackServerContext* context, const v1::GetDrainStatusRequest* /*request*/,
    v1::GetDrainStatusResponse* response) {
  return rpc::Reply(context, [&]() -> absl::Status {
    absl::MutexLock lock(&deps_.state->mu());
    for (const auto& [id, server] : deps_.state->servers().servers()) {
      if (!server.config.drain || !server.configured) continue;
      v1::DrainState* const state = response->add_servers();
      state->set_server(server.config.name);
      for (const auto& [volume_id, volume] : deps_.state->volumes().volumes()) {
        if (!volume.HasReplicaOn(id)) continue;
        state->set_volumes_left(state->volumes_left() + 1);
        state->set_bytes_left(state->bytes_left() + volume.bytes);
      }
    }
    return absl::OkStatus();
  });
}

}  // namespace convergia::datamgr
