#pragma once

#include "absl/functional/any_invocable.h"
#include "common/lineserver/command_table.h"
#include "edge/messages/message_shell.h"
#include "edge/upstream/data_client.h"
#include "edge/upstream/map_watch.h"
#include "edge/upstream/mgmt_client.h"

namespace convergia::edge {

// What the commands of this edge work with; all must outlive the table.
struct CommandDeps {
  MessageShell* messages = nullptr;
  MgmtClient* mgmt = nullptr;
  MapWatch* map_watch = nullptr;
  DataClient* data = nullptr;
};

// The commands that clients may send to an edge (docs/PROTOCOL.md).
std::vector<lineserver::CommandSpec> MakeEdgeCommands(const CommandDeps& deps);

// Each in a file of its subject.
void HandleRegisterAccount(MgmtClient& mgmt, lineserver::Session& session,
                           lineserver::Fields fields, lineserver::Responder responder);
void HandleConfirmRegisterAccount(MgmtClient& mgmt, lineserver::Session& session,
                                  lineserver::Fields fields, lineserver::Responder responder);
void HandleListSessions(MgmtClient& mgmt, lineserver::Session& session, lineserver::Fields fields,
                        lineserver::Responder responder);
void HandleEndSession(MgmtClient& mgmt, lineserver::Session& session, lineserver::Fields fields,
                      lineserver::Responder responder);
void HandleGetServerMap(MgmtClient& mgmt, lineserver::Session& session, lineserver::Fields fields,
                        lineserver::Responder responder);
void HandleWatchServerMap(MapWatch& watch, lineserver::Session& session, lineserver::Fields fields,
                          lineserver::Responder responder);

}  // namespace convergia::edge
