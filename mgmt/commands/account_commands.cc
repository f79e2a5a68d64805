#include "mgmt/commands/account_commands.h"

#include <optional>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/line/rows.h"
#include "common/lineserver/session.h"

namespace convergia::mgmt {
namespace {

using lineserver::Access;
using lineserver::CommandSpec;
using lineserver::Fields;
using lineserver::Responder;
using lineserver::Session;

// REGISTERACCOUNT user LF password -> id LF jpeg
void HandleRegister(AccountsDesk& desk, Session& session, Fields fields, Responder responder) {
  desk.Register(fields[0], fields[1], session.peer_address(),
                [responder = std::move(responder)](
                    absl::StatusOr<AccountsDesk::Registration> registration) mutable {
                  if (!registration.ok()) return responder.Fail(registration.status());
                  responder.Ok(absl::StrCat(registration->id, "\n", registration->captcha_jpeg));
                });
}

// CONFIRMREGISTERACCOUNT id LF text
void HandleConfirm(AccountsDesk& desk, Fields fields, Responder responder) {
  desk.Confirm(fields[0], fields[1],
               [responder = std::move(responder)](const absl::Status& confirmed) mutable {
                 if (!confirmed.ok()) return responder.Fail(confirmed);
                 responder.Ok();
               });
}

// CHANGEPASSWORD old LF new -> rows: ticket, expires
void HandleChangePassword(AccountsDesk& desk, LineSessions& sessions, Session& session,
                          Fields fields, Responder responder) {
  const AccountId account = session.signed_in()->account;
  sessions.Protect(session);
  desk.ChangePassword(
      session.signed_in()->user, fields[0], fields[1], session.peer_address(),
      [&sessions, account, user = session.signed_in()->user, id = session.id(),
       responder = std::move(responder)](absl::StatusOr<AccountsDesk::SignedIn> result) mutable {
        if (!result.ok()) {
          sessions.Renewed(user, account, id, std::nullopt);
          return responder.Fail(result.status());
        }
        sessions.Renewed(user, account, id, result->ticket.issued);
        line::RowWriter rows;
        rows.Add({"ticket", result->ticket_text});
        rows.Add({"expires", absl::StrCat(absl::ToUnixMillis(result->ticket.expires))});
        responder.Ok(rows.data());
      });
}

}  // namespace

std::vector<CommandSpec> RegistrationCommands(AccountsDesk& desk) {
  return {
      {.word = "REGISTERACCOUNT",
       .fields_min = 2,
       .fields_max = 2,
       .access = Access::kAnyone,
       .handler =
           [&desk](Session& session, Fields fields, Responder responder) {
             HandleRegister(desk, session, fields, std::move(responder));
           },
       .help = "username LF password: ask for an account; answers an id, LF, and a picture (JPEG)"},
      {.word = "CONFIRMREGISTERACCOUNT",
       .fields_min = 2,
       .fields_max = 2,
       .access = Access::kAnyone,
       .handler = [&desk](
                      Session& /*session*/, Fields fields,
                      Responder responder) { HandleConfirm(desk, fields, std::move(responder)); },
       .help = "id LF text: what the picture says, within 60 s"},
  };
}

std::vector<CommandSpec> PasswordCommands(AccountsDesk& desk, LineSessions& sessions) {
  return {
      {.word = "CHANGEPASSWORD",
       .fields_min = 2,
       .fields_max = 2,
       .handler =
           [&desk, &sessions](Session& session, Fields fields, Responder responder) {
             HandleChangePassword(desk, sessions, session, fields, std::move(responder));
           },
       .help = "old LF new: change your password; ends all your other sessions"},
  };
}

}  // namespace convergia::mgmt
