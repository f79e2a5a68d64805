#include "datamgr/volumes/volume_layer.h"

#include <map>
#include <utility>

#include "common/base/fail.h"
#include "common/base/status_macros.h"
#include "datamgr/repair/plan/repair_policy.h"
#include "datamgr/services/data_admin_service.h"

namespace convergia::datamgr {
namespace {

constexpr int kWorkThreads = 2;
constexpr size_t kWorkWaitingMax = 1'000;
constexpr int kBulkThreads = 2;
constexpr size_t kBulkWaitingMax = 10'000;
constexpr absl::Duration kReleaseTimeout = absl::Seconds(10);

ServerConfig ConfigOf(const v1::DataServerInfo& info) {
  const v1::NodeConfiguration& from = info.configuration();
  ServerConfig config;
  config.id = info.node_id();
  config.name = info.name();
  config.volume_class = from.storage_class() == v1::STORAGE_CLASS_NON_VOLATILE
                            ? VolumeClass::kNonVolatile
                            : VolumeClass::kVolatile;
  config.capacity_bytes = from.capacity_bytes();
  for (const v1::Label& label : from.labels()) {
    config.labels.emplace_back(label.key(), label.value());
  }
  config.drain = from.drain();
  return config;
}

}  // namespace

absl::StatusOr<std::unique_ptr<VolumeLayer>> VolumeLayer::Create(const Deps& deps,
                                                                 const Options& options) {
  VolumeBook book(deps.store);
  CVG_ASSIGN_OR_RETURN(const VolumeBook::Contents contents, book.Open(deps.clock->Now()));
  CVG_ASSIGN_OR_RETURN(const v1::RepairPolicy policy, book.ReadPolicy());
  Options with_policy = options;
  CVG_RETURN_IF_ERROR(ApplyPolicy(policy, &with_policy.rules));
  return std::unique_ptr<VolumeLayer>(new VolumeLayer(deps, with_policy, book, contents));
}

// Callbacks use members only after Start(), when all members exist.
VolumeLayer::VolumeLayer(const Deps& deps, const Options& options, const VolumeBook& book,
                         const VolumeBook::Contents& contents)
    : deps_(deps),
      options_(options),
      book_(book),
      state_(options.limits, contents.start),
      work_(kWorkThreads, kWorkWaitingMax),
      bulk_(kBulkThreads, kBulkWaitingMax),
      waker_(
          {.clock = deps.clock, .round = [this](absl::Duration now) { reconciler_->Round(now); }}) {
  const auto wake = [this] { waker_.Wake(); };
  const auto report_bad = [this](VolumeId volume, ChunkId chunk) { healer_->Add(volume, chunk); };
  const auto young = [this] {
    absl::MutexLock lock(&state_.mu());
    return state_.numbers().OlderThan(options_.rules.orphan_age, deps_.clock->Elapsed());
  };
  hub_ = std::make_unique<ServerHub>(
      ServerHub::Deps{.pins = deps.pins, .clock = deps.clock, .wake = wake},
      ServerHub::Options{.epoch = options.epoch});
  scanner_ = std::make_unique<VolumeScanner>(
      VolumeScanner::Deps{.hub = hub_.get(), .live = deps.live, .work = &work_});
  writer_ = std::make_unique<ReplicaWriter>(
      ReplicaWriter::Deps{.state = &state_, .hub = hub_.get(), .clock = deps.clock, .wake = wake});
  reader_ = std::make_unique<ReplicaReader>(
      ReplicaReader::Deps{.state = &state_, .hub = hub_.get(), .report_bad = report_bad});
  healer_ = std::make_unique<ChunkHealer>(ChunkHealer::Deps{
      .hub = hub_.get(), .live = deps.live, .work = &work_, .state = &state_, .young = young});
  runner_ = std::make_unique<JobRunner>(
      JobRunner::Deps{.hub = hub_.get(),
                      .scanner = scanner_.get(),
                      .on_end = [this](JobEnd end) { reconciler_->OnJobEnd(std::move(end)); },
                      .report_bad = report_bad});
  reconciler_ = std::make_unique<VolumeReconciler>(
      VolumeReconciler::Deps{.waker = &waker_,
                             .book = &book_,
                             .state = &state_,
                             .hub = hub_.get(),
                             .writer = writer_.get(),
                             .runner = runner_.get(),
                             .healer = healer_.get(),
                             .scanner = scanner_.get(),
                             .clock = deps.clock},
      VolumeReconciler::Options{.rules = options.rules,
                                .plan_every = options.plan_every,
                                .last_volume = contents.last_volume});
  admin_ = std::make_unique<DataAdminService>(
      DataAdminService::Deps{&state_, reconciler_.get(), deps.clock});
  Fill(contents);
}

void VolumeLayer::Fill(const VolumeBook::Contents& contents) {
  const absl::Duration now = deps_.clock->Elapsed();
  absl::MutexLock lock(&state_.mu());
  for (const auto& server : contents.servers) {
    state_.servers().Restore(server.config, server.store_id, server.last_seen_ms, now);
  }
  for (const auto& [record, version] : contents.volumes) state_.volumes().Apply(record, version);
  state_.FindOpen();
}

VolumeLayer::~VolumeLayer() { Stop(); }

std::vector<grpc::Service*> VolumeLayer::services() { return {hub_.get(), admin_.get()}; }

void VolumeLayer::Start() { waker_.Start(); }

void VolumeLayer::Stop() {
  waker_.Stop();
  writer_->Stop();
  hub_->Stop();
  work_.Stop();
  bulk_.Stop();
}

void VolumeLayer::SetServers(const v1::DataServers& servers) {
  std::vector<ServerConfig> configs;
  for (const v1::DataServerInfo& info : servers.servers()) configs.push_back(ConfigOf(info));
  reconciler_->SetServers(std::move(configs));
}

void VolumeLayer::Write(std::string bytes, ClassPreference preference, WriteDone done) {
  writer_->Write(std::move(bytes), preference, std::move(done));
}

void VolumeLayer::Read(const ChunkRef& ref, uint32_t offset, uint32_t length, ReadDone done) {
  reader_->Read(ref, offset, length, std::move(done));
}

void VolumeLayer::Release(std::vector<ChunkRef> refs, ReleaseDone done) {
  // A server that is away or does not answer keeps its copies. The sweep finds them as orphans.
  std::map<NodeId, v1::ChunkRequest> batches;
  {
    absl::MutexLock lock(&state_.mu());
    for (const ChunkRef& ref : refs) {
      const Volume* const volume = state_.volumes().Find(ref.volume);
      if (volume == nullptr) continue;
      for (const Replica& replica : volume->record.replicas) {
        if (!state_.servers().IsLive(replica)) continue;
        v1::ChunkKey* const key = batches[replica.server].mutable_delete_()->add_keys();
        key->set_volume(ref.volume);
        key->set_chunk(ref.chunk);
      }
    }
  }
  if (batches.empty()) return done(absl::OkStatus());
  struct Waiting {
    std::atomic<size_t> unanswered = 0;
    ReleaseDone done;
  };
  auto waiting = std::make_shared<Waiting>();
  waiting->unanswered = batches.size();
  waiting->done = std::move(done);
  for (auto& [server, request] : batches) {
    hub_->Ask(server, std::move(request), ServerHub::Priority::kClient, kReleaseTimeout,
              [waiting](const auto& /*response*/) {
                if (--waiting->unanswered == 0) waiting->done(absl::OkStatus());
              });
  }
}

void VolumeLayer::Describe(std::vector<uint64_t> volumes, DescribeDone done) {
  std::vector<VolumePlaces> places;
  places.reserve(volumes.size());
  for (const uint64_t volume : volumes) {
    places.push_back(state_.Describe(volume, reconciler_->rules().placement.copies_volatile));
  }
  done(std::move(places));
}

}  // namespace convergia::datamgr
