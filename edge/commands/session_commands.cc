#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/line/rows.h"
#include "common/lineserver/session.h"
#include "edge/commands/edge_commands.h"

namespace convergia::edge {

using lineserver::Fields;
using lineserver::Responder;
using lineserver::Session;

// LISTSESSIONS -> rows: server, session, address, since
void HandleListSessions(MgmtClient& mgmt, Session& session, Fields /*fields*/,
                        Responder responder) {
  v1::ListSessionsRequest request;
  request.set_username(session.signed_in()->user.str());
  request.set_account_id(session.signed_in()->account);
  mgmt.ListSessions(
      std::move(request),
      [responder = std::move(responder)](absl::StatusOr<v1::ListSessionsResponse> listed) mutable {
        if (!listed.ok()) return responder.Fail(listed.status());
        line::RowWriter rows;
        for (const v1::ServerSession& row : listed->sessions()) {
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

// ENDSESSION server, session
void HandleEndSession(MgmtClient& mgmt, Session& session, Fields fields, Responder responder) {
  uint64_t number = 0;
  if (!absl::SimpleAtoi(fields[1], &number)) {
    return responder.Fail(
        Fail(FailCode::kBadField, "give the server and the session's number; see LISTSESSIONS"));
  }
  v1::EndSessionRequest request;
  request.set_account_id(session.signed_in()->account);
  request.set_server(std::string(fields[0]));
  request.set_session(number);
  mgmt.EndSession(std::move(request), [responder = std::move(responder)](
                                          absl::StatusOr<v1::EndSessionResponse> ended) mutable {
    if (!ended.ok()) return responder.Fail(ended.status());
    responder.Ok();
  });
}

}  // namespace convergia::edge
