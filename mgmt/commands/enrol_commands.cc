#include "mgmt/commands/enrol_commands.h"

#include <glog/logging.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/ids.h"
#include "common/lineserver/session.h"

namespace convergia::mgmt {
namespace {

using lineserver::Fields;
using lineserver::Responder;
using lineserver::Session;

// ENROL token LF name LF csr -> node LF addresses LF chain
void HandleEnrol(MembersExecutor& members, const std::vector<std::string>& grpc_addresses,
                 Session& session, Fields fields, Responder responder) {
  // Text from strangers does not go into the log.
  const absl::StatusOr<std::string> parsed = ParseNodeName(fields[1]);
  members.Enrol(
      fields[0], fields[1], fields[2], session.peer_address(),
      [responder = std::move(responder), name = parsed.value_or("a node"),
       peer = session.peer_address(),
       &grpc_addresses](absl::StatusOr<NodeRegistry::Admission> admission) mutable {
        if (!admission.ok()) {
          LOG_EVERY_N(WARNING, 10)
              << "enrolment of " << name << " from " << peer << " refused: " << admission.status()
              << " (one in 10 is logged)";
          return responder.Fail(admission.status());
        }
        LOG(INFO) << name << " has enrolled as node " << admission->node << " from " << peer;
        responder.Ok(absl::StrCat(admission->node, "\n", absl::StrJoin(grpc_addresses, ","), "\n",
                                  admission->chain_pem));
      });
}

}  // namespace

std::vector<lineserver::CommandSpec> EnrolCommands(MembersExecutor& members,
                                                   const std::vector<std::string>& grpc_addresses) {
  return {
      {.word = "ENROL",
       .fields_min = 3,
       .fields_max = 3,
       .access = lineserver::Access::kAnyone,
       .handler =
           [&members, &grpc_addresses](Session& session, Fields fields, Responder responder) {
             HandleEnrol(members, grpc_addresses, session, fields, std::move(responder));
           },
       .help = "token LF name LF csr: how a new node joins; answers its number, mgmt's gRPC "
               "addresses, and its certificate"},
  };
}

}  // namespace convergia::mgmt
