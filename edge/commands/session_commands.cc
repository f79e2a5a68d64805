#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/fail.h"
#include "common/line/rows.h"
#include "common/lineserver/session.h"
#include "edge/commands/data_commands.h"
#include "edge/commands/edge_commands.h"

namespace convergia::edge {

using lineserver::Fields;
using lineserver::Responder;
using lineserver::Session;

// LISTSESSIONS -> rows: server, session, address, since
void HandleListSessions(PeopleCore& people, Session& session, Fields /*fields*/,
                        Responder responder) {
  people.ListSessions(
      CallerOf(session),
      [responder = std::move(responder)](absl::StatusOr<std::vector<OwnSession>> sessions) mutable {
        if (!sessions.ok()) return responder.Fail(sessions.status());
        line::RowWriter rows;
        for (const auto& [server, facts] : *sessions) {
          if (!facts.has_value()) {
            rows.Add({server, "?", "", ""});
            continue;
          }
          rows.Add({server, absl::StrCat(facts->number), facts->address,
                    absl::StrCat(absl::ToUnixMillis(facts->since))});
        }
        responder.Ok(rows.data());
      });
}

// ENDSESSION server, session
void HandleEndSession(PeopleCore& people, Session& session, Fields fields, Responder responder) {
  uint64_t number = 0;
  if (!absl::SimpleAtoi(fields[1], &number)) {
    return responder.Fail(
        Fail(FailCode::kBadField, "give the server and the session's number; see LISTSESSIONS"));
  }
  people.EndSession(CallerOf(session), std::string(fields[0]), number,
                    [responder = std::move(responder)](absl::StatusOr<Nothing> ended) mutable {
                      if (!ended.ok()) return responder.Fail(ended.status());
                      responder.Ok();
                    });
}

}  // namespace convergia::edge
