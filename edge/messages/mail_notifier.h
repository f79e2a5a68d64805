#pragma once

#include "edge/core/data_core.h"
#include "edge/core/mail.h"
#include "edge/messages/edge_session.h"
#include "edge/messages/message_shell.h"

namespace convergia::edge {

// Tells users of the offline messages that wait for them. Thread-safe.
class MailNotifier {
 public:
  // Both must outlive the notifier and the calls of `data`.
  MailNotifier(DataCore* data, MessageShell* messages) : data_(*data), messages_(*messages) {}

  // Tells a session of each message in its user's mailbox, never inside this call. On the session's
  // shard. If datamgr cannot be asked, the session learns of them from NotifyAll().
  void Notify(const EdgeSession& session);
  // Does the same for each session: datamgr is up again, and users may have signed in meanwhile.
  void NotifyAll();
  // A message for `user` has arrived. Tells the sessions of that user on this edge.
  void OnArrival(absl::string_view user, const WaitingMessage& message);

 private:
  DataCore& data_;
  MessageShell& messages_;
};

}  // namespace convergia::edge
