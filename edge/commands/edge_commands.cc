#include "edge/commands/edge_commands.h"

#include <utility>

#include "edge/commands/data_commands.h"
#include "edge/commands/line_session.h"

namespace convergia::edge {

using lineserver::Access;
using lineserver::CommandSpec;
using lineserver::Fields;
using lineserver::Responder;
using lineserver::Session;

std::vector<CommandSpec> MakeEdgeCommands(const CommandDeps& deps) {
  const auto for_people = [people = deps.people](auto handle) -> lineserver::Handler {
    return [people, handle](Session& session, Fields fields, Responder responder) {
      handle(*people, session, fields, std::move(responder));
    };
  };
  const auto watch = [map_watch = deps.map_watch](Session& session, Fields fields,
                                                  Responder responder) {
    HandleWatchServerMap(*map_watch, session, fields, std::move(responder));
  };
  // clang-format off
  std::vector<CommandSpec> commands = {
      {"CONFIRMREGISTERACCOUNT", 2, 2, Access::kAnyone, for_people(HandleConfirmRegisterAccount),
       "id LF text: make the account whose picture shows this text"},
      {"ENDSESSION", 2, 2, Access::kSignedIn, for_people(HandleEndSession),
       "server LF session: end one of your sessions"},
      {"GETSERVERMAP", 0, 2, Access::kSignedIn, for_people(HandleGetServerMap),
       "[after LF limit]: servers and clients, and what they are connected to"},
      {"LISTSESSIONS", 0, 0, Access::kSignedIn, for_people(HandleListSessions),
       "your sessions at all servers"},
      {"REGISTERACCOUNT", 2, 3, Access::kAnyone, for_people(HandleRegisterAccount),
       "username LF password [LF invite]: ask for a new account; answers an id and a picture"},
      {"SENDMESSAGE", 2, 2, Access::kSignedIn, SendMessageHandler(deps.messages),
       "to LF body: send a message to someone who is signed in", /*counts_as_message=*/true,
       lineserver::kSmallAnswerBytes},
      {"WATCHSERVERMAP", 1, 1, Access::kSignedIn, watch,
       "on|off: be told of changes of the server map"},
  };
  // clang-format on
  for (auto make : {MakeStorageCommands, MakeOfflineCommands, MakeMetadataCommands}) {
    for (CommandSpec& command : make(deps.data)) commands.push_back(std::move(command));
  }
  return commands;
}

}  // namespace convergia::edge
