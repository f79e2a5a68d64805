#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/lineserver/session.h"
#include "edge/commands/answer.h"
#include "edge/commands/edge_commands.h"

namespace convergia::edge {

using lineserver::Fields;
using lineserver::Responder;
using lineserver::Session;

// REGISTERACCOUNT username, password [, invite]
void HandleRegisterAccount(PeopleCore& people, Session& session, Fields fields,
                           Responder responder) {
  people.Register({.username = std::string(fields[0]),
                   .password = std::string(fields[1]),
                   .invite = fields.size() > 2 ? std::string(fields[2]) : "",
                   .client_address = std::string(session.peer_address())},
                  AnswerWith(std::move(responder), [](const PendingRegistration& pending) {
                    return absl::StrCat(pending.id, "\n", pending.captcha_jpeg);
                  }));
}

// CONFIRMREGISTERACCOUNT id, text
void HandleConfirmRegisterAccount(PeopleCore& people, Session& session, Fields fields,
                                  Responder responder) {
  people.ConfirmRegistration({.registration_id = std::string(fields[0]),
                              .text = std::string(fields[1]),
                              .client_address = std::string(session.peer_address())},
                             AnswerWith(std::move(responder), [](const RegistrationState& state) {
                               return state.waits_for_operator ? "waiting" : "";
                             }));
}

}  // namespace convergia::edge
