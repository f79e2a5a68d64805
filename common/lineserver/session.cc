#include "common/lineserver/session.h"

#include <glog/logging.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/line/reply.h"
#include "common/lineserver/server_state.h"

namespace convergia::lineserver {

using session::Counter;

Session::Session(session::Connection& connection, const ServerState& server,
                 const CommandTable& table)
    : connection_(connection),
      server_(server),
      table_(table),
      framer_(server.limits.packet_bytes_max_before_sign_in) {
  framer_.set_drops_cr(true);
}

void Session::OnOpen() {
  absl::StrAppend(connection_.out(), server_.greeting);
  counters().Add(Counter::kPacketsOut);
}

void Session::Quit() {
  connection_.Finish();  // Earlier requests are still answered.
  is_held_ = observer_knows_ && server_.observer->HoldsQuit(*this);
}

void Session::Release() {
  is_held_ = false;
  connection_.MarkDirty();
}

bool Session::IsDone() const {
  return pending_.outstanding() == 0 && (!is_held_ || connection_.is_draining());
}

void Session::OnIdle() {
  pending_.Shrink();
  Push("PING", "");
}

void Session::OnClosing(FailCode code, absl::string_view text) {
  line::AppendPush("BYE", absl::StrCat(FailCodeWord(code), "\n", text), connection_.out());
  counters().Add(Counter::kPacketsOut);
}

void Session::OnClosed() {
  if (observer_knows_) {
    observer_knows_ = false;
    server_.observer->OnClosed(*this);
    extension_.reset();
  }
  counters().Add(Counter::kPacketsEmpty, framer_.empty_packets());
  framer_ = line::Framer(server_.limits.packet_bytes_max_before_sign_in);
  pending_ = PendingRequests();
}

void Session::Answer(RequestKey key, const absl::Status& status, absl::string_view data) {
  if (!connection_.is_open()) return;
  size_t answers = 0;
  const auto write = [&](absl::string_view id, std::string* out) {
    if (status.ok()) {
      line::AppendOk(id, data, out);
    } else {
      line::AppendFail(id, status, out);
    }
  };
  if (!pending_.Finish(key, write, connection_.out(), &answers)) return;
  if (absl::IsInternal(status)) LOG(ERROR) << "session " << id() << ": " << status;
  if (signs_in_ && key.generation == sign_in_generation_) {
    signs_in_ = false;
    connection_.EndSignIn();
  }
  counters().Add(Counter::kPacketsOut, answers);
}

bool Session::Push(absl::string_view word, absl::string_view data) {
  return PushPacket(word.size() + data.size(),
                    [&](std::string* out) { line::AppendPush(word, data, out); });
}

bool Session::PushShared(const std::shared_ptr<const std::string>& packet) {
  const bool pushed = connection_.PushShared(packet);
  if (pushed) counters().Add(Counter::kPacketsOut);
  return pushed;
}

}  // namespace convergia::lineserver
