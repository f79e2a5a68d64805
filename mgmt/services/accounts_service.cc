#include "mgmt/services/accounts_service.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "common/base/limits.h"
#include "common/rpc/auth/peer.h"
#include "common/rpc/calls/reply.h"
#include "mgmt/services/map_stream.h"
#include "mgmt/views/server_map.h"

namespace convergia::mgmt {
namespace {

constexpr int kLookUpsMax = 100;

}  // namespace

grpc::ServerUnaryReactor* AccountsService::Register(grpc::CallbackServerContext* context,
                                                    const v1::RegisterRequest* request,
                                                    v1::RegisterResponse* response) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    executor_.Register(
        request->username(), request->password(), request->invite(), request->client_address(),
        [reply = std::move(reply),
         response](absl::StatusOr<AccountsExecutor::Registration> registration) mutable {
          if (!registration.ok()) return reply.Finish(registration.status());
          response->set_registration_id(registration->id);
          response->set_captcha_jpeg(registration->captcha_jpeg);
          reply.Finish(absl::OkStatus());
        });
  });
}

grpc::ServerUnaryReactor* AccountsService::Confirm(grpc::CallbackServerContext* context,
                                                   const v1::ConfirmRequest* request,
                                                   v1::ConfirmResponse* response) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    executor_.Confirm(
        request->registration_id(), request->captcha_text(), request->client_address(),
        [reply = std::move(reply), response](absl::StatusOr<Account> account) mutable {
          if (account.ok()) response->set_waiting(account->waiting);
          reply.Finish(account.status());
        });
  });
}

grpc::ServerUnaryReactor* AccountsService::SignIn(grpc::CallbackServerContext* context,
                                                  const v1::SignInRequest* request,
                                                  v1::SignInResponse* response) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    const absl::StatusOr<Username> user = Username::Parse(request->username());
    if (!user.ok()) {
      return reply.Finish(user.status());
    }
    executor_.SignIn(*user, request->password(), request->client_address(),
                     [reply = std::move(reply),
                      response](absl::StatusOr<AccountsExecutor::SignedIn> signed_in) mutable {
                       if (!signed_in.ok()) return reply.Finish(signed_in.status());
                       response->set_account_id(signed_in->account.id);
                       response->set_username(signed_in->account.user.str());
                       response->set_ticket(signed_in->ticket_text);
                       response->set_issued_ms(absl::ToUnixMillis(signed_in->ticket.issued));
                       response->set_generation(signed_in->ticket.generation);
                       response->set_expires_ms(absl::ToUnixMillis(signed_in->ticket.expires));
                       reply.Finish(absl::OkStatus());
                     });
  });
}

grpc::ServerUnaryReactor* AccountsService::LookUp(grpc::CallbackServerContext* context,
                                                  const v1::LookUpRequest* request,
                                                  v1::LookUpResponse* response) {
  return rpc::Reply(context, [&]() -> absl::Status {
    if (request->usernames_size() > kLookUpsMax) {
      return absl::InvalidArgumentError("too many names at once; ask in parts");
    }
    for (const std::string& name : request->usernames()) {
      response->add_usernames(executor_.LookUp(name));
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AccountsService::ListSessions(grpc::CallbackServerContext* context,
                                                        const v1::ListSessionsRequest* request,
                                                        v1::ListSessionsResponse* response) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    const absl::StatusOr<Username> user = Username::Parse(request->username());
    if (!user.ok()) {
      return reply.Finish(user.status());
    }
    sessions_.List(
        *user, request->account_id(),
        [reply = std::move(reply), response](absl::StatusOr<OwnSessions::Rows> rows) mutable {
          if (!rows.ok()) return reply.Finish(rows.status());
          for (v1::ServerSession& row : *rows) *response->add_sessions() = std::move(row);
          reply.Finish(absl::OkStatus());
        });
  });
}

grpc::ServerUnaryReactor* AccountsService::EndSession(grpc::CallbackServerContext* context,
                                                      const v1::EndSessionRequest* request,
                                                      v1::EndSessionResponse* /*response*/) {
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    sessions_.End(
        request->account_id(), request->server(), request->session(),
        [reply = std::move(reply)](const absl::Status& ended) mutable { reply.Finish(ended); });
  });
}

grpc::ServerUnaryReactor* AccountsService::GetServerMap(grpc::CallbackServerContext* context,
                                                        const v1::GetServerMapRequest* request,
                                                        v1::GetServerMapResponse* response) {
  using Rows = std::vector<v1::ServerMapRow>;
  return rpc::ReplyLater(context, [&](rpc::LaterReply reply) {
    std::optional<Username> only;
    if (hide_other_clients_) {
      const absl::StatusOr<Username> viewer = Username::Parse(request->viewer());
      if (!viewer.ok()) {
        return reply.Finish(viewer.status());
      }
      only = *viewer;
    }
    const int asked = static_cast<int>(std::min<uint32_t>(request->limit(), limits::kListRowsMax));
    const int limit = asked == 0 ? limits::kListRowsMax : asked;
    loop_.Ask<Rows>(
        [after = request->after(), limit, only](Cluster& cluster) {
          return ServerMap(cluster.state(), cluster.accounts()).Page(after, limit, only);
        },
        [reply = std::move(reply), response](absl::StatusOr<Rows> rows) mutable {
          if (!rows.ok()) return reply.Finish(rows.status());
          for (v1::ServerMapRow& row : *rows) *response->add_rows() = std::move(row);
          reply.Finish(absl::OkStatus());
        });
  });
}

grpc::ServerWriteReactor<v1::ServerMapUpdate>* AccountsService::WatchServerMap(
    grpc::CallbackServerContext* context, const v1::WatchServerMapRequest* /*request*/) {
  const absl::StatusOr<rpc::Peer> peer = rpc::PeerOf(*context, pins_);
  if (!peer.ok()) return MapStream::Refuse(peer.status());
  return std::make_shared<MapStream>(context, loop_, watchers_)->Start(pins_, peer->pin);
}

}  // namespace convergia::mgmt
