#include "mgmt/commands/session_commands.h"

#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/line/rows.h"
#include "common/lineserver/session.h"

namespace convergia::mgmt {
namespace {

using lineserver::CommandSpec;
using lineserver::Fields;
using lineserver::Responder;
using lineserver::Session;

// LISTSESSIONS -> rows: server, session, address, since
void HandleList(OwnSessions& sessions, Session& session, Responder responder) {
  sessions.List(
      session.signed_in()->user, session.signed_in()->account,
      [responder = std::move(responder)](absl::StatusOr<OwnSessions::Rows> listed) mutable {
        if (!listed.ok()) return responder.Fail(listed.status());
        line::RowWriter rows;
        for (const v1::ServerSession& row : *listed) {
          if (row.session() == 0) {
            rows.Add({row.server(), "?", "", ""});
            continue;
          }
          rows.Add({row.server(), absl::StrCat(row.session()), row.address(),
                    absl::StrCat(row.since_ms())});
        }
        responder.Ok(rows.data());
      });
}

// ENDSESSION server LF session
void HandleEnd(OwnSessions& sessions, Session& session, Fields fields, Responder responder) {
  uint64_t number = 0;
  if (!absl::SimpleAtoi(fields[1], &number)) {
    return responder.Fail(
        Fail(FailCode::kBadField, "give the server and the session's number; see LISTSESSIONS"));
  }
  sessions.End(session.signed_in()->account, fields[0], number,
               [responder = std::move(responder)](const absl::Status& ended) mutable {
                 if (!ended.ok()) return responder.Fail(ended);
                 responder.Ok();
               });
}

}  // namespace

std::vector<CommandSpec> SessionCommands(OwnSessions& sessions) {
  return {
      {.word = "LISTSESSIONS",
       .fields_min = 0,
       .fields_max = 0,
       .handler = [&sessions](
                      Session& session, Fields /*fields*/,
                      Responder responder) { HandleList(sessions, session, std::move(responder)); },
       .help = "your sessions at all servers"},
      {.word = "ENDSESSION",
       .fields_min = 2,
       .fields_max = 2,
       .handler =
           [&sessions](Session& session, Fields fields, Responder responder) {
             HandleEnd(sessions, session, fields, std::move(responder));
           },
       .help = "server LF session: end one of your sessions"},
  };
}

}  // namespace convergia::mgmt
