#include "dataserver/dataserver_server.h"

#include <glog/logging.h>

#include <utility>

#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/disk/real_disk.h"
#include "common/identity/certificate.h"
#include "common/identity/files.h"
#include "common/rpc/auth/call_policy.h"
#include "common/rpc/auth/credentials.h"

namespace convergia::dataserver {
namespace {

// The bound on datamgr's unanswered requests, in bytes: some chunks a stream keep the disk busy.
constexpr size_t kWindowBytes = 32 * 1024 * 1024;

}  // namespace

absl::StatusOr<std::unique_ptr<DataServer>> DataServer::Create(const DataServerSettings& settings,
                                                               ExpelledCallback on_expelled) {
  CVG_ASSIGN_OR_RETURN(std::unique_ptr<node::NodeAgent> agent,
                       node::NodeAgent::Create({.role = Role::kDataserver,
                                                .name = settings.name,
                                                .dir = settings.dir,
                                                .mgmt_addresses = settings.mgmt_addresses,
                                                .join_token_file = settings.join_token_file,
                                                .version = kVersion}));
  return std::unique_ptr<DataServer>(
      new DataServer(settings, std::move(agent), std::move(on_expelled)));
}

DataServer::DataServer(const DataServerSettings& settings, std::unique_ptr<node::NodeAgent> agent,
                       ExpelledCallback on_expelled)
    : settings_(settings), on_expelled_(std::move(on_expelled)), agent_(std::move(agent)) {}

DataServer::~DataServer() { Stop(); }

absl::Status DataServer::Start(const std::function<bool()>& cancelled) {
  CVG_RETURN_IF_ERROR(agent_->EnsureEnrolled(cancelled));
  CVG_RETURN_IF_ERROR(OpenStore());
  handler_ = std::make_unique<ChunkRequestHandler>(ChunkRequestHandler::Options{
      .store = store_.get(), .threads = settings_.disk_threads, .window_bytes = kWindowBytes});
  MakeLink();
  CVG_RETURN_IF_ERROR(MakeRpcServer());
  agent_->Start(MakeHello(), this);
  link_->Start();
  return absl::OkStatus();
}

absl::Status DataServer::OpenStore() {
  CVG_ASSIGN_OR_RETURN(const std::string ca_pem,
                       identity::ReadFileToString(agent_->tls_files().ca));
  CVG_ASSIGN_OR_RETURN(const std::string cluster, identity::FingerprintOfPem(ca_pem));
  ChunkStore::Options options;
  options.disk = &disk::RealDisk();
  options.clock = &clock_;
  options.dir = settings_.data_dir;
  options.owner = {cluster, settings_.name};
  options.capacity_bytes = settings_.capacity_bytes;
  options.scrub_bytes_per_second = settings_.scrub_bytes_per_second;
  CVG_ASSIGN_OR_RETURN(store_, ChunkStore::Open(options));
  return absl::OkStatus();
}

void DataServer::MakeLink() {
  DatamgrLink::Options options;
  options.address = settings_.datamgr_address;
  options.channel = rpc::MakeChannel(settings_.datamgr_address, agent_->tls_files(),
                                     {Role::kDatamgr, ""}, &agent_->pins());
  options.store = store_.get();
  options.handler = handler_.get();
  options.clock = &clock_;
  options.epoch = agent_->epoch();
  options.streams = settings_.streams;
  options.version = kVersion;
  options.scrub_bytes_per_second = settings_.scrub_bytes_per_second;
  link_ = std::make_unique<DatamgrLink>(options, [this](const absl::Status& why) { Expel(why); });
}

absl::Status DataServer::MakeRpcServer() {
  CVG_ASSIGN_OR_RETURN(
      auto credentials,
      rpc::MakeServerCredentials(agent_->tls_files(), rpc::CallPolicy::Cluster(), agent_->pins()));
  CVG_ASSIGN_OR_RETURN(rpc_server_, rpc::Server::Create({.listen = settings_.grpc_listen,
                                                         .credentials = std::move(credentials),
                                                         .services = {}}));
  return absl::OkStatus();
}

v1::Hello DataServer::MakeHello() const {
  v1::Hello hello;
  std::vector<std::string> grpc = settings_.advertise_grpc;
  if (grpc.empty()) grpc = {grpc_address()};
  hello.mutable_addresses()->set_grpc(grpc.front());
  for (const std::string& address : grpc) hello.add_grpc_addresses(address);
  return hello;
}

void DataServer::Drain(absl::Duration deadline) {
  draining_ = true;
  if (rpc_server_ != nullptr) rpc_server_->Drain();
  if (link_ != nullptr) {
    agent_->BeatNow();
    link_->Drain(deadline);
  }
}

void DataServer::Stop() {
  if (link_ != nullptr) link_->Stop();
  if (handler_ != nullptr) handler_->Stop();
  if (store_ != nullptr) store_->Stop();
  if (rpc_server_ != nullptr) rpc_server_->Stop(absl::ZeroDuration());
  agent_->Stop();
}

void DataServer::Expel(const absl::Status& why) {
  if (!expelled_.exchange(true)) on_expelled_(why);
}

void DataServer::OnAttached(const v1::Welcome&) {}

// Class, labels and drain are datamgr's to act on, which hears of them too.
void DataServer::OnMessage(v1::ToNode& message) {
  if (!message.has_configuration()) return;
  LOG(INFO) << "mgmt configures: " << message.configuration().ShortDebugString();
  link_->Configure(message.configuration());
}

void DataServer::OnDetached() {}

void DataServer::FillHeartbeat(v1::Heartbeat* heartbeat) { heartbeat->set_draining(draining_); }

void DataServer::OnExpelled(const absl::Status& why) { Expel(why); }

}  // namespace convergia::dataserver
