#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "common/base/fail.h"
#include "common/base/ids.h"
#include "edge/core/caller.h"
#include "edge/core/mail.h"
#include "edge/core/talk.h"
#include "edge/messages/message_core.h"
#include "edge/sessions/session_hub.h"

namespace convergia::edge {

// Tells a client to go on at another main server.
struct MoveOrder {
  std::string server;
  std::string address;  // "host:port" of its line protocol.
  std::string pin;      // Of its key.
};

// One session of a user who is signed in at this edge, in any dialect. Each dialect derives its own
// type, which renders these events for its client. Only on the session's shard.
class EdgeSession {
 public:
  virtual ~EdgeSession() = default;

  const SessionRef& ref() const { return ref_; }
  virtual const Username& user() const = 0;
  virtual AccountId account() const = 0;
  // The generation of the ticket with which the user signed in.
  virtual Generation generation() const = 0;
  Caller caller() const { return {ref_.id, user().str(), account()}; }

  // ---- Events. False: the session does not take the event, because its client reads too slowly or
  // the session is closing.

  virtual bool OnMessage(const ReceivedMessage& message) = 0;
  // An offline message waits in the user's mailbox.
  virtual bool OnWaitingMessage(const WaitingMessage& message) = 0;
  virtual bool OnMoveOrder(const MoveOrder& order) = 0;

  // ---- The end. MessageShell::OnClosed() follows at the end of the turn in which the session
  // ends, never inside one of these calls.

  // Ends the session now, with a last word.
  virtual void Close(FailCode code, absl::string_view text) = 0;
  // Lets unanswered requests be answered, then ends the session with a last word.
  virtual void Drain() = 0;
  // Ends a session that said goodbye and was held since then (Relocator::HoldsQuit()).
  virtual void Release() = 0;

 protected:
  explicit EdgeSession(const SessionRef& ref) : ref_(ref) {}

 private:
  friend class MessageShell;
  const SessionRef ref_;
  MessageCore::Sender* sender_ = nullptr;  // While the shell knows the session.
};

}  // namespace convergia::edge
