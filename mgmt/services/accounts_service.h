#pragma once

#include "common/rpc/auth/pin_set.h"
#include "convergia/v1/accounts.grpc.pb.h"
#include "mgmt/accounts/accounts_executor.h"
#include "mgmt/cluster/cluster_loop.h"
#include "mgmt/own_sessions.h"
#include "mgmt/views/map_watchers.h"

namespace convergia::mgmt {

// The Accounts service (accounts.proto, which has the errors): requests of edges on behalf of their
// clients, and LookUp() for datamgr too. It translates and checks bounds. The executor, the cluster
// and OwnSessions decide. Thread-safe.
class AccountsService final : public v1::Accounts::CallbackService {
 public:
  // All outlive the service. If `hide_other_clients` is true, GetServerMap() shows a viewer no
  // other clients. (The cluster hides them from WatchServerMap().)
  AccountsService(AccountsExecutor& executor, ClusterLoop& loop, OwnSessions& sessions,
                  MapWatchers& watchers, const rpc::PinSet& pins, bool hide_other_clients)
      : executor_(executor),
        loop_(loop),
        sessions_(sessions),
        watchers_(watchers),
        pins_(pins),
        hide_other_clients_(hide_other_clients) {}

  grpc::ServerUnaryReactor* Register(grpc::CallbackServerContext* context,
                                     const v1::RegisterRequest* request,
                                     v1::RegisterResponse* response) override;
  grpc::ServerUnaryReactor* Confirm(grpc::CallbackServerContext* context,
                                    const v1::ConfirmRequest* request,
                                    v1::ConfirmResponse* response) override;
  grpc::ServerUnaryReactor* SignIn(grpc::CallbackServerContext* context,
                                   const v1::SignInRequest* request,
                                   v1::SignInResponse* response) override;
  grpc::ServerUnaryReactor* LookUp(grpc::CallbackServerContext* context,
                                   const v1::LookUpRequest* request,
                                   v1::LookUpResponse* response) override;
  grpc::ServerUnaryReactor* ListSessions(grpc::CallbackServerContext* context,
                                         const v1::ListSessionsRequest* request,
                                         v1::ListSessionsResponse* response) override;
  grpc::ServerUnaryReactor* EndSession(grpc::CallbackServerContext* context,
                                       const v1::EndSessionRequest* request,
                                       v1::EndSessionResponse* response) override;
  grpc::ServerUnaryReactor* GetServerMap(grpc::CallbackServerContext* context,
                                         const v1::GetServerMapRequest* request,
                                         v1::GetServerMapResponse* response) override;
  grpc::ServerWriteReactor<v1::ServerMapUpdate>* WatchServerMap(
      grpc::CallbackServerContext* context, const v1::WatchServerMapRequest* request) override;

 private:
  AccountsExecutor& executor_;
  ClusterLoop& loop_;
  OwnSessions& sessions_;
  MapWatchers& watchers_;
  const rpc::PinSet& pins_;
  const bool hide_other_clients_;
};

}  // namespace convergia::mgmt
