#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/limits.h"
#include "common/lineserver/session.h"
#include "edge/commands/answer.h"
#include "edge/commands/data_commands.h"
#include "edge/commands/edge_commands.h"
#include "edge/commands/server_map_text.h"

namespace convergia::edge {

using lineserver::Fields;
using lineserver::Responder;
using lineserver::Session;

// GETSERVERMAP [after, limit]
void HandleGetServerMap(PeopleCore& people, Session& session, Fields fields, Responder responder) {
  MapPage page;
  if (!fields.empty()) {
    int limit = 0;
    if (fields.size() != 2 || !absl::SimpleAtoi(fields[1], &limit) || limit < 1 ||
        limit > limits::kListRowsMax) {
      return responder.Fail(
          Fail(FailCode::kBadField, absl::StrCat("give no fields, or the id to start after and a "
                                                 "limit from 1 to ",
                                                 limits::kListRowsMax)));
    }
    page = {std::string(fields[0]), static_cast<uint32_t>(limit)};
  }
  people.GetServerMap(CallerOf(session), std::move(page),
                      AnswerWith(std::move(responder), ServerMapText));
}

// WATCHSERVERMAP on|off
void HandleWatchServerMap(MapWatch& watch, Session& session, Fields fields, Responder responder) {
  if (fields[0] == "off") {
    watch.Remove(session);
    return responder.Ok();
  }
  if (fields[0] != "on") {
    return responder.Fail(Fail(FailCode::kBadField, "say on or off"));
  }
  watch.Add(session, std::move(responder));
}

}  // namespace convergia::edge
