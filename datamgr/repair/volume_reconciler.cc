#include "datamgr/repair/volume_reconciler.h"

#include <glog/logging.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/status_macros.h"
#include "datamgr/repair/repair_policy.h"

namespace convergia::datamgr {
namespace {

constexpr absl::Duration kRoundEvery = absl::Milliseconds(200);
// Then a slow server gets another chance; one that has caught up gets it at once.
constexpr absl::Duration kSlowFor = absl::Seconds(15);
constexpr absl::Duration kHoldingsAgain = absl::Seconds(30);  // Longer than one answer may take.
constexpr absl::Duration kCoolingFor = absl::Seconds(30);
constexpr uint64_t kScrubNowRate = uint64_t{1} << 30;  // As fast as any disk.

ServerSpace SpaceOf(const v1::DataServerReport& report) {
  return {report.capacity_bytes(), report.used_bytes(), report.live_bytes(), report.free_bytes(),
          report.read_only()};
}

}  // namespace

VolumeReconciler::VolumeReconciler(Options options)
    : options_(std::move(options)),
      planner_(options_.rules),
      next_volume_(options_.last_volume + 1),
      rules_(options_.rules),
      actor_({&executor_, options_.clock}, {.turn =
                                                [this](absl::Duration, bool is_last) {
                                                  if (!is_last) Round();
                                                  return kRoundEvery;
                                                },
                                            .drops_events_at_stop = true}) {}

void VolumeReconciler::Round() {
  const absl::Duration now = options_.clock->Elapsed();
  options_.hub->Expire();
  TakeEvents();
  if (now - marked_at_ >= std::min(absl::Minutes(1), planner_.rules().orphan_age / 2)) {
    marked_at_ = now;
    absl::MutexLock lock(&options_.state->mu());
    options_.state->numbers().Mark(now);
  }
  if (now - planned_at_ >= options_.plan_every) {
    planned_at_ = now;
    MeasureRates(now);
    FetchMissingHoldings(now);
    for (auto it = cooling_.begin(); it != cooling_.end();) {
      if (now < it->second) {
        ++it;
        continue;
      }
      running_.erase(it->first);
      it = cooling_.erase(it);
    }
    PlanOnce(now);
    SweepOnce(now);
  }
  OpenOnes(VolumeClass::kVolatile);
  OpenOnes(VolumeClass::kNonVolatile);
  SealOnes();
  options_.writer->Tick();
}

// ---- Data servers.

void VolumeReconciler::TakeEvents() {
  const absl::Duration now = options_.clock->Elapsed();
  for (const ServerHub::Event& event : options_.hub->TakeEvents()) {
    switch (event.kind) {
      case ServerHub::EventKind::kUp:
        OnUp(event);
        break;
      case ServerHub::EventKind::kReport:
        OnReport(event);
        break;
      case ServerHub::EventKind::kDown:
        OnDown(event);
        break;
      case ServerHub::EventKind::kSlow: {
        slow_since_[event.server] = now;
        absl::MutexLock lock(&options_.state->mu());
        options_.state->servers().OnSlow(event.server, true);
        break;
      }
      case ServerHub::EventKind::kCaughtUp: {
        slow_since_.erase(event.server);
        absl::MutexLock lock(&options_.state->mu());
        options_.state->servers().OnSlow(event.server, false);
        break;
      }
    }
  }
  for (auto it = slow_since_.begin(); it != slow_since_.end();) {
    if (now - it->second < kSlowFor) {
      ++it;
      continue;
    }
    absl::MutexLock lock(&options_.state->mu());
    options_.state->servers().OnSlow(it->first, false);
    it = slow_since_.erase(it);
  }
}

void VolumeReconciler::OnUp(const ServerHub::Event& event) {
  bool is_another = false;
  {
    absl::MutexLock lock(&options_.state->mu());
    is_another = options_.state->servers().OnConnected(
        event.server, event.name, event.store_id, SpaceOf(event.report), options_.clock->Elapsed());
  }
  LOG(INFO) << "the data server " << event.name << " is here"
            << (is_another ? ", with another store than before: its copies are gone" : "");
  slow_since_.erase(event.server);
  damage_seen_.erase(event.server);
  SaveServer(event.server);
  PushSettings(event.server);
  FetchHoldings(event.server, event.store_id);
  OnReport(event);
}

void VolumeReconciler::FetchMissingHoldings(absl::Duration now) {
  std::map<NodeId, std::string> missing;
  {
    absl::MutexLock lock(&options_.state->mu());
    for (const auto& [id, server] : options_.state->servers().servers()) {
      const bool is_due = now - holdings_asked_at_[id] > kHoldingsAgain;
      if (server.connected && !server.holdings_known && is_due) missing[id] = server.store;
    }
  }
  for (const auto& [id, store] : missing) FetchHoldings(id, store);
}

void VolumeReconciler::FetchHoldings(NodeId id, const std::string& store) {
  holdings_asked_at_[id] = options_.clock->Elapsed();
  ListHoldings(options_.hub, id,
               [this, id, store](absl::StatusOr<std::map<VolumeId, Holding>> holdings) {
                 if (!holdings.ok()) return;  // FetchMissingHoldings() asks again.
                 Post([this, id, store, holdings = *std::move(holdings)]() mutable {
                   OnHoldings(id, store, std::move(holdings));
                 });
               });
}

void VolumeReconciler::OnHoldings(NodeId id, const std::string& store,
                                  std::map<VolumeId, Holding> holdings) {
  absl::MutexLock lock(&options_.state->mu());
  const ServerView* const server = options_.state->servers().Find(id);
  if (server == nullptr || !server->connected || server->store != store) return;
  for (const auto& [volume_id, holding] : holdings) {
    Volume* const volume = options_.state->volumes().Find(volume_id);
    if (volume == nullptr || !volume->HasReplicaOn(id)) continue;
    volume->bytes = std::max(volume->bytes, holding.bytes);
    volume->chunks = std::max(volume->chunks, holding.chunks);
  }
  if (!holdings.empty() && holdings.rbegin()->first >= next_volume_) {
    LOG(ERROR) << "the data server " << server->config.name << " has volume "
               << holdings.rbegin()->first << ", which this datamgr has not made yet: is its store "
               << "an old backup? Such volumes are left alone";
    future_volume_ = std::min(future_volume_, next_volume_);
    next_volume_ = holdings.rbegin()->first + 1;  // No number twice.
  }
  options_.state->servers().SetHoldings(id, std::move(holdings));
}

void VolumeReconciler::OnReport(const ServerHub::Event& event) {
  const NodeId id = event.server;
  {
    absl::MutexLock lock(&options_.state->mu());
    options_.state->servers().OnReport(id, SpaceOf(event.report));
  }
  scrub_rounds_[id] = event.report.scrub().rounds();
  const auto scrub = scrubs_.find(id);
  // A whole round, and the one that was under way before it.
  if (scrub != scrubs_.end() && scrub_rounds_[id] >= scrub->second.rounds + 2) {
    scrubs_.erase(scrub);
    PushSettings(id);
  }
  uint64_t& seen = damage_seen_[id];
  if (event.report.damaged_chunks() == 0 || event.report.damage_found() + 1 == seen) return;
  seen = event.report.damage_found() + 1;
  ListDamagedChunks(options_.hub, id, [this](const auto& found) {
    if (!found.ok()) return;
    for (const auto& [volume, chunk] : *found) options_.healer->Add(volume, chunk);
  });
}

void VolumeReconciler::OnDown(const ServerHub::Event& event) {
  {
    absl::MutexLock lock(&options_.state->mu());
    options_.state->servers().OnDisconnected(event.server, options_.clock->Elapsed(),
                                             absl::ToUnixMillis(options_.clock->Now()));
    LOG(WARNING) << "no stream to the data server "
                 << options_.state->servers().Describe(event.server);
  }
  slow_since_.erase(event.server);
  SaveServer(event.server);
}

void VolumeReconciler::SetServers(std::vector<ServerConfig> configs) {
  Post([this, configs = std::move(configs)] { Configure(configs); });
}

void VolumeReconciler::Configure(const std::vector<ServerConfig>& configs) {
  std::vector<NodeId> changed;
  {
    absl::MutexLock lock(&options_.state->mu());
    changed = options_.state->servers().Configure(configs, options_.clock->Elapsed());
  }
  for (const NodeId id : changed) {
    SaveServer(id);
    PushSettings(id);
  }
  planned_at_ = -absl::InfiniteDuration();
}

void VolumeReconciler::PushSettings(NodeId id) {
  v1::DataServerSettings settings;
  {
    absl::MutexLock lock(&options_.state->mu());
    const ServerView* const server = options_.state->servers().Find(id);
    if (server == nullptr || !server->configured) return;
    settings.set_storage_class(server->config.volume_class == VolumeClass::kVolatile
                                   ? v1::STORAGE_CLASS_VOLATILE
                                   : v1::STORAGE_CLASS_NON_VOLATILE);
    if (server->config.capacity_bytes > 0) {
      settings.set_capacity_bytes(server->config.capacity_bytes);
    }
  }
  if (scrubs_.contains(id)) settings.set_scrub_bytes_per_second(kScrubNowRate);
  options_.hub->SetSettings(id, settings);
}

void VolumeReconciler::SaveServer(NodeId id) {
  ServerView view;
  {
    absl::MutexLock lock(&options_.state->mu());
    const ServerView* const server = options_.state->servers().Find(id);
    if (server == nullptr) return;
    view.config = server->config;
    view.configured = server->configured;
    view.store = server->store;
    view.last_seen_ms = server->last_seen_ms;
  }
  const absl::Status saved =
      view.configured ? options_.book->PutServer(view) : options_.book->RemoveServer(id);
  // It only matters while mgmt is away at the next start; the next change tries again.
  if (!saved.ok()) LOG(WARNING) << "cannot remember the data server " << id << ": " << saved;
}

// ---- Repair.

void VolumeReconciler::MeasureRates(absl::Duration now) {
  const double seconds = absl::ToDoubleSeconds(now - measured_at_);
  if (seconds <= 0) return;
  measured_at_ = now;
  const uint64_t clients = options_.hub->client_bytes();
  const uint64_t repair = options_.runner->bytes_copied();
  client_rate_ = static_cast<double>(clients - client_bytes_) / seconds;
  const double part = std::min(1.0, seconds / 30);
  repair_rate_ += part * (static_cast<double>(repair - repair_bytes_) / seconds - repair_rate_);
  client_bytes_ = clients;
  repair_bytes_ = repair;
}

void VolumeReconciler::PlanOnce(absl::Duration now) {
  const bool quiet = client_rate_ < options_.quiet_bytes_per_second;
  options_.runner->SetDepth(quiet || planner_.boosted() ? 4 : 1);
  RepairPlanner::Plan plan;
  std::vector<VolumeRecord> reclassed;
  {
    absl::MutexLock lock(&options_.state->mu());
    VolumeTable& volumes = options_.state->volumes();
    plan = planner_.Next(now, options_.state->servers(), volumes, running_, quiet,
                         std::min(next_volume_, future_volume_));
    for (const VolumeId id : plan.seal) volumes.Find(id)->closed = true;
    for (const VolumeId id : plan.make_volatile) {
      if (running_.contains(id) || volumes.Find(id)->writes_in_flight > 0) continue;
      reclassed.push_back(volumes.Find(id)->record);
    }
    if (!plan.seal.empty()) options_.state->FindOpen();
  }
  for (VolumeRecord& record : reclassed) {
    record.volume_class = VolumeClass::kVolatile;
    record.sealed = true;
    ++record.epoch;
    Save(record).IgnoreError();  // Logged there; the next plan says it again.
  }
  for (const VolumeId id : plan.cease) options_.runner->Cease(id);
  for (const Job& job : plan.start) Begin(job);
  const std::vector<JobProgress> jobs = options_.runner->Progress();
  absl::MutexLock lock(&mu_);
  report_.debt = plan.debt;
  report_.boosted = planner_.boosted();
  report_.repair_bytes_per_second = repair_rate_;
  report_.bytes_copied = repair_bytes_;
  report_.jobs = jobs;
  report_.healing = options_.healer->counts();
  uint64_t left = plan.debt.missing_bytes + plan.debt.moving_bytes;
  for (const JobProgress& job : jobs) left -= std::min(left, job.bytes_done);
  report_.eta.reset();
  if (left == 0) report_.eta = absl::ZeroDuration();
  if (left > 0 && repair_rate_ > 1 && !plan.debt.brake) {
    report_.eta = absl::Seconds(static_cast<double>(left) / repair_rate_);
  }
}

void VolumeReconciler::Begin(const Job& job) {
  JobOrder order;
  order.job = job;
  {
    absl::MutexLock lock(&options_.state->mu());
    ServerTable& servers = options_.state->servers();
    if (const Volume* const volume = options_.state->volumes().Find(job.volume)) {
      for (const Replica& replica : volume->record.replicas) {
        if (servers.IsLive(replica)) order.replicas.push_back(replica.server);
      }
    }
    if (job.source != 0) order.sources.push_back(job.source);
    for (const NodeId replica : order.replicas) {
      if (replica != job.source && replica != job.target) order.sources.push_back(replica);
    }
    for (const auto& [id, server] : servers.servers()) {
      const bool known =
          id == job.target || std::count(order.sources.begin(), order.sources.end(), id) > 0;
      if (!known && server.connected && server.holdings.contains(job.volume)) {
        order.sources.push_back(id);
      }
    }
    order.young =
        options_.state->numbers().OlderThan(planner_.rules().orphan_age, options_.clock->Elapsed());
    if (job.IsCopy()) servers.AddHolding(job.target, job.volume, 0, 0);
  }
  running_[job.volume] = job;
  options_.runner->Run(std::move(order));
}

void VolumeReconciler::OnJobEnd(JobEnd end) {
  Post([this, end = std::move(end)] { EndJob(end); });
}

void VolumeReconciler::EndJob(const JobEnd& end) {
  const Job& job = end.job;
  const bool is_unclear = !job.IsCopy() && !end.status.ok() &&
                          !absl::IsFailedPrecondition(end.status) && !absl::IsCancelled(end.status);
  if (is_unclear) {
    cooling_[job.volume] = options_.clock->Elapsed() + kCoolingFor;
  } else {
    running_.erase(job.volume);
  }
  std::optional<VolumeRecord> record;
  std::string target_name;
  {
    absl::MutexLock lock(&options_.state->mu());
    ServerTable& servers = options_.state->servers();
    const ServerView* const target = servers.Find(job.target);
    target_name = servers.Describe(job.target);
    const Volume* const volume = options_.state->volumes().Find(job.volume);
    if (end.status.ok() && !job.IsCopy()) servers.DropHolding(job.target, job.volume);
    if (end.status.ok() && job.IsCopy() && target != nullptr && target->connected) {
      servers.DropHolding(job.target, job.volume);
      servers.AddHolding(job.target, job.volume, end.chunks, end.bytes);
      if (volume != nullptr && !volume->IsOpen()) {
        record = planner_.RecordAfter(*volume, job, {job.target, target->store}, servers,
                                      options_.clock->Elapsed());
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
    absl::MutexLock lock(&options_.state->mu());
    const Volume* const volume = options_.state->volumes().Find(record.id);
    if (volume == nullptr) return absl::NotFoundError("no such volume");
    version = volume->version;
  }
  const auto saved = options_.book->Replace(record, version);
  if (!saved.ok()) {
    LOG(ERROR) << "cannot save volume " << record.id << ": " << saved.status();
    return saved.status();
  }
  absl::MutexLock lock(&options_.state->mu());
  Volume& volume = options_.state->volumes().Apply(record, *saved);
  volume.closed = record.sealed;
  options_.state->FindOpen();
  return absl::OkStatus();
}

// ---- Operators.

void VolumeReconciler::SetBoost(bool boosted) {
  Post([this, boosted] {
    planner_.SetBoost(boosted);
    planned_at_ = -absl::InfiniteDuration();
  });
}

void VolumeReconciler::ReleaseBrake() {
  Post([this] {
    {
      absl::MutexLock lock(&options_.state->mu());
      planner_.ReleaseBrake(options_.state->servers());
    }
    planned_at_ = -absl::InfiniteDuration();
  });
}

void VolumeReconciler::ScrubNow(NodeId server) {
  Post([this, server] {
    std::vector<NodeId> asked;
    {
      absl::MutexLock lock(&options_.state->mu());
      for (const auto& [id, view] : options_.state->servers().servers()) {
        if (view.connected && (server == 0 || server == id)) asked.push_back(id);
      }
    }
    for (const NodeId id : asked) {
      scrubs_[id].rounds = scrub_rounds_[id];
      PushSettings(id);
    }
  });
}

void VolumeReconciler::SweepNow() {
  Post([this] { swept_at_.clear(); });
}

void VolumeReconciler::SetPolicy(const v1::RepairPolicy& policy, PolicyDone done) {
  Post([this, policy, done = std::move(done)]() mutable { done(ChangePolicy(policy)); });
}

absl::StatusOr<v1::RepairPolicy> VolumeReconciler::ChangePolicy(const v1::RepairPolicy& change) {
  RepairRules rules = planner_.rules();
  CVG_RETURN_IF_ERROR(ApplyPolicy(change, &rules));
  CVG_ASSIGN_OR_RETURN(v1::RepairPolicy changed, options_.book->ReadPolicy());
  changed.MergeFrom(change);
  CVG_RETURN_IF_ERROR(options_.book->PutPolicy(changed));
  planner_.SetRules(rules);
  planned_at_ = -absl::InfiniteDuration();
  absl::MutexLock lock(&mu_);
  rules_ = rules;
  return PolicyOf(rules);
}

RepairRules VolumeReconciler::rules() const {
  absl::MutexLock lock(&mu_);
  return rules_;
}

KeeperReport VolumeReconciler::Report() const {
  absl::MutexLock lock(&mu_);
  return report_;
}

}  // namespace convergia::datamgr
