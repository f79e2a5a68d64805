#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/lineserver/session.h"
#include "edge/commands/edge_commands.h"

namespace convergia::edge {

using lineserver::Fields;
using lineserver::Responder;
using lineserver::Session;

// REGISTERACCOUNT username, password [, invite]
void HandleRegisterAccount(MgmtClient& mgmt, Session& session, Fields fields, Responder responder) {
  v1::RegisterRequest request;
  request.set_username(std::string(fields[0]));
  request.set_password(std::string(fields[1]));
  if (fields.size() > 2) request.set_invite(std::string(fields[2]));
  request.set_client_address(session.peer_address());
  mgmt.Register(std::move(request), [responder = std::move(responder)](
                                        absl::StatusOr<v1::RegisterResponse> response) mutable {
    if (!response.ok()) return responder.Fail(response.status());
    responder.Ok(absl::StrCat(response->registration_id(), "\n", response->captcha_jpeg()));
  });
}

// CONFIRMREGISTERACCOUNT id, text
void HandleConfirmRegisterAccount(MgmtClient& mgmt, Session& session, Fields fields,
                                  Responder responder) {
  v1::ConfirmRequest request;
  request.set_registration_id(std::string(fields[0]));
  request.set_captcha_text(std::string(fields[1]));
  request.set_client_address(session.peer_address());
  mgmt.Confirm(std::move(request), [responder = std::move(responder)](
                                       absl::StatusOr<v1::ConfirmResponse> response) mutable {
    if (!response.ok()) return responder.Fail(response.status());
    if (response->waiting()) return responder.Ok("waiting");
    responder.Ok();
  });
}

}  // namespace convergia::edge
