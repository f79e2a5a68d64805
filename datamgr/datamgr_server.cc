#include "datamgr/datamgr_server.h"

#include <glog/logging.h>

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include "common/base/fail.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/node/program/reachable_address.h"
#include "common/rpc/auth/call_policy.h"
#include "common/rpc/auth/credentials.h"
#include "common/store/start_counter.h"

namespace convergia::datamgr {
namespace {

constexpr absl::string_view kStartKey = "counter/start";
// Time to finish requests if data servers answer. It is far shorter than the time after which
// service supervisors kill a process.
constexpr absl::Duration kDrainMax = absl::Seconds(5);
constexpr absl::Duration kFarewellMax = absl::Seconds(2);

}  // namespace

absl::StatusOr<std::unique_ptr<DatamgrServer>> DatamgrServer::Create(
    const DatamgrSettings& settings, ExpelledCallback on_expelled, FencedCallback on_fenced) {
  CVG_ASSIGN_OR_RETURN(std::unique_ptr<node::NodeAgent> agent,
                       node::NodeAgent::Create({.role = Role::kDatamgr,
                                                .name = settings.name,
                                                .dir = settings.dir,
                                                .mgmt_addresses = settings.mgmt_addresses,
                                                .join_token_file = settings.join_token_file,
                                                .version = kVersion}));
  return std::unique_ptr<DatamgrServer>(
      new DatamgrServer(settings, std::move(agent), std::move(on_expelled), std::move(on_fenced)));
}

DatamgrServer::DatamgrServer(const DatamgrSettings& settings,
                             std::unique_ptr<node::NodeAgent> agent, ExpelledCallback on_expelled,
                             FencedCallback on_fenced)
    : settings_(settings),
      on_expelled_(std::move(on_expelled)),
      on_fenced_(std::move(on_fenced)),
      agent_(std::move(agent)) {}

DatamgrServer::~DatamgrServer() { Stop(); }

absl::Status DatamgrServer::Start(const std::function<bool()>& cancelled) {
  CVG_RETURN_IF_ERROR(OpenStore());  // First: only one process may have the store.
  CVG_RETURN_IF_ERROR(agent_->EnsureEnrolled(cancelled));
  CVG_RETURN_IF_ERROR(MakeLayers());
  CVG_RETURN_IF_ERROR(MakeRpcServer());
  volumes_->Start();
  scheduler_->Start();
  agent_->Start(MakeHello(), this);
  return absl::OkStatus();
}

absl::Status DatamgrServer::OpenStore() {
  CVG_ASSIGN_OR_RETURN(
      store_, store::RocksStore::Open({.dir = settings_.dir + "/store", .on_fenced = on_fenced_}));
  CVG_ASSIGN_OR_RETURN(
      epoch_, store::CountStart(*store_, kStartKey, clock_.Now(), settings_.epoch_at_least));
  LOG(INFO) << "this start of datamgr has epoch " << epoch_;
  CVG_ASSIGN_OR_RETURN(catalog_, Catalog::Open(*store_, clock_, settings_.catalog));
  live_chunks_ = std::make_unique<CatalogChunks>(*store_);
  return absl::OkStatus();
}

absl::Status DatamgrServer::MakeLayers() {
  CVG_ASSIGN_OR_RETURN(volumes_, VolumeLayer::Create({.store = store_.get(),
                                                      .live = live_chunks_.get(),
                                                      .pins = &agent_->pins(),
                                                      .clock = &clock_},
                                                     {.epoch = epoch_}));
  users_ = std::make_unique<MgmtUsers>([this] { return agent_->mgmt_channel(); });
  scheduler_ = std::make_unique<RequestScheduler>(RequestScheduler::Deps{
      .catalog = catalog_.get(),
      .chunks = volumes_.get(),
      .users = users_.get(),
      .prefer = [this](absl::string_view path) { return settings_.PreferenceOf(path); },
      .announce = [this](const std::vector<Arrival>& arrivals) { service_->Announce(arrivals); }});
  service_ = std::make_unique<DataService>(
      DataService::Deps{.pins = &agent_->pins(), .scheduler = scheduler_.get()}, epoch_);
  return absl::OkStatus();
}

absl::Status DatamgrServer::MakeRpcServer() {
  CVG_ASSIGN_OR_RETURN(
      auto credentials,
      rpc::MakeServerCredentials(agent_->tls_files(), rpc::CallPolicy::Cluster(), agent_->pins()));
  std::vector<grpc::Service*> services = volumes_->services();
  services.push_back(service_.get());
  CVG_ASSIGN_OR_RETURN(rpc_server_, rpc::Server::Create({.listen = settings_.grpc_listen,
                                                         .credentials = std::move(credentials),
                                                         .services = std::move(services)}));
  return absl::OkStatus();
}

v1::Hello DatamgrServer::MakeHello() const {
  std::vector<std::string> grpc = settings_.advertise_grpc;
  if (grpc.empty()) grpc = {node::ReachableAddress(grpc_address(), agent_->mgmt_address())};
  v1::Hello hello;
  hello.mutable_addresses()->set_grpc(grpc.front());
  for (const std::string& address : grpc) hello.add_grpc_addresses(address);
  return hello;
}

void DatamgrServer::Drain() {
  draining_ = true;
  agent_->BeatNow();
  if (rpc_server_ == nullptr) return;
  rpc_server_->Drain();
  const bool all_answered = scheduler_->Drain(kDrainMax);
  constexpr char kText[] = "the data management server stops; try again in a minute";
  service_->CloseStreams(
      all_answered ? Fail(FailCode::kStorageDown, kText) : absl::UnavailableError(kText),
      kFarewellMax);
}

void DatamgrServer::Stop() {
  agent_->Stop();
  if (volumes_ != nullptr) volumes_->Stop();
  if (rpc_server_ != nullptr) rpc_server_->Stop(absl::ZeroDuration());
  if (users_ != nullptr) users_->Stop();
  if (scheduler_ != nullptr) scheduler_->Stop();
  if (store_ != nullptr) store_->Stop();
}

void DatamgrServer::OnAttached(const v1::Welcome& welcome) {
  LOG(INFO) << "attached to mgmt as node " << welcome.node_id();
}

void DatamgrServer::OnMessage(v1::ToNode& message) {
  if (message.has_data_servers()) volumes_->SetServers(message.data_servers());
}

void DatamgrServer::OnDetached() {
  LOG(WARNING) << "mgmt is gone; what is stored can be read and written as before";
}

void DatamgrServer::FillHeartbeat(v1::Heartbeat* heartbeat) {
  heartbeat->set_draining(draining_);
  const std::vector<NodeId> servers = volumes_->ConnectedServers();
  const std::vector<NodeId> edges = service_->ConnectedEdges();
  std::vector<NodeId> all;
  std::merge(servers.begin(), servers.end(), edges.begin(), edges.end(), std::back_inserter(all));
  heartbeat->mutable_connected()->Assign(all.begin(), all.end());
}

void DatamgrServer::OnExpelled(const absl::Status& why) { on_expelled_(why); }

}  // namespace convergia::datamgr
