#pragma once

#include <string>
#include <utility>
#include <vector>

#include "convergia/v1/admin.grpc.pb.h"
#include "mgmt/accounts/account_store.h"
#include "mgmt/accounts/accounts_executor.h"
#include "mgmt/cluster/cluster_loop.h"
#include "mgmt/members/members_executor.h"

namespace convergia::mgmt {

// The Admin service, for operators. It only translates; the executors and the cluster decide.
// Thread-safe.
class AdminService final : public v1::Admin::CallbackService {
 public:
  // All outlive the service. `enrol_addresses` go into join tokens.
  AdminService(AccountsExecutor& accounts, MembersExecutor& members, ClusterLoop& loop,
               std::vector<std::string> enrol_addresses)
      : accounts_(accounts),
        members_(members),
        loop_(loop),
        enrol_addresses_(std::move(enrol_addresses)) {}

  grpc::ServerUnaryReactor* CreateJoinToken(grpc::CallbackServerContext* context,
                                            const v1::CreateJoinTokenRequest* request,
                                            v1::CreateJoinTokenResponse* response) override;
  grpc::ServerUnaryReactor* ListNodes(grpc::CallbackServerContext* context,
                                      const v1::ListNodesRequest* request,
                                      v1::ListNodesResponse* response) override;
  grpc::ServerUnaryReactor* Revoke(grpc::CallbackServerContext* context,
                                   const v1::RevokeRequest* request,
                                   v1::RevokeResponse* response) override;
  grpc::ServerUnaryReactor* RemoveNode(grpc::CallbackServerContext* context,
                                       const v1::RemoveNodeRequest* request,
                                       v1::RemoveNodeResponse* response) override;
  grpc::ServerUnaryReactor* ConfigureDataServer(grpc::CallbackServerContext* context,
                                                const v1::ConfigureDataServerRequest* request,
                                                v1::ConfigureDataServerResponse* response) override;
  grpc::ServerUnaryReactor* DrainEdge(grpc::CallbackServerContext* context,
                                      const v1::DrainEdgeRequest* request,
                                      v1::DrainEdgeResponse* response) override;
  grpc::ServerUnaryReactor* GetTraffic(grpc::CallbackServerContext* context,
                                       const v1::GetTrafficRequest* request,
                                       v1::GetTrafficResponse* response) override;
  grpc::ServerUnaryReactor* CreateOperator(grpc::CallbackServerContext* context,
                                           const v1::CreateOperatorRequest* request,
                                           v1::CreateOperatorResponse* response) override;
  grpc::ServerUnaryReactor* RenewOperator(grpc::CallbackServerContext* context,
                                          const v1::RenewOperatorRequest* request,
                                          v1::RenewOperatorResponse* response) override;
  grpc::ServerUnaryReactor* DecideAccount(grpc::CallbackServerContext* context,
                                          const v1::DecideAccountRequest* request,
                                          v1::DecideAccountResponse* response) override;
  grpc::ServerUnaryReactor* CreateInvite(grpc::CallbackServerContext* context,
                                         const v1::CreateInviteRequest* request,
                                         v1::CreateInviteResponse* response) override;
  grpc::ServerUnaryReactor* CreateAccount(grpc::CallbackServerContext* context,
                                          const v1::CreateAccountRequest* request,
                                          v1::CreateAccountResponse* response) override;
  grpc::ServerUnaryReactor* SetAccountDisabled(grpc::CallbackServerContext* context,
                                               const v1::SetAccountDisabledRequest* request,
                                               v1::SetAccountDisabledResponse* response) override;
  grpc::ServerUnaryReactor* RevokeTickets(grpc::CallbackServerContext* context,
                                          const v1::RevokeTicketsRequest* request,
                                          v1::RevokeTicketsResponse* response) override;
  grpc::ServerUnaryReactor* RotateTicketKey(grpc::CallbackServerContext* context,
                                            const v1::RotateTicketKeyRequest* request,
                                            v1::RotateTicketKeyResponse* response) override;
  grpc::ServerUnaryReactor* ListAccounts(grpc::CallbackServerContext* context,
                                         const v1::ListAccountsRequest* request,
                                         v1::ListAccountsResponse* response) override;
  grpc::ServerUnaryReactor* ListLinks(grpc::CallbackServerContext* context,
                                      const v1::ListLinksRequest* request,
                                      v1::ListLinksResponse* response) override;
  grpc::ServerUnaryReactor* ListRoutes(grpc::CallbackServerContext* context,
                                       const v1::ListRoutesRequest* request,
                                       v1::ListRoutesResponse* response) override;
  grpc::ServerUnaryReactor* GetClusterMap(grpc::CallbackServerContext* context,
                                          const v1::GetClusterMapRequest* request,
                                          v1::GetClusterMapResponse* response) override;

 private:
  AccountsExecutor& accounts_;
  MembersExecutor& members_;
  ClusterLoop& loop_;
  const std::vector<std::string> enrol_addresses_;
};

}  // namespace convergia::mgmt
