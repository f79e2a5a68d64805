#include "edge/messages/mail_notifier.h"

#include <memory>
#include <utility>
#include <vector>

namespace convergia::edge {

void MailNotifier::Notify(const EdgeSession& session) {
  data_.Do(session.caller(), ListMessages(),
           [this, ref = session.ref()](absl::StatusOr<std::vector<WaitingMessage>> waiting) {
             if (!waiting.ok() || waiting->empty()) return;
             const auto shared =
                 std::make_shared<const std::vector<WaitingMessage>>(*std::move(waiting));
             messages_.OnSession(ref, [shared](EdgeSession& session) {
               for (const WaitingMessage& message : *shared) {
                 if (!session.OnWaitingMessage(message)) return;
               }
             });
           });
}

void MailNotifier::NotifyAll() {
  messages_.ForEachSession([this](EdgeSession& session) { Notify(session); });
}

void MailNotifier::OnArrival(absl::string_view user, const WaitingMessage& message) {
  messages_.ForEachOf(user, [message](EdgeSession& session) { session.OnWaitingMessage(message); });
}

}  // namespace convergia::edge
