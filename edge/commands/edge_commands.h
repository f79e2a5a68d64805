#pragma once

#include "absl/functional/any_invocable.h"
#include "common/lineserver/command_table.h"
#include "edge/core/data_core.h"
#include "edge/core/people.h"
#include "edge/messages/message_shell.h"
#include "edge/upstream/map_watch.h"

namespace convergia::edge {

// The parts of this edge that its commands use; all must outlive the table.
struct CommandDeps {
  MessageShell* messages = nullptr;
  PeopleCore* people = nullptr;
  MapWatch* map_watch = nullptr;
  DataCore* data = nullptr;
};

// The commands that clients may send to an edge (docs/PROTOCOL.md).
std::vector<lineserver::CommandSpec> MakeEdgeCommands(const CommandDeps& deps);

// The handlers, each in the file of its subject.
void HandleRegisterAccount(PeopleCore& people, lineserver::Session& session,
                           lineserver::Fields fields, lineserver::Responder responder);
void HandleConfirmRegisterAccount(PeopleCore& people, lineserver::Session& session,
                                  lineserver::Fields fields, lineserver::Responder responder);
void HandleListSessions(PeopleCore& people, lineserver::Session& session, lineserver::Fields fields,
                        lineserver::Responder responder);
void HandleEndSession(PeopleCore& people, lineserver::Session& session, lineserver::Fields fields,
                      lineserver::Responder responder);
void HandleGetServerMap(PeopleCore& people, lineserver::Session& session, lineserver::Fields fields,
                        lineserver::Responder responder);
void HandleWatchServerMap(MapWatch& watch, lineserver::Session& session, lineserver::Fields fields,
                          lineserver::Responder responder);

}  // namespace convergia::edge
