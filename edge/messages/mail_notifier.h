#pragma once

#include "edge/core/data_core.h"
#include "edge/core/mail.h"
#include "edge/messages/edge_session.h"
#include "edge/messages/message_shell.h"

namespace convergia::edge {

// Tells users of the offline messages that wait for them. Thread-safe.
class MailNotifier {
 public:
  // Both must outlive the notifier. The notifier must outlive the answers of `data`: stop the
  // DataClient first.
  MailNotifier(DataCore* data, MessageShell* messages) : data_(*data), messages_(*messages) {}

  // Tells `session` of the messages in its user's mailbox, the first limits::kStorageRowsMax of
  // them. It does so later, never inside this call. Call it on the session's shard.
  //
  // It tells nothing if datamgr cannot be asked. Then the session learns of its messages from
  // NotifyAll().
  void Notify(const EdgeSession& session);
  // Does the same for every session, each on its shard. Call it when datamgr is up again, because
  // users may have signed in meanwhile. A session may hear of a message more than once.
  void NotifyAll();
  // Call it when a message for `user` has arrived. It tells the sessions of that user on this edge,
  // each on its shard.
  void OnArrival(absl::string_view user, const WaitingMessage& message);

 private:
  DataCore& data_;
  MessageShell& messages_;
};

}  // namespace convergia::edge
