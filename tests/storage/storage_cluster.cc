#include "tests/storage/storage_cluster.h"

#include <glog/logging.h>

#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "common/base/limits.h"
#include "common/disk/real_disk.h"
#include "common/rpc/auth/credentials.h"

namespace convergia::testing {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(60);
constexpr size_t kWindowBytes = 32 * 1024 * 1024;

// Calls `ask` with a callback and waits for the callback's argument.
template <typename T, typename Ask>
T Await(Ask ask) {
  absl::Notification given;
  T answer = absl::UnknownError("no answer");
  ask([&](T result) {
    answer = std::move(result);
    given.Notify();
  });
  CHECK(given.WaitForNotificationWithTimeout(kPatience)) << "no answer";
  return answer;
}

}  // namespace

void LiveSet::Add(const datamgr::ChunkRef& ref) {
  absl::MutexLock lock(&mu_);
  live_[{ref.volume, ref.chunk}] = ref.bytes;
}

void LiveSet::Remove(const datamgr::ChunkRef& ref) {
  absl::MutexLock lock(&mu_);
  live_.erase({ref.volume, ref.chunk});
}

absl::StatusOr<std::vector<bool>> LiveSet::AreLive(absl::Span<const datamgr::ChunkRef> refs) const {
  absl::MutexLock lock(&mu_);
  std::vector<bool> live;
  for (const datamgr::ChunkRef& ref : refs) live.push_back(live_.contains({ref.volume, ref.chunk}));
  return live;
}

absl::StatusOr<std::vector<datamgr::ChunkRef>> LiveSet::ListLive(uint64_t volume, uint64_t after,
                                                                 int limit) const {
  absl::MutexLock lock(&mu_);
  std::vector<datamgr::ChunkRef> refs;
  for (auto it = live_.upper_bound({volume, after}); it != live_.end(); ++it) {
    if (it->first.first != volume || refs.size() >= static_cast<size_t>(limit)) break;
    refs.push_back({volume, it->first.second, it->second});
  }
  return refs;
}

StorageCluster::StorageCluster(const Options& options) : options_(options) {
  if (options_.disk == nullptr) {
    std::filesystem::remove_all(options_.dir);
    std::filesystem::create_directories(options_.dir);
  }
  entries_.push_back(pki_.PinOf({Role::kDatamgr, "datamgr"}, 1000));
  entries_.push_back(pki_.PinOf({Role::kOperator, "operator"}));
  pins_.Replace(entries_);
  StartDatamgr(++epoch_);
}

StorageCluster::~StorageCluster() {
  for (auto& [id, node] : nodes_) StopServer(id);
  StopDatamgr();
  if (options_.disk == nullptr) std::filesystem::remove_all(options_.dir);
}

std::string StorageCluster::NameOf(NodeId id) { return absl::StrCat("d", id); }
std::string StorageCluster::DirOf(NodeId id) const {
  return absl::StrCat(options_.dir, "/", NameOf(id));
}

void StorageCluster::StartDatamgr(Epoch epoch) {
  datamgr::VolumeLayer::Deps deps;
  deps.store = options_.store != nullptr ? options_.store : &store_;
  deps.live = options_.live != nullptr ? options_.live : &live_;
  deps.pins = &pins_;
  deps.clock = &RealClock::Get();
  datamgr::VolumeLayer::Options options;
  options.epoch = epoch;
  options.rules = options_.rules;
  options.limits = options_.limits;
  options.plan_every = options_.plan_every;
  auto layer = datamgr::VolumeLayer::Create(deps, options);
  CHECK(layer.ok()) << layer.status();
  layer_ = *std::move(layer);
  layer_->Start();
  const auto credentials = rpc::MakeServerCredentials(pki_.FilesOf({Role::kDatamgr, "datamgr"}),
                                                      rpc::CallPolicy::Cluster(), pins_);
  CHECK(credentials.ok()) << credentials.status();
  auto server = rpc::Server::Create({address_, *credentials, layer_->services()});
  CHECK(server.ok()) << server.status();
  server_ = *std::move(server);
  address_ = server_->address();
}

void StorageCluster::StopDatamgr() {
  layer_->Stop();
  server_.reset();
  layer_.reset();
}

void StorageCluster::RestartDatamgr() {
  {
    absl::MutexLock lock(&layer_mu_);
    StopDatamgr();
    epoch_ += 2;  // Leaves one epoch free for an earlier datamgr.
    StartDatamgr(epoch_);
    PushConfiguration();
  }
  for (const auto& [id, node] : nodes_) {
    if (node.link != nullptr) AwaitKnown(id);
  }
}

void StorageCluster::ReplaceDatamgrByEarlier() {
  absl::MutexLock lock(&layer_mu_);
  StopDatamgr();
  StartDatamgr(epoch_ - 1);
  PushConfiguration();
}

uint64_t StorageCluster::StreamsRefused() const {
  uint64_t refused = 0;
  for (const auto& [id, node] : nodes_) {
    if (node.link != nullptr) refused += node.link->streams_refused();
  }
  return refused;
}

void StorageCluster::PushConfiguration() {
  v1::DataServers all;
  for (const auto& [id, node] : nodes_) {
    v1::DataServerInfo* const info = all.add_servers();
    info->set_node_id(id);
    info->set_name(NameOf(id));
    info->mutable_configuration()->set_storage_class(
        node.volume_class == datamgr::VolumeClass::kVolatile ? v1::STORAGE_CLASS_VOLATILE
                                                             : v1::STORAGE_CLASS_NON_VOLATILE);
    info->mutable_configuration()->set_drain(node.drain);
  }
  layer_->SetServers(all);
}

NodeId StorageCluster::AddServer(datamgr::VolumeClass volume_class) {
  const auto id = static_cast<NodeId>(nodes_.size() + 1);
  nodes_[id].volume_class = volume_class;
  entries_.push_back(pki_.PinOf({Role::kDataserver, NameOf(id)}, id));
  pins_.Replace(entries_);
  PushConfiguration();
  StartServer(id);
  return id;
}

void StorageCluster::Configure(NodeId id, datamgr::VolumeClass volume_class, bool drain) {
  nodes_[id].volume_class = volume_class;
  nodes_[id].drain = drain;
  PushConfiguration();
}

void StorageCluster::StartServer(NodeId id) {
  Node& node = nodes_.at(id);
  dataserver::ChunkStore::Options options;
  options.disk = options_.disk != nullptr ? options_.disk : &disk::RealDisk();
  options.clock = &RealClock::Get();
  options.dir = DirOf(id);
  options.owner = {"cluster", NameOf(id)};
  options.capacity_bytes = options_.capacity_bytes;
  options.segment_bytes = options_.segment_bytes;
  auto store = dataserver::ChunkStore::Open(options);
  CHECK(store.ok()) << store.status();
  node.store = *std::move(store);
  node.handler =
      std::make_unique<dataserver::ChunkRequestHandler>(dataserver::ChunkRequestHandler::Options{
          .store = node.store.get(), .threads = 4, .window_bytes = kWindowBytes});
  dataserver::DatamgrLink::Options link;
  link.address = address_;
  link.channel = rpc::MakeChannel(address_, pki_.FilesOf({Role::kDataserver, NameOf(id)}),
                                  {Role::kDatamgr, "datamgr"});
  link.store = node.store.get();
  link.handler = node.handler.get();
  link.clock = &RealClock::Get();
  link.epoch = ++node.epoch;
  link.streams = options_.streams;
  link.report_period = absl::Milliseconds(200);
  link.backoff_first = absl::Milliseconds(20);
  link.backoff_max = absl::Milliseconds(200);
  node.link = std::make_unique<dataserver::DatamgrLink>(link, nullptr);
  node.link->Start();
  AwaitKnown(id);
}

void StorageCluster::AwaitKnown(NodeId id) {
  absl::Mutex& mu = layer_->state().mu();
  absl::MutexLock lock(&mu);
  const auto known = [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
    const datamgr::ServerView* const server = layer_->state().servers().Find(id);
    return server != nullptr && server->connected && server->holdings_known;
  };
  CHECK(mu.AwaitWithTimeout(absl::Condition(&known), kPatience)) << "it did not come";
}

void StorageCluster::StopServer(NodeId id) {
  Node& node = nodes_.at(id);
  if (node.link == nullptr) return;
  node.link->Stop();
  node.handler->Stop();
  node.store->Stop();
  node.link.reset();
  node.handler.reset();
  node.store.reset();
}

void StorageCluster::WipeServer(NodeId id) { std::filesystem::remove_all(DirOf(id)); }

absl::StatusOr<datamgr::ChunkRef> StorageCluster::Write(std::string bytes,
                                                        datamgr::ClassPreference preference) {
  auto ref = Await<absl::StatusOr<datamgr::ChunkRef>>([&](auto done) {
    absl::ReaderMutexLock lock(&layer_mu_);
    layer_->Write(std::move(bytes), preference, std::move(done));
  });
  if (ref.ok()) live_.Add(*ref);
  return ref;
}

absl::StatusOr<std::string> StorageCluster::Read(const datamgr::ChunkRef& ref) {
  return Await<absl::StatusOr<std::string>>([&](auto done) {
    absl::ReaderMutexLock lock(&layer_mu_);
    layer_->Read(ref, 0, ref.bytes, std::move(done));
  });
}

absl::Status StorageCluster::Release(const datamgr::ChunkRef& ref) {
  live_.Remove(ref);
  return Await<absl::Status>([&](auto done) {
    absl::ReaderMutexLock lock(&layer_mu_);
    layer_->Release({ref}, std::move(done));
  });
}

int StorageCluster::CopiesOf(const datamgr::ChunkRef& ref) {
  int copies = 0;
  for (const auto& [id, node] : nodes_) {
    if (node.store != nullptr && node.store->Verify({ref.volume, ref.chunk}).ok()) ++copies;
  }
  return copies;
}

std::shared_ptr<grpc::Channel> StorageCluster::ChannelAs(const identity::NodeIdentity& who) {
  return rpc::MakeChannel(address_, pki_.FilesOf(who), {Role::kDatamgr, "datamgr"});
}

int StorageCluster::WantedOf(const datamgr::ChunkRef& ref) {
  const auto places = Await<absl::StatusOr<std::vector<datamgr::VolumePlaces>>>(
      [&](auto done) { layer_->Describe({ref.volume}, std::move(done)); });
  CHECK(places.ok()) << places.status();
  return static_cast<int>(places->front().copies_wanted);
}

}  // namespace convergia::testing
