#include "mgmt/commands/map_commands.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/line/reply.h"
#include "mgmt/views/server_map.h"

namespace convergia::mgmt {
namespace {

using lineserver::Fields;
using lineserver::Responder;
using lineserver::Session;
using lineserver::SessionHandle;

constexpr size_t kRowsOfPushMax = 1'000;

constexpr char kMissed[] =
    "changes of the server map may have been missed; read it again with GETSERVERMAP";

struct PageRequest {
  std::string after;
  int limit = limits::kListRowsMax;
};

absl::StatusOr<PageRequest> ParsePageRequest(Fields fields) {
  PageRequest request;
  if (fields.empty()) return request;
  if (fields.size() != 2 || !absl::SimpleAtoi(fields[1], &request.limit) || request.limit < 1 ||
      request.limit > limits::kListRowsMax) {
    return Fail(FailCode::kBadField,
                absl::StrCat("GETSERVERMAP takes nothing, or an id and a number from 1 to ",
                             limits::kListRowsMax));
  }
  request.after = std::string(fields[0]);
  return request;
}

// GETSERVERMAP [after LF limit] -> rows: id, name, type, online|offline, notes, connected
void HandleGet(ClusterLoop& loop, bool hide_other_clients, Session& session, Fields fields,
               Responder responder) {
  absl::StatusOr<PageRequest> request = ParsePageRequest(fields);
  if (!request.ok()) return responder.Fail(request.status());
  std::optional<Username> only;
  if (hide_other_clients) only = session.signed_in()->user;
  loop.Ask<std::string>(
      [request = *std::move(request), only](Cluster& cluster) -> absl::StatusOr<std::string> {
        const ServerMap map(cluster.state(), cluster.accounts());
        CVG_ASSIGN_OR_RETURN(const std::vector<v1::ServerMapRow> rows,
                             map.Page(request.after, request.limit, only));
        return MapRowsText(rows);
      },
      [responder = std::move(responder)](const absl::StatusOr<std::string>& text) mutable {
        responder.Finish(text);
      });
}

// WATCHSERVERMAP on|off
void HandleWatch(ClusterLoop& loop, MapWatchers& watchers, LineMapWatchers& sessions,
                 Session& session, Fields fields, Responder responder) {
  const bool on = fields[0] == "on";
  if (!on && fields[0] != "off") {
    return responder.Fail(Fail(FailCode::kBadField, "WATCHSERVERMAP takes on or off"));
  }
  loop.Ask<std::string>(
      [&watchers, &sessions, on, id = session.id(),
       handle = session.handle()](Cluster& cluster) -> absl::StatusOr<std::string> {
        if (on) {
          sessions.Add(id, handle);
        } else {
          sessions.Remove(id);
        }
        cluster.SetMapWatched(!watchers.empty());
        return "";
      },
      [responder = std::move(responder)](const absl::StatusOr<std::string>& done) mutable {
        responder.Finish(done);
      });
}

}  // namespace

void LineMapWatchers::Add(uint64_t id, const SessionHandle& session) {
  sessions_.insert_or_assign(id, session);
  if (id_ == 0) {
    id_ = watchers_.Add([this](const std::vector<v1::ServerMapRow>& rows) { Tell(rows); });
  }
}

void LineMapWatchers::Remove(uint64_t id) {
  sessions_.erase(id);
  if (!sessions_.empty() || id_ == 0) return;
  watchers_.Remove(id_);
  id_ = 0;
}

void LineMapWatchers::Tell(const std::vector<v1::ServerMapRow>& rows) {
  // Drops closed sessions here, so no other code must do it.
  absl::erase_if(sessions_, [](const auto& entry) { return entry.second.session.expired(); });
  if (rows.size() > ServerMap::kChangesAtOnceMax) return TellOfMissed();
  for (size_t from = 0; from < rows.size(); from += kRowsOfPushMax) {
    const size_t to = std::min(rows.size(), from + kRowsOfPushMax);
    auto packet = std::make_shared<std::string>();
    line::AppendPush("SERVERMAPUPDATE", MapRowsText({rows.begin() + from, rows.begin() + to}),
                     packet.get());
    const std::shared_ptr<const std::string> shared = std::move(packet);
    for (const auto& [id, handle] : sessions_) {
      handle.shard->Post([weak = handle.session, shared] {
        if (const auto session = weak.lock()) session->PushShared(shared);
      });
    }
  }
}

void LineMapWatchers::TellOfMissed() {
  for (const auto& [id, handle] : sessions_) {
    handle.shard->Post([weak = handle.session] {
      if (const auto session = weak.lock()) session->Push("NOTICE", kMissed);
    });
  }
}

std::vector<lineserver::CommandSpec> MapCommands(ClusterLoop& loop, MapWatchers& watchers,
                                                 LineMapWatchers& sessions,
                                                 bool hide_other_clients) {
  return {
      {.word = "GETSERVERMAP",
       .fields_min = 0,
       .fields_max = 2,
       .handler =
           [&loop, hide_other_clients](Session& session, Fields fields, Responder responder) {
             HandleGet(loop, hide_other_clients, session, fields, std::move(responder));
           },
       .help = "[after LF limit]: the servers and clients, whether online, and what they are "
               "connected to"},
      {.word = "WATCHSERVERMAP",
       .fields_min = 1,
       .fields_max = 1,
       .handler =
           [&loop, &watchers, &sessions](Session& session, Fields fields, Responder responder) {
             HandleWatch(loop, watchers, sessions, session, fields, std::move(responder));
           },
       .help = "on or off: be told when the map changes (SERVERMAPUPDATE)"},
  };
}

}  // namespace convergia::mgmt
