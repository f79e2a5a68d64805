#include "common/rpc/server.h"

#include <glog/logging.h>
#include <grpcpp/ext/channelz_service_plugin.h>
#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server_builder.h>

#include <mutex>

#include "absl/strings/str_cat.h"
#include "common/base/limits.h"
#include "common/rpc/callback_threads.h"
#include "common/rpc/deadline.h"
#include "grpc/health/v1/health.pb.h"

namespace convergia::rpc {
namespace {

// These plugins of gRPC are for the whole process, and must be there before the first server.
void InstallFurniture() {
  static std::once_flag once;
  std::call_once(once, [] {
    grpc::EnableDefaultHealthCheckService(true);
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    grpc::channelz::experimental::InitChannelzService();
    // Being named is what links the description in, for reflection.
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
  builder->AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, limits::kRpcStreamsPerConnectionMax);
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, Milliseconds(limits::kRpcKeepalive));
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                              Milliseconds(limits::kRpcKeepaliveTimeout));
  builder->AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  // Callers ping every kRpcKeepalive; half of it leaves room for clocks that differ.
  builder->AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                              Milliseconds(limits::kRpcKeepalive / 2));
  // Two servers on one port would share its connections by chance.
  builder->AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Reflection is the one synchronous service: it gets one thread, not a pool.
  builder->SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder->SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder->SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Create(const Options& options) {
  const size_t colon = options.listen.rfind(':');
  if (colon == std::string::npos) {
    return absl::InvalidArgumentError(
        absl::StrCat("gRPC listens on host:port, not on \"", options.listen, "\""));
  }
  InstallFurniture();
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort(options.listen, options.credentials, &port);
  for (grpc::Service* const service : options.services) builder.RegisterService(service);
  SetLimits(&builder);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  if (server == nullptr || port == 0) {
    return absl::UnavailableError(
        absl::StrCat("gRPC cannot listen on ", options.listen,
                     ": is the port taken, the host not of this machine?"));
  }
  const std::string address = absl::StrCat(options.listen.substr(0, colon), ":", port);
  return std::unique_ptr<Server>(new Server(std::move(server), address));
}

Server::Server(std::unique_ptr<grpc::Server> server, std::string address)
    : server_(std::move(server)), address_(std::move(address)) {}

Server::~Server() { Stop(absl::ZeroDuration()); }

void Server::Drain() {
  if (auto* const health = server_->GetHealthCheckService()) health->SetServingStatus(false);
}

void Server::Stop(absl::Duration grace) {
  server_->Shutdown(DeadlineIn(grace));
  server_->Wait();
}

std::shared_ptr<grpc::Channel> Server::InProcessChannel() {
  return server_->InProcessChannel(grpc::ChannelArguments());
}

}  // namespace convergia::rpc
