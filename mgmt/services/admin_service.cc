#include "mgmt/services/admin_service.h"

#include <glog/logging.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/rpc/auth/peer.h"
#include "common/rpc/auth/role_proto.h"
#include "common/rpc/calls/reply.h"
#include "mgmt/views/cluster_queries.h"
#include "mgmt/views/link_lists.h"
#include "mgmt/views/traffic_queries.h"

namespace convergia::mgmt {
namespace {

constexpr int kAccountsDefault = 1'000;

// Logs the operator's action and its outcome.
void Record(grpc::CallbackServerContext* context, absl::string_view deed,
            const absl::Status& outcome) {
  const absl::StatusOr<rpc::Peer> peer = rpc::PeerOf(*context);
  LOG(INFO) << "operator " << (peer.ok() ? peer->name : "?") << ": " << deed << ": " << outcome;
}

// Returns a callback that sends `reply`; `fill` first puts a good result into the response.
template <typename T, typename Fill>
absl::AnyInvocable<void(absl::StatusOr<T>)> Answer(grpc::CallbackServerContext* context,
                                                   std::string deed, rpc::LaterReply reply,
                                                   Fill fill) {
  return [context, deed = std::move(deed), reply = std::move(reply),
          fill = std::move(fill)](absl::StatusOr<T> result) mutable {
    if (!deed.empty()) Record(context, deed, result.status());
    if (result.ok()) fill(*result);
    reply.Finish(result.status());
  };
}

absl::AnyInvocable<void(absl::Status)> AnswerStatus(grpc::CallbackServerContext* context,
                                                    std::string deed, rpc::LaterReply reply) {
  return [context, deed = std::move(deed),
          reply = std::move(reply)](const absl::Status& result) mutable {
    Record(context, deed, result);
    reply.Finish(result);
  };
}

absl::Status NoRole() {
  return Fail(FailCode::kBadField, "say which role: edge, datamgr, dataserver or operator");
}

Moment MomentOf(const Clock& clock) { return {clock.Now(), clock.Elapsed()}; }

}  // namespace

grpc::ServerUnaryReactor* AdminService::CreateJoinToken(grpc::CallbackServerContext* context,
                                                        const v1::CreateJoinTokenRequest* request,
                                                        v1::CreateJoinTokenResponse* response) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    const std::optional<Role> role = rpc::RoleFromProto(request->role());
    if (!role) {
      return reply.Finish(NoRole());
    }
    members_.MakeToken(
        *role, request->name(), absl::Seconds(request->ttl_seconds()), enrol_addresses_,
        Answer<NodeRegistry::NewToken>(
            context, absl::StrCat("made a join token for ", RoleWord(*role), " ", request->name()),
            std::move(reply), [response](const NodeRegistry::NewToken& token) {
              response->set_token(token.text);
              response->set_expires_ms(absl::ToUnixMillis(token.expires));
            }));
  });
}

grpc::ServerUnaryReactor* AdminService::ListNodes(grpc::CallbackServerContext* context,
                                                  const v1::ListNodesRequest* /*request*/,
                                                  v1::ListNodesResponse* response) {
  using Nodes = std::vector<v1::Node>;
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    loop_.Ask<Nodes>(
        [&clock = loop_.clock()](Cluster& cluster) {
          return mgmt::ListNodes(cluster.state(), MomentOf(clock));
        },
        Answer<Nodes>(context, "", std::move(reply), [response](Nodes& nodes) {
          for (v1::Node& node : nodes) *response->add_nodes() = std::move(node);
        }));
  });
}

grpc::ServerUnaryReactor* AdminService::Revoke(grpc::CallbackServerContext* context,
                                               const v1::RevokeRequest* request,
                                               v1::RevokeResponse* response) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    const std::optional<Role> role = rpc::RoleFromProto(request->role());
    if (!role) {
      return reply.Finish(NoRole());
    }
    members_.Revoke(
        *role, request->name(),
        Answer<int>(context, absl::StrCat("revoked ", RoleWord(*role), " ", request->name()),
                    std::move(reply),
                    [response](int count) { response->set_pins_revoked(count); }));
  });
}

grpc::ServerUnaryReactor* AdminService::RemoveNode(grpc::CallbackServerContext* context,
                                                   const v1::RemoveNodeRequest* request,
                                                   v1::RemoveNodeResponse* /*response*/) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    members_.Remove(
        request->name(),
        AnswerStatus(context, absl::StrCat("removed node ", request->name()), std::move(reply)));
  });
}

grpc::ServerUnaryReactor* AdminService::ConfigureDataServer(
    grpc::CallbackServerContext* context, const v1::ConfigureDataServerRequest* request,
    v1::ConfigureDataServerResponse* response) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    members_.Configure(*request,
                       Answer<v1::NodeConfiguration>(
                           context, absl::StrCat("configured ", request->ShortDebugString()),
                           std::move(reply), [response](v1::NodeConfiguration& configuration) {
                             *response->mutable_configuration() = std::move(configuration);
                           }));
  });
}

grpc::ServerUnaryReactor* AdminService::DrainEdge(grpc::CallbackServerContext* context,
                                                  const v1::DrainEdgeRequest* request,
                                                  v1::DrainEdgeResponse* /*response*/) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    members_.SetDrain(request->name(), request->drain(), absl::Seconds(request->within_seconds()),
                      AnswerStatus(context,
                                   absl::StrCat(request->drain() ? "drains " : "ends the drain of ",
                                                request->name()),
                                   std::move(reply)));
  });
}

grpc::ServerUnaryReactor* AdminService::GetTraffic(grpc::CallbackServerContext* context,
                                                   const v1::GetTrafficRequest* /*request*/,
                                                   v1::GetTrafficResponse* response) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    loop_.Ask<v1::GetTrafficResponse>(
        [&clock = loop_.clock()](Cluster& cluster) {
          return mgmt::GetTraffic(cluster.state(), clock.Elapsed());
        },
        Answer<v1::GetTrafficResponse>(
            context, "", std::move(reply),
            [response](v1::GetTrafficResponse& traffic) { *response = std::move(traffic); }));
  });
}

grpc::ServerUnaryReactor* AdminService::CreateOperator(grpc::CallbackServerContext* context,
                                                       const v1::CreateOperatorRequest* request,
                                                       v1::CreateOperatorResponse* response) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    members_.AddOperator(
        request->name(), request->csr_pem(),
        Answer<std::string>(
            context, absl::StrCat("made operator ", request->name()), std::move(reply),
            [response](const std::string& chain) { response->set_certificate_chain_pem(chain); }));
  });
}

grpc::ServerUnaryReactor* AdminService::RenewOperator(grpc::CallbackServerContext* context,
                                                      const v1::RenewOperatorRequest* request,
                                                      v1::RenewOperatorResponse* response) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    const absl::StatusOr<rpc::Peer> peer = rpc::PeerOf(*context);
    if (!peer.ok()) {
      return reply.Finish(peer.status());
    }
    members_.Renew({peer->role, peer->name}, request->csr_pem(),
                   Answer<std::string>(context, "renewed their certificate", std::move(reply),
                                       [response](const std::string& chain) {
                                         response->set_certificate_chain_pem(chain);
                                       }));
  });
}

grpc::ServerUnaryReactor* AdminService::DecideAccount(grpc::CallbackServerContext* context,
                                                      const v1::DecideAccountRequest* request,
                                                      v1::DecideAccountResponse* /*response*/) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    accounts_.Decide(
        request->username(), request->refuse(),
        AnswerStatus(context,
                     absl::StrCat(request->refuse() ? "refused account " : "let in account ",
                                  request->username()),
                     std::move(reply)));
  });
}

grpc::ServerUnaryReactor* AdminService::CreateInvite(grpc::CallbackServerContext* context,
                                                     const v1::CreateInviteRequest* /*request*/,
                                                     v1::CreateInviteResponse* response) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    accounts_.MakeInvite(
        Invites::kOperators,
        Answer<Invites::Invite>(context, "made an invite", std::move(reply),
                                [response](const Invites::Invite& invite) {
                                  response->set_invite(invite.code);
                                  response->set_expires_ms(absl::ToUnixMillis(invite.expires));
                                }));
  });
}

grpc::ServerUnaryReactor* AdminService::CreateAccount(grpc::CallbackServerContext* context,
                                                      const v1::CreateAccountRequest* request,
                                                      v1::CreateAccountResponse* response) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    accounts_.Create(request->username(), request->password(),
                     Answer<Account>(context, absl::StrCat("made account ", request->username()),
                                     std::move(reply), [response](const Account& account) {
                                       response->set_account_id(account.id);
                                     }));
  });
}

grpc::ServerUnaryReactor* AdminService::SetAccountDisabled(
    grpc::CallbackServerContext* context, const v1::SetAccountDisabledRequest* request,
    v1::SetAccountDisabledResponse* /*response*/) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    accounts_.SetDisabled(request->username(), request->disabled(),
                          AnswerStatus(context,
                                       absl::StrCat(request->disabled() ? "disabled" : "enabled",
                                                    " account ", request->username()),
                                       std::move(reply)));
  });
}

grpc::ServerUnaryReactor* AdminService::RevokeTickets(grpc::CallbackServerContext* context,
                                                      const v1::RevokeTicketsRequest* request,
                                                      v1::RevokeTicketsResponse* /*response*/) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    accounts_.VoidTickets(
        request->username(),
        AnswerStatus(context, absl::StrCat("voided the tickets of ", request->username()),
                     std::move(reply)));
  });
}

grpc::ServerUnaryReactor* AdminService::RotateTicketKey(grpc::CallbackServerContext* context,
                                                        const v1::RotateTicketKeyRequest* request,
                                                        v1::RotateTicketKeyResponse* /*response*/) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    accounts_.RotateTicketKey(
        request->drop_older(),
        AnswerStatus(context,
                     request->drop_older() ? "made a new ticket key and dropped the older ones"
                                           : "made a new ticket key",
                     std::move(reply)));
  });
}

grpc::ServerUnaryReactor* AdminService::ListAccounts(grpc::CallbackServerContext* context,
                                                     const v1::ListAccountsRequest* request,
                                                     v1::ListAccountsResponse* response) {
  using Accounts = std::vector<v1::Account>;
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    const int asked = static_cast<int>(std::min<uint32_t>(request->limit(), limits::kListRowsMax));
    loop_.Ask<Accounts>(
        [after = request->after(), waiting = request->waiting(),
         limit = asked == 0 ? kAccountsDefault : asked](Cluster& cluster) {
          Accounts accounts;
          size_t bytes = 0;
          const AccountStore& store = cluster.accounts();
          for (const Account& account :
               waiting ? store.ListWaiting(after, limit) : store.ListByName(after, limit)) {
            accounts.push_back(DescribeAccount(cluster.state(), account));
            bytes += accounts.back().ByteSizeLong();
            if (bytes > kListedBytesMax) break;
          }
          return accounts;
        },
        Answer<Accounts>(context, "", std::move(reply), [response](Accounts& accounts) {
          for (v1::Account& account : accounts) *response->add_accounts() = std::move(account);
        }));
  });
}

grpc::ServerUnaryReactor* AdminService::GetClusterMap(grpc::CallbackServerContext* context,
                                                      const v1::GetClusterMapRequest* /*request*/,
                                                      v1::GetClusterMapResponse* response) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    loop_.Ask<v1::GetClusterMapResponse>(
        [&clock = loop_.clock()](Cluster& cluster) {
          return mgmt::GetClusterMap(cluster.state(), MomentOf(clock));
        },
        Answer<v1::GetClusterMapResponse>(
            context, "", std::move(reply),
            [response](v1::GetClusterMapResponse& map) { *response = std::move(map); }));
  });
}

grpc::ServerUnaryReactor* AdminService::ListLinks(grpc::CallbackServerContext* context,
                                                  const v1::ListLinksRequest* request,
                                                  v1::ListLinksResponse* response) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    loop_.Ask<v1::ListLinksResponse>(
        [request = *request](Cluster& cluster) {
          return mgmt::ListLinks(cluster.state(), request);
        },
        Answer<v1::ListLinksResponse>(
            context, "", std::move(reply),
            [response](v1::ListLinksResponse& links) { *response = std::move(links); }));
  });
}

grpc::ServerUnaryReactor* AdminService::ListRoutes(grpc::CallbackServerContext* context,
                                                   const v1::ListRoutesRequest* request,
                                                   v1::ListRoutesResponse* response) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    loop_.Ask<v1::ListRoutesResponse>(
        [request = *request](Cluster& cluster) {
          return mgmt::ListRoutes(cluster.state(), request);
        },
        Answer<v1::ListRoutesResponse>(
            context, "", std::move(reply),
            [response](v1::ListRoutesResponse& routes) { *response = std::move(routes); }));
  });
}

}  // namespace convergia::mgmt
