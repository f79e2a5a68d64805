#include "edge/commands/line_session.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/line/reply.h"
#include "edge/commands/answer.h"

namespace convergia::edge {

using lineserver::Fields;
using lineserver::Responder;
using lineserver::Session;

namespace {

// The bytes of RECEIVEMESSAGE besides the sender and the body.
constexpr size_t kReceiveMessageBytes = 40;

}  // namespace

bool LineSession::OnMessage(const ReceivedMessage& message) {
  if (session_.IsCongested()) return false;
  // Rendered straight into the outbox, because this is done for every message.
  const size_t bytes = kReceiveMessageBytes + message.from.size() + message.body.size();
  return session_.PushPacket(bytes, [&message](std::string* out) {
    // A username has no character to escape.
    absl::StrAppend(out, "RECEIVEMESSAGE ", message.from, "~\n", message.time_ms, "~\n");
    line::AppendEscaped(message.body, out);
    out->push_back('\n');
  });
}

bool LineSession::OnWaitingMessage(const WaitingMessage& message) {
  return session_.Push("OFFLINEMESSAGEAVAILABLE",
                       absl::StrCat(message.id, "\n", message.from, "\n", message.bytes, "\n",
                                    absl::ToUnixMillis(message.sent)));
}

bool LineSession::OnMoveOrder(const MoveOrder& order) {
  return session_.Push("USEMAINSERVER",
                       absl::StrCat(order.server, "\n", order.address, "\n", order.pin));
}

lineserver::Handler SendMessageHandler(MessageShell* messages) {
  return [messages](Session& session, Fields fields, Responder responder) {
    messages->Send(*session.extension<LineSession>(), {.to = fields[0], .body = fields[1]},
                   AnswerWith(std::move(responder),
                              [](const Sent& sent) { return absl::StrCat(sent.sessions); }));
  };
}

}  // namespace convergia::edge
