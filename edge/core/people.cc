#include "edge/core/people.h"

#include <utility>

namespace convergia::edge {

void PeopleCore::Register(NewAccount account, Done<PendingRegistration> done) {
  v1::RegisterRequest request;
  request.set_username(std::move(account.username));
  request.set_password(std::move(account.password));
  request.set_invite(std::move(account.invite));
  request.set_client_address(std::move(account.client_address));
  mgmt_.Register(std::move(request),
                 [done = std::move(done)](absl::StatusOr<v1::RegisterResponse> response) mutable {
                   if (!response.ok()) return done(response.status());
                   done(PendingRegistration{std::move(*response->mutable_registration_id()),
                                            std::move(*response->mutable_captcha_jpeg())});
                 });
}

void PeopleCore::ConfirmRegistration(CaptchaAnswer answer, Done<RegistrationState> done) {
  v1::ConfirmRequest request;
  request.set_registration_id(std::move(answer.registration_id));
  request.set_captcha_text(std::move(answer.text));
  request.set_client_address(std::move(answer.client_address));
  mgmt_.Confirm(std::move(request),
                [done = std::move(done)](absl::StatusOr<v1::ConfirmResponse> response) mutable {
                  if (!response.ok()) return done(response.status());
                  done(RegistrationState{.waits_for_operator = response->waiting()});
                });
}

void PeopleCore::ListSessions(const Caller& caller, Done<std::vector<OwnSession>> done) {
  v1::ListSessionsRequest request;
  request.set_username(caller.user);
  request.set_account_id(caller.account);
  mgmt_.ListSessions(
      std::move(request),
      [done = std::move(done)](absl::StatusOr<v1::ListSessionsResponse> listed) mutable {
        if (!listed.ok()) return done(listed.status());
        std::vector<OwnSession> sessions;
        for (v1::ServerSession& row : *listed->mutable_sessions()) {
          OwnSession& session = sessions.emplace_back();
          session.server = std::move(*row.mutable_server());
          if (row.session() == 0) continue;
          session.facts = {row.session(), std::move(*row.mutable_address()),
                           absl::FromUnixMillis(row.since_ms())};
        }
        done(std::move(sessions));
      });
}

void PeopleCore::EndSession(const Caller& caller, std::string server, uint64_t number,
                            Done<Nothing> done) {
  v1::EndSessionRequest request;
  request.set_account_id(caller.account);
  request.set_server(std::move(server));
  request.set_session(number);
  mgmt_.EndSession(std::move(request),
                   [done = std::move(done)](absl::StatusOr<v1::EndSessionResponse> ended) mutable {
                     if (!ended.ok()) return done(ended.status());
                     done(Nothing());
                   });
}

void PeopleCore::GetServerMap(const Caller& caller, MapPage page, Done<ServerMap> done) {
  v1::GetServerMapRequest request;
  request.set_viewer(caller.user);
  request.set_after(std::move(page.after));
  request.set_limit(page.limit);
  mgmt_.GetServerMap(
      std::move(request),
      [done = std::move(done)](absl::StatusOr<v1::GetServerMapResponse> response) mutable {
        if (!response.ok()) return done(response.status());
        done(ServerMapOf(std::move(*response->mutable_rows())));
      });
}

}  // namespace convergia::edge
