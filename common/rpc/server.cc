#include "common/rpc/server.h"

#include <glog/logging.h>
#include <grpcpp/ext/channelz_service_plugin.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/resource_quota.h>
#include <grpcpp/server_builder.h>

#include <mutex>

#include "absl/strings/str_cat.h"
#include "common/base/descriptors.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/rpc/acceptor.h"
#include "common/rpc/auth/callback_threads.h"
#include "common/rpc/calls/deadline.h"
#include "common/rpc/door.h"
#include "grpc/health/v1/health.pb.h"

namespace convergia::rpc {
namespace {

// Installs gRPC's plugins of the process. They must be there before the first server.
void InstallFurniture() {
  static std::once_flag once;
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::channelz::experimental::InitChannelzService();
    // This use makes the linker keep the description of the health service, for reflection.
    CHECK_NOTNULL(grpc::health::v1::HealthCheckRequest::descriptor());
    KeepCallbackThreads();
  });
}

int Milliseconds(absl::Duration duration) {
  return static_cast<int>(absl::ToInt64Milliseconds(duration));
}

void SetLimits(grpc::ServerBuilder* builder) {
  builder->SetMaxReceiveMessageSize(static_cast<int>(limits::kRpcMessageBytesMax));
  builder->SetMaxSendMessageSize(static_cast<int>(limits::kRpcMessageBytesMax));
  grpc::ResourceQuota quota("convergia");
  quota.Resize(limits::kRpcMemoryBytesMax);
  builder->SetResourceQuota(quota);
  builder->AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE,
                              static_cast<int>(limits::kRpcMetadataBytesMax));
  builder->AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                              Milliseconds(limits::kRpcHandshakeTimeout));
  // No node compresses, and a small compressed message could become a large one.
  builder->AddChannelArgument(GRPC_ARG_ENABLE_PER_MESSAGE_DECOMPRESSION, 0);
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, limits::kRpcStreamsPerConnectionMax);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(limits::kRpcKeepalive));
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                              Milliseconds(limits::kRpcKeepaliveTimeout));
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // Callers ping every kRpcKeepalive. Half of it leaves room for timers that run unevenly.
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                              Milliseconds(limits::kRpcKeepalive / 2));
  // Only reflection and channelz are synchronous: one queue and at most two polling threads do.
  builder->SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder->SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder->SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Create(const Options& options) {
  CVG_ASSIGN_OR_RETURN(std::unique_ptr<Acceptor> acceptor,
                       Acceptor::Create(options.listen, OwnShares()));
  InstallFurniture();
  grpc::ServerBuilder builder;
  auto sink = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      options.credentials.tls);
  PutDoor(*options.credentials.policy, *options.credentials.pins, &builder);
  for (grpc::Service* const service : options.services) builder.RegisterService(service);
  SetLimits(&builder);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr) return absl::InternalError("gRPC does not start");
  acceptor->Start(std::move(sink));
  const std::string host = options.listen.substr(0, options.listen.rfind(':'));
  const std::string address = absl::StrCat(host, ":", acceptor->port());
  return std::unique_ptr<Server>(new Server(std::move(server), std::move(acceptor), address));
}

Server::Server(std::unique_ptr<grpc::Server> server, std::unique_ptr<Acceptor> acceptor,
               std::string address)
    : server_(std::move(server)), acceptor_(std::move(acceptor)), address_(std::move(address)) {}

Server::~Server() { Stop(absl::ZeroDuration()); }

void Server::Drain() {
  if (auto* const health = server_->GetHealthCheckService()) health->SetServingStatus(false);
}

void Server::Stop(absl::Duration grace) {
  acceptor_->Stop();
  server_->Shutdown(DeadlineIn(grace));
  server_->Wait();
}

}  // namespace convergia::rpc
