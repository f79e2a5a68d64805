// How the reconciler repairs, opens, seals and sweeps volumes.
#include <glog/logging.h>

#include <algorithm>
#include <utility>

#include "common/base/limits.h"
#include "datamgr/repair/plan/volume_opening.h"
#include "datamgr/repair/volume_reconciler.h"

namespace convergia::datamgr {
namespace {

constexpr size_t kSealsMax = 50;  // In one round: each waits for the disk.
constexpr absl::Duration kDeleteTimeout = absl::Seconds(20);
constexpr double kQuietBytesPerSecond = 1 << 20;  // Clients that move less are quiet.
// Chunks of each copy that are under way at one time.
constexpr int kDepthQuiet = 4;
constexpr int kDepthBusy = 1;

}  // namespace

// ---- Repair.

void VolumeReconciler::PlanOnce(absl::Duration now) {
  const bool quiet = rates_.clients() < kQuietBytesPerSecond;
  deps_.runner->SetDepth(quiet || planner_.boosted() ? kDepthQuiet : kDepthBusy);
  RepairPlanner::Plan plan;
  std::vector<VolumeRecord> reclassed;
  {
    absl::MutexLock lock(&deps_.state->mu());
    VolumeTable& volumes = deps_.state->volumes();
    plan = planner_.Next(now, deps_.state->servers(), volumes, jobs_.all(), quiet,
                         std::min(next_volume_, future_volume_));
    for (const VolumeId id : plan.seal) volumes.Find(id)->closed = true;
    for (const VolumeId id : plan.make_volatile) {
      if (jobs_.Has(id) || volumes.Find(id)->writes_in_flight > 0) continue;
      reclassed.push_back(volumes.Find(id)->record);
    }
    if (!plan.seal.empty()) deps_.state->FindOpen();
  }
  CarryOut(plan, std::move(reclassed));
  ReportPlan(plan);
}

void VolumeReconciler::CarryOut(const RepairPlanner::Plan& plan,
                                std::vector<VolumeRecord> reclassed) {
  for (VolumeRecord& record : reclassed) {
    record.volume_class = VolumeClass::kVolatile;
    record.sealed = true;
    ++record.epoch;
    Save(record).IgnoreError();  // Logged there; the next plan says it again.
  }
  for (const VolumeId id : plan.cease) deps_.runner->Cease(id);
  for (const Job& job : plan.start) Begin(job);
}

void VolumeReconciler::ReportPlan(const RepairPlanner::Plan& plan) {
  const std::vector<JobProgress> jobs = deps_.runner->Progress();
  absl::MutexLock lock(&mu_);
  report_.debt = plan.debt;
  report_.boosted = planner_.boosted();
  report_.repair_bytes_per_second = rates_.repair();
  report_.bytes_copied = rates_.repair_bytes();
  report_.jobs = jobs;
  report_.healing = deps_.healer->counts();
  uint64_t left = plan.debt.missing_bytes + plan.debt.moving_bytes;
  for (const JobProgress& job : jobs) left -= std::min(left, job.bytes_done);
  report_.eta.reset();
  if (left == 0) report_.eta = absl::ZeroDuration();
  if (left > 0 && rates_.repair() > 1 && !plan.debt.brake) {
    report_.eta = absl::Seconds(static_cast<double>(left) / rates_.repair());
  }
}

void VolumeReconciler::Begin(const Job& job) {
  JobOrder order;
  {
    absl::MutexLock lock(&deps_.state->mu());
    const ChunkId young =
        deps_.state->numbers().OlderThan(planner_.rules().orphan_age, deps_.clock->Elapsed());
    order = OrderOf(job, deps_.state->servers(), deps_.state->volumes(), young);
    if (job.IsCopy()) deps_.state->servers().AddHolding(job.target, job.volume, 0, 0);
  }
  jobs_.Begin(job);
  deps_.runner->Run(std::move(order));
}

void VolumeReconciler::OnJobEnd(JobEnd end) {
  deps_.waker->Post([this, end = std::move(end)] { EndJob(end); });
}

void VolumeReconciler::EndJob(const JobEnd& end) {
  const Job& job = end.job;
  jobs_.End(end, deps_.clock->Elapsed());
  std::optional<VolumeRecord> record;
  std::string target_name;
  {
    absl::MutexLock lock(&deps_.state->mu());
    ServerTable& servers = deps_.state->servers();
    const ServerView* const target = servers.Find(job.target);
    target_name = servers.Describe(job.target);
    const Volume* const volume = deps_.state->volumes().Find(job.volume);
    if (end.status.ok() && !job.IsCopy()) servers.DropHolding(job.target, job.volume);
    if (end.status.ok() && job.IsCopy() && target != nullptr && target->connected) {
      servers.DropHolding(job.target, job.volume);
      servers.AddHolding(job.target, job.volume, end.chunks, end.bytes);
      if (volume != nullptr && !volume->IsOpen()) {
        record = planner_.RecordAfter(*volume, job, {job.target, target->store}, servers,
                                      deps_.clock->Elapsed());
      }
    }
  }
  if (!end.lost.empty()) {
    LOG(ERROR) << end.lost.size() << " chunks of volume " << job.volume
               << " could not be copied: whole nowhere, or deleted meanwhile";
  }
  if (record.has_value()) Save(*record).IgnoreError();  // Logged there; planned again.
  LOG_IF(INFO, end.status.ok()) << JobKindWord(job.kind) << " of volume " << job.volume << " at "
                                << target_name << " done, " << end.bytes_copied << " bytes";
  LOG_IF(WARNING, !end.status.ok() && !absl::IsCancelled(end.status))
      << JobKindWord(job.kind) << " of volume " << job.volume << " at " << target_name
      << " failed: " << end.status;
  absl::MutexLock lock(&mu_);
  if (job.IsCopy()) {
    ++(end.status.ok() ? report_.copies_made : report_.copies_failed);
  } else if (end.status.ok()) {
    ++report_.surplus_dropped;
  }
}

absl::Status VolumeReconciler::Save(const VolumeRecord& record) {
  store::Revision version = 0;
  {
    absl::MutexLock lock(&deps_.state->mu());
    const Volume* const volume = deps_.state->volumes().Find(record.id);
    if (volume == nullptr) return absl::NotFoundError("no such volume");
    version = volume->version;
  }
  const auto saved = deps_.book->Replace(record, version);
  if (!saved.ok()) {
    LOG(ERROR) << "cannot save volume " << record.id << ": " << saved.status();
    return saved.status();
  }
  absl::MutexLock lock(&deps_.state->mu());
  Volume& volume = deps_.state->volumes().Apply(record, *saved);
  volume.closed = record.sealed;
  deps_.state->FindOpen();
  return absl::OkStatus();
}

// ---- Open and seal.

void VolumeReconciler::OpenOnes(VolumeClass volume_class) {
  absl::StatusOr<Opening> opening = Opening();
  do {
    {
      absl::MutexLock lock(&deps_.state->mu());
      if (!deps_.state->IsWanted(volume_class)) return;
      opening = NextOpening({deps_.state->servers(), deps_.state->volumes(), deps_.state->limits(),
                             planner_.rules().placement, jobs_.all()},
                            volume_class);
    }
    absl::Status opened = opening.status();
    if (opening.ok() && opening->kind == Opening::Kind::kReopen) opened = Save(opening->record);
    if (opening.ok() && opening->kind == Opening::Kind::kNew) opened = AddVolume(opening->record);
    absl::MutexLock lock(&deps_.state->mu());
    deps_.state->SetOutlook(volume_class, opened);
    if (!opened.ok()) return;
  } while (opening->kind != Opening::Kind::kNone);
}

absl::Status VolumeReconciler::AddVolume(VolumeRecord record) {
  const auto added = deps_.book->Add(std::move(record), next_volume_ - 1);
  if (!added.ok()) {
    LOG(ERROR) << "cannot open a volume: " << added.status();
    return added.status();
  }
  next_volume_ = added->first.id + 1;
  absl::MutexLock lock(&deps_.state->mu());
  deps_.state->volumes().Apply(added->first, added->second);
  deps_.state->FindOpen();
  return absl::OkStatus();
}

void VolumeReconciler::SealOnes() {
  std::vector<VolumeRecord> to_seal;
  {
    absl::MutexLock lock(&deps_.state->mu());
    to_seal = VolumesToSeal(deps_.state->volumes(), kSealsMax);
  }
  for (const VolumeRecord& record : to_seal) {
    if (!Save(record).ok()) return;
  }
}

// ---- Sweep.

void VolumeReconciler::SweepOnce(absl::Duration now) {
  std::optional<SweepOrder> order;
  ChunkId young = 0;
  {
    absl::MutexLock lock(&deps_.state->mu());
    order = sweep_.Next(now, deps_.state->servers(), deps_.state->volumes(), jobs_.all(),
                        planner_.rules());
    if (!order.has_value()) return;
    young = deps_.state->numbers().OlderThan(planner_.rules().orphan_age, now);
  }
  deps_.scanner->ScanVolume(
      order->volume, order->holders, young,
      [this, order = *order](absl::StatusOr<VolumeLists> lists) mutable {
        deps_.waker->Post([this, order = std::move(order), lists = std::move(lists)]() mutable {
          OnScanned(order, std::move(lists));
        });
      });
}

void VolumeReconciler::OnScanned(const SweepOrder& order, absl::StatusOr<VolumeLists> lists) {
  sweep_.End();
  const VolumeId id = order.volume;
  if (!lists.ok()) {
    LOG(WARNING) << "cannot look at volume " << id << ": " << lists.status();
    return sweep_.Again(id, deps_.clock->Elapsed(), planner_.rules());
  }
  const VolumeFindings findings = FindFaults(*lists, order.replicas);
  DeleteOrphans(id, findings.orphans);
  for (const auto& piece : findings.to_heal) deps_.healer->Add(id, piece.chunk);
  size_t wanted = 0;
  {
    absl::MutexLock lock(&deps_.state->mu());
    Volume* const volume = deps_.state->volumes().Find(id);
    if (volume == nullptr) return;
    wanted = volume->record.replicas.size();
    if (!volume->IsOpen() && volume->writes_in_flight == 0) {
      uint64_t bytes = 0;
      for (const auto& [chunk, length] : lists->live) bytes += length;
      volume->bytes = bytes;
      volume->chunks = lists->live.size();
    }
  }
  // Whole nowhere that answers; if a replica is away, it may have it.
  LOG_IF(ERROR, !findings.lost.empty() && order.replicas.size() == wanted)
      << findings.lost.size() << " chunks of volume " << id << " are lost";
  ForgetIfEmpty(order, *lists);
  absl::MutexLock lock(&mu_);
  ++report_.volumes_checked;
  report_.orphans_deleted += findings.orphans.size();
}

void VolumeReconciler::DeleteOrphans(VolumeId id,
                                     const std::vector<VolumeFindings::Piece>& orphans) {
  std::map<NodeId, v1::ChunkRequest> batches;
  const auto send = [&](NodeId server, v1::ChunkRequest request) {
    // The next sweep finds chunks that are not deleted now.
    deps_.hub->Ask(server, std::move(request), ServerHub::Priority::kRepair, kDeleteTimeout,
                   [](const auto& /*response*/) {});
  };
  for (const auto& piece : orphans) {
    v1::ChunkRequest& batch = batches[piece.server];
    v1::ChunkKey* const key = batch.mutable_delete_()->add_keys();
    key->set_volume(id);
    key->set_chunk(piece.chunk);
    if (batch.delete_().keys_size() < static_cast<int>(limits::kChunkKeysMax)) continue;
    send(piece.server, std::move(batch));
    batches.erase(piece.server);
  }
  for (auto& [server, batch] : batches) send(server, std::move(batch));
}

void VolumeReconciler::ForgetIfEmpty(const SweepOrder& order, const VolumeLists& lists) {
  store::Revision version = 0;
  {
    absl::MutexLock lock(&deps_.state->mu());
    const Volume* const volume = deps_.state->volumes().Find(order.volume);
    if (!IsForgettable(volume, order.epoch, lists, jobs_.all())) return;
    version = volume->version;
  }
  if (!deps_.book->Remove(order.volume, version).ok()) return;  // The next sweep tries again.
  absl::MutexLock lock(&deps_.state->mu());
  deps_.state->volumes().Forget(order.volume);
  deps_.state->FindOpen();
}

}  // namespace convergia::datamgr
