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

// REGISTERACCOUNT user LF password [LF invite] -> id LF jpeg
void HandleRegister(AccountsExecutor& executor, Session& session, Fields fields,
                    Responder responder) {
  executor.Register(
      fields[0], fields[1], fields.size() > 2 ? fields[2] : "", session.peer_address(),
      [responder = std::move(responder)](
          absl::StatusOr<AccountsExecutor::Registration> registration) mutable {
        if (!registration.ok()) return responder.Fail(registration.status());
        responder.Ok(absl::StrCat(registration->id, "\n", registration->captcha_jpeg));
      });
}

// CONFIRMREGISTERACCOUNT id LF text
void HandleConfirm(AccountsExecutor& executor, Session& session, Fields fields,
                   Responder responder) {
  executor.Confirm(fields[0], fields[1], session.peer_address(),
                   [responder = std::move(responder)](absl::StatusOr<Account> account) mutable {
                     if (!account.ok()) return responder.Fail(account.status());
                     if (account->waiting) return responder.Ok("waiting");
                     responder.Ok();
                   });
}

// CHANGEPASSWORD old LF new -> rows: ticket, expires
void HandleChangePassword(AccountsExecutor& executor, LineSessions& sessions, Session& session,
                          Fields fields, Responder responder) {
  const AccountId account = session.signed_in()->account;
  sessions.Protect(session);
  executor.ChangePassword(
      session.signed_in()->user, fields[0], fields[1], session.peer_address(),
      [&sessions, account, user = session.signed_in()->user, id = session.id(),
       responder =
           std::move(responder)](absl::StatusOr<AccountsExecutor::SignedIn> result) mutable {
        if (!result.ok()) {
          sessions.Renewed(user, account, id, std::nullopt);
          return responder.Fail(result.status());
        }
        sessions.Renewed(user, account, id, result->ticket.generation);
        line::RowWriter rows;
        rows.Add({"ticket", result->ticket_text});
        rows.Add({"expires", absl::StrCat(absl::ToUnixMillis(result->ticket.expires))});
        responder.Ok(rows.data());
      });
}

// MAKEINVITE -> rows: invite, expires
void HandleMakeInvite(AccountsExecutor& executor, Session& session, Responder responder) {
  executor.MakeInvite(
      session.signed_in()->user.str(),
      [responder = std::move(responder)](absl::StatusOr<Invites::Invite> invite) mutable {
        if (!invite.ok()) return responder.Fail(invite.status());
        line::RowWriter rows;
        rows.Add({"invite", invite->code});
        rows.Add({"expires", absl::StrCat(absl::ToUnixMillis(invite->expires))});
        responder.Ok(rows.data());
      });
}

}  // namespace

std::vector<CommandSpec> RegistrationCommands(AccountsExecutor& executor) {
  return {
      {.word = "REGISTERACCOUNT",
       .fields_min = 2,
       .fields_max = 3,
       .access = Access::kAnyone,
       .handler =
           [&executor](Session& session, Fields fields, Responder responder) {
             HandleRegister(executor, session, fields, std::move(responder));
           },
       .help = "username LF password [LF invite]: ask for an account; answers an id, LF, and a "
               "picture (JPEG)"},
      {.word = "CONFIRMREGISTERACCOUNT",
       .fields_min = 2,
       .fields_max = 2,
       .access = Access::kAnyone,
       .handler =
           [&executor](Session& session, Fields fields, Responder responder) {
             HandleConfirm(executor, session, fields, std::move(responder));
           },
       .help = "id LF text: what the picture says, within 60 s"},
  };
}

std::vector<CommandSpec> AccountCommands(AccountsExecutor& executor, LineSessions& sessions) {
  return {
      {.word = "CHANGEPASSWORD",
       .fields_min = 2,
       .fields_max = 2,
       .handler =
           [&executor, &sessions](Session& session, Fields fields, Responder responder) {
             HandleChangePassword(executor, sessions, session, fields, std::move(responder));
           },
       .help = "old LF new: change your password; ends all your other sessions"},
      {.word = "MAKEINVITE",
       .fields_min = 0,
       .fields_max = 0,
       .handler =
           [&executor](Session& session, Fields /*fields*/, Responder responder) {
             HandleMakeInvite(executor, session, std::move(responder));
           },
       .help = "make a code with which somebody may register once"},
  };
}

}  // namespace convergia::mgmt
