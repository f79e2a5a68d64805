#include "datamgr/repair/volume_reconciler.h"

#include <glog/logging.h>

#include <algorithm>
#include <utility>

#include "common/base/status_macros.h"
#include "datamgr/repair/plan/repair_policy.h"

namespace convergia::datamgr {
namespace {

ServerSpace SpaceOf(const v1::DataServerReport& report) {
  return {report.capacity_bytes(), report.used_bytes(), report.live_bytes(), report.free_bytes(),
          report.read_only()};
}

}  // namespace

VolumeReconciler::VolumeReconciler(const Deps& deps, const Options& options)
    : deps_(deps),
      planner_(options.rules),
      ticker_(options.plan_every),
      next_volume_(options.last_volume + 1),
      rules_(options.rules) {}

void VolumeReconciler::Round(absl::Duration now) {
  deps_.hub->Expire();
  TakeEvents(now);
  const VolumeTicker::Due due = ticker_.Next(now, planner_.rules().orphan_age);
  if (due.mark) {
    absl::MutexLock lock(&deps_.state->mu());
    deps_.state->numbers().Mark(now);
  }
  if (due.plan) {
    rates_.Measure(now, deps_.hub->client_bytes(), deps_.runner->bytes_copied());
    FetchMissingHoldings(now);
    jobs_.EndCooled(now);
    PlanOnce(now);
    SweepOnce(now);
  }
  OpenOnes(VolumeClass::kVolatile);
  OpenOnes(VolumeClass::kNonVolatile);
  SealOnes();
  deps_.writer->Tick();
}

// ---- Data servers.

void VolumeReconciler::TakeEvents(absl::Duration now) {
  for (const ServerHub::Event& event : deps_.hub->TakeEvents()) {
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
      case ServerHub::EventKind::kSlow:
        watch_.OnSlow(event.server, now);
        SetSlow(event.server, true);
        break;
      case ServerHub::EventKind::kCaughtUp:
        watch_.OnCaughtUp(event.server);
        SetSlow(event.server, false);
        break;
    }
  }
  for (const NodeId id : watch_.TakeForgiven(now, planner_.rules().slow_pause)) SetSlow(id, false);
}

void VolumeReconciler::SetSlow(NodeId id, bool slow) {
  absl::MutexLock lock(&deps_.state->mu());
  deps_.state->servers().OnSlow(id, slow);
}

void VolumeReconciler::OnUp(const ServerHub::Event& event) {
  bool is_another = false;
  {
    absl::MutexLock lock(&deps_.state->mu());
    is_another = deps_.state->servers().OnConnected(event.server, event.name, event.store_id,
                                                    SpaceOf(event.report), deps_.clock->Elapsed());
  }
  LOG(INFO) << "the data server " << event.name << " is here"
            << (is_another ? ", with another store than before: its copies are gone" : "");
  watch_.OnUp(event.server);
  SaveServer(event.server);
  PushSettings(event.server);
  watch_.OnHoldingsAsked(event.server, deps_.clock->Elapsed());
  FetchHoldings(event.server);
  OnReport(event);
}

void VolumeReconciler::FetchMissingHoldings(absl::Duration now) {
  std::vector<NodeId> unlisted;
  {
    absl::MutexLock lock(&deps_.state->mu());
    unlisted = watch_.TakeUnlisted(deps_.state->servers(), now);
  }
  for (const NodeId id : unlisted) FetchHoldings(id);
}

void VolumeReconciler::FetchHoldings(NodeId id) {
  std::string store;
  {
    absl::MutexLock lock(&deps_.state->mu());
    const ServerView* const server = deps_.state->servers().Find(id);
    if (server == nullptr) return;
    store = server->store;
  }
  deps_.scanner->ListHoldings(
      id, [this, id, store](absl::StatusOr<std::map<VolumeId, Holding>> holdings) {
        if (!holdings.ok()) return;  // FetchMissingHoldings() asks again.
        deps_.waker->Post([this, id, store, holdings = *std::move(holdings)]() mutable {
          OnHoldings(id, store, std::move(holdings));
        });
      });
}

void VolumeReconciler::OnHoldings(NodeId id, const std::string& store,
                                  std::map<VolumeId, Holding> holdings) {
  absl::MutexLock lock(&deps_.state->mu());
  const ServerView* const server = deps_.state->servers().Find(id);
  if (server == nullptr || !server->connected || server->store != store) return;
  for (const auto& [volume_id, holding] : holdings) {
    Volume* const volume = deps_.state->volumes().Find(volume_id);
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
  deps_.state->servers().SetHoldings(id, std::move(holdings));
}

void VolumeReconciler::OnReport(const ServerHub::Event& event) {
  {
    absl::MutexLock lock(&deps_.state->mu());
    deps_.state->servers().OnReport(event.server, SpaceOf(event.report));
  }
  const ServerWatch::Asked asked = watch_.OnReport(event.server, event.report);
  if (asked.push_settings) PushSettings(event.server);
  if (!asked.list_damaged) return;
  deps_.scanner->ListDamagedChunks(event.server, [this](const auto& found) {
    if (!found.ok()) return;
    for (const auto& [volume, chunk] : *found) deps_.healer->Add(volume, chunk);
  });
}

void VolumeReconciler::OnDown(const ServerHub::Event& event) {
  {
    absl::MutexLock lock(&deps_.state->mu());
    deps_.state->servers().OnDisconnected(event.server, deps_.clock->Elapsed(),
                                          absl::ToUnixMillis(deps_.clock->Now()));
    LOG(WARNING) << "no stream to the data server "
                 << deps_.state->servers().Describe(event.server);
  }
  watch_.OnDown(event.server);
  SaveServer(event.server);
}

void VolumeReconciler::SetServers(std::vector<ServerConfig> configs) {
  deps_.waker->Post([this, configs = std::move(configs)] { Configure(configs); });
}

void VolumeReconciler::Configure(const std::vector<ServerConfig>& configs) {
  std::vector<NodeId> changed;
  {
    absl::MutexLock lock(&deps_.state->mu());
    changed = deps_.state->servers().Configure(configs, deps_.clock->Elapsed());
  }
  for (const NodeId id : changed) {
    SaveServer(id);
    PushSettings(id);
  }
  ticker_.PlanSoon();
}

void VolumeReconciler::PushSettings(NodeId id) {
  ServerConfig config;
  {
    absl::MutexLock lock(&deps_.state->mu());
    const ServerView* const server = deps_.state->servers().Find(id);
    if (server == nullptr || !server->configured) return;
    config = server->config;
  }
  deps_.hub->SetSettings(id, SettingsOf(config, watch_.IsScrubbing(id)));
}

void VolumeReconciler::SaveServer(NodeId id) {
  ServerView view;
  {
    absl::MutexLock lock(&deps_.state->mu());
    const ServerView* const server = deps_.state->servers().Find(id);
    if (server == nullptr) return;
    view.config = server->config;
    view.configured = server->configured;
    view.store = server->store;
    view.last_seen_ms = server->last_seen_ms;
  }
  const absl::Status saved =
      view.configured ? deps_.book->PutServer(view) : deps_.book->RemoveServer(id);
  // It only matters while mgmt is away at the next start; the next change tries again.
  if (!saved.ok()) LOG(WARNING) << "cannot remember the data server " << id << ": " << saved;
}

// ---- Operators.

void VolumeReconciler::SetBoost(bool boosted) {
  deps_.waker->Post([this, boosted] {
    planner_.SetBoost(boosted);
    ticker_.PlanSoon();
  });
}

void VolumeReconciler::ReleaseBrake() {
  deps_.waker->Post([this] {
    {
      absl::MutexLock lock(&deps_.state->mu());
      planner_.ReleaseBrake(deps_.state->servers());
    }
    ticker_.PlanSoon();
  });
}

void VolumeReconciler::ScrubNow(NodeId server) {
  deps_.waker->Post([this, server] { Scrub(server); });
}

void VolumeReconciler::Scrub(NodeId server) {
  std::vector<NodeId> asked;
  {
    absl::MutexLock lock(&deps_.state->mu());
    for (const auto& [id, view] : deps_.state->servers().servers()) {
      if (view.connected && (server == 0 || server == id)) asked.push_back(id);
    }
  }
  for (const NodeId id : asked) {
    watch_.BeginScrub(id);
    PushSettings(id);
  }
}

void VolumeReconciler::SweepNow() {
  deps_.waker->Post([this] { sweep_.Clear(); });
}

void VolumeReconciler::SetPolicy(const v1::RepairPolicy& policy, PolicyDone done) {
  deps_.waker->Post(
      [this, policy, done = std::move(done)]() mutable { done(ChangePolicy(policy)); });
}

absl::StatusOr<v1::RepairPolicy> VolumeReconciler::ChangePolicy(const v1::RepairPolicy& change) {
  RepairRules rules = planner_.rules();
  CVG_RETURN_IF_ERROR(ApplyPolicy(change, &rules));
  CVG_ASSIGN_OR_RETURN(v1::RepairPolicy changed, deps_.book->ReadPolicy());
  changed.MergeFrom(change);
  CVG_RETURN_IF_ERROR(deps_.book->PutPolicy(changed));
  planner_.SetRules(rules);
  ticker_.PlanSoon();
  absl::MutexLock lock(&mu_);
  rules_ = rules;
  return PolicyOf(rules);
}

RepairRules VolumeReconciler::rules() const {
  absl::MutexLock lock(&mu_);
  return rules_;
}

RepairReport VolumeReconciler::Report() const {
  absl::MutexLock lock(&mu_);
  return report_;
}

}  // namespace convergia::datamgr
