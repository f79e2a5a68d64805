#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/limits.h"
#include "common/lineserver/session.h"
#include "edge/commands/edge_commands.h"
#include "edge/upstream/map_rows.h"

namespace convergia::edge {

using lineserver::Fields;
using lineserver::Responder;
using lineserver::Session;

// GETSERVERMAP [after, limit]
void HandleGetServerMap(MgmtClient& mgmt, Session& session, Fields fields, Responder responder) {
  v1::GetServerMapRequest request;
  request.set_viewer(session.signed_in()->user.str());
  if (!fields.empty()) {
    int limit = 0;
    if (fields.size() != 2 || !absl::SimpleAtoi(fields[1], &limit) || limit < 1 ||
        limit > limits::kListRowsMax) {
      return responder.Fail(
          Fail(FailCode::kBadField, absl::StrCat("give no fields, or the id to start after and a "
                                                 "limit from 1 to ",
                                                 limits::kListRowsMax)));
    }
    request.set_after(std::string(fields[0]));
    request.set_limit(static_cast<uint32_t>(limit));
  }
  mgmt.GetServerMap(std::move(request),
                    [responder = std::move(responder)](
                        absl::StatusOr<v1::GetServerMapResponse> response) mutable {
                      if (!response.ok()) return responder.Fail(response.status());
                      responder.Ok(MapRowsText(response->rows()));
                    });
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
