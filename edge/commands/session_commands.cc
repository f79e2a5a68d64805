#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/fail.h"
#include "common/line/rows.h"
#include "common/lineserver/session.h"
#include "edge/commands/answer.h"
#include "edge/commands/data_commands.h"
#include "edge/commands/edge_commands.h"

namespace convergia::edge {

using lineserver::Fields;
using lineserver::Responder;
using lineserver::Session;

namespace {

std::string SessionsText(const std::vector<OwnSession>& sessions) {
  line::RowWriter rows;
  for (const auto& [server, facts] : sessions) {
    if (!facts.has_value()) {
      rows.Add({server, "?", "", ""});
      continue;
    }
    rows.Add({server, absl::StrCat(facts->number), facts->address,
              absl::StrCat(absl::ToUnixMillis(facts->since))});
  }
  return rows.data();
}

}  // namespace

// LISTSESSIONS -> rows: server, session, address, since
void HandleListSessions(PeopleCore& people, Session& session, Fields /*fields*/,
                        Responder responder) {
  people.ListSessions(CallerOf(session), AnswerWith(std::move(responder), SessionsText));
}

// ENDSESSION server, session
void HandleEndSession(PeopleCore& people, Session& session, Fields fields, Responder responder) {
  uint64_t number = 0;
  if (!absl::SimpleAtoi(fields[1], &number)) {
    return responder.Fail(
        Fail(FailCode::kBadField, "give the server and the session's number; see LISTSESSIONS"));
  }
  people.EndSession(CallerOf(session), std::string(fields[0]), number,
                    AnswerWith(std::move(responder), NoText));
}

}  // namespace convergia::edge
