#pragma once

#include "common/lineserver/command_table.h"
#include "common/lineserver/session.h"
#include "edge/messages/edge_session.h"
#include "edge/messages/message_shell.h"

namespace convergia::edge {

// A session of the line protocol. Renders events as pushes. It is the session's extension, so that
// handlers find it.
class LineSession final : public lineserver::SessionExtension, public EdgeSession {
 public:
  // `session` is signed in. It owns its extension, so it outlives this.
  explicit LineSession(lineserver::Session& session)
      : EdgeSession({static_cast<uint32_t>(session.shard().index()), session.id()}),
        session_(session) {}

  // EdgeSession:
  const Username& user() const override { return session_.signed_in()->user; }
  AccountId account() const override { return session_.signed_in()->account; }
  Generation generation() const override { return session_.signed_in()->generation; }
  bool OnMessage(const ReceivedMessage& message) override;        // RECEIVEMESSAGE
  bool OnWaitingMessage(const WaitingMessage& message) override;  // OFFLINEMESSAGEAVAILABLE
  bool OnMoveOrder(const MoveOrder& order) override;              // USEMAINSERVER
  void Close(FailCode code, absl::string_view text) override { session_.Close(code, text); }
  void Drain() override { session_.Drain(); }
  void Release() override { session_.Release(); }

 private:
  lineserver::Session& session_;
};

// The handler of SENDMESSAGE: to, body. Sessions have a LineSession as their extension. `messages`
// must outlive the handler.
lineserver::Handler SendMessageHandler(MessageShell* messages);

}  // namespace convergia::edge
