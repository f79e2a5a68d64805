#include "mgmt/commands/main_server_commands.h"

#include <string>
#include <utility>

#include "common/base/status_macros.h"
#include "common/line/rows.h"
#include "common/lineserver/session.h"
#include "mgmt/views/cluster_queries.h"

namespace convergia::mgmt {
namespace {

using lineserver::Fields;
using lineserver::Responder;
using lineserver::Session;

// Runs `question` on the cluster's loop and answers `responder` with its text.
void Ask(ClusterLoop& loop, Responder responder,
         absl::AnyInvocable<absl::StatusOr<std::string>(Cluster&)> question) {
  loop.Ask<std::string>(
      std::move(question),
      [responder = std::move(responder)](const absl::StatusOr<std::string>& answer) mutable {
        responder.Finish(answer);
      });
}

// LISTMAINSERVERS -> rows: name, address, pin, state
absl::StatusOr<std::string> List(Cluster& cluster) {
  line::RowWriter rows;
  for (const MainServer& server : ListMainServers(cluster.state())) {
    rows.Add({server.name, server.address, server.pin, server.state});
  }
  return rows.data();
}

// REPORTMAINSERVERS rows -> rows: name, address, pin
absl::StatusOr<std::string> Choose(const std::string& user, const std::vector<ProbeReport>& reports,
                                   absl::Duration now, Cluster& cluster) {
  CVG_ASSIGN_OR_RETURN(const std::vector<MainServer> servers,
                       Assign(user, reports, now, &cluster.mutable_state()));
  line::RowWriter rows;
  for (const MainServer& server : servers) rows.Add({server.name, server.address, server.pin});
  return rows.data();
}

void HandleReport(ClusterLoop& loop, const Session& session, Fields fields, Responder responder) {
  absl::StatusOr<std::vector<ProbeReport>> reports = ParseProbeReports(fields[0]);
  if (!reports.ok()) return responder.Fail(reports.status());
  Ask(loop, std::move(responder),
      [&clock = loop.clock(), user = session.signed_in()->user.str(),
       reports = *std::move(reports)](Cluster& cluster) {
        return Choose(user, reports, clock.Elapsed(), cluster);
      });
}

// CHECKKEY name LF pin
void HandleCheckKey(ClusterLoop& loop, Fields fields, Responder responder) {
  Ask(loop, std::move(responder),
      [name = std::string(fields[0]),
       pin = std::string(fields[1])](Cluster& cluster) -> absl::StatusOr<std::string> {
        CVG_RETURN_IF_ERROR(CheckKey(cluster.state(), name, pin));
        return "";
      });
}

}  // namespace

std::vector<lineserver::CommandSpec> MainServerCommands(ClusterLoop& loop) {
  return {
      {.word = "LISTMAINSERVERS",
       .handler = [&loop](Session& /*session*/, Fields /*fields*/,
                          Responder responder) { Ask(loop, std::move(responder), List); },
       .help = "the main servers: rows of name, address, pin, state"},
      {.word = "REPORTMAINSERVERS",
       .fields_min = 1,
       .fields_max = 1,
       .handler =
           [&loop](Session& session, Fields fields, Responder responder) {
             HandleReport(loop, session, fields, std::move(responder));
           },
       .help = "rows of name TAB microseconds or `unreachable`: which main servers to use"},
      {.word = "CHECKKEY",
       .fields_min = 2,
       .fields_max = 2,
       .handler = [&loop](
                      Session& /*session*/, Fields fields,
                      Responder responder) { HandleCheckKey(loop, fields, std::move(responder)); },
       .help = "name LF pin: whether that main server has this key"},
  };
}

}  // namespace convergia::mgmt
