#include "common/lineserver/session.h"

#include <glog/logging.h>

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/line/reply.h"
#include "common/lineserver/server_state.h"

namespace convergia::lineserver {

Session::Session(uint64_t id, ServerState& server, std::shared_ptr<Shard> shard,
                 asio::ip::tcp::socket socket, Origin origin)
    : id_(id),
      server_(server),
      shard_(std::move(shard)),
      origin_(std::move(origin)),
      since_(shard_->now()),
      last_heard_(since_),
      last_progress_(since_),
      stream_(std::in_place, std::move(socket), server.tls),
      framer_(server.limits.packet_bytes_max_before_sign_in),
      tokens_(since_, server.limits.messages_burst) {
  framer_.set_drops_cr(true);
}

// May run on any thread, when a Responder there was the last to hold the session. By then
// TearDown() has given back all that belongs to the shard.
Session::~Session() { CHECK(!stream_) << "a session dies before it is closed"; }

void Session::Start() {
  if (shard_->is_closing()) return TearDown();
  shard_->Add(shared_from_this());
  SetDeadline();
  ContinueHandshake();
}

void Session::ContinueHandshake() {
  const absl::StatusOr<tls::TlsStream::Want> want = stream_->HandshakeStep();
  if (!want.ok()) {
    shard_->counters().Add(Counter::kHandshakesFailed);
    if (absl::IsInvalidArgument(want.status())) shard_->counters().Add(Counter::kPlainText);
    return Abort(Counter::kClosedByPeer);
  }
  switch (*want) {
    case tls::TlsStream::Want::kNothing:
      return OnHandshakeDone();
    case tls::TlsStream::Want::kReadable:
      return AwaitReadable();
    case tls::TlsStream::Want::kWritable:
      return AwaitWritable();
  }
}

void Session::OnHandshakeDone() {
  shard_->counters().Add(Counter::kHandshakes);
  state_ = State::kOpen;
  since_ = last_heard_ = shard_->now();
  SetDeadline();
  if (origin_.is_unwelcome) {
    return Close(FailCode::kBusy,
                 "too many connections from your address are not signed in; close some or wait");
  }
  absl::StrAppend(outbox_.Tail(shard_->buffers()), server_.greeting);
  shard_->counters().Add(Counter::kPacketsOut);
  Pause({});  // What came with the handshake is read at the end of the turn, after the greeting.
  shard_->MarkDirty(*this);
  if (server_.draining) Drain();
}

void Session::OnTurnEnd() {
  if (state_ == State::kOpen || state_ == State::kClosing) Flush();
  if (state_ == State::kOpen && is_paused_ && CanRead()) ContinueReading();
  if (state_ == State::kOpen && is_ending_ && !is_held_ && pending_.outstanding() == 0) {
    if (says_bye_) {
      Close(FailCode::kUnavailable, "this server is stopping; connect to another");
    } else {
      BeginClosing(Counter::kClosedByPeer);
    }
  }
  if (state_ == State::kClosing) {
    TellObserverClosed();
    DropInput();
    if (outbox_.empty()) BeginLinger();
  }
  Account();
  if (state_ == State::kDoomed) TearDown();
}

void Session::Close(FailCode code, absl::string_view text) {
  if (state_ == State::kHandshake) return Abort(Counter::kClosedByServer);
  if (state_ != State::kOpen) return;
  line::AppendPush("BYE", absl::StrCat(FailCodeWord(code), "\n", text),
                   outbox_.Tail(shard_->buffers()));
  shard_->counters().Add(Counter::kPacketsOut);
  BeginClosing(Counter::kClosedByServer);
}

void Session::Quit() {
  is_ending_ = true;  // What was asked before is still answered.
  is_held_ = observer_knows_ && server_.observer->HoldsQuit(*this);
  shard_->MarkDirty(*this);
}

void Session::Release() {
  is_held_ = false;
  shard_->MarkDirty(*this);
}

void Session::Drain() {
  if (state_ == State::kHandshake) return Abort(Counter::kClosedByServer);
  if (state_ != State::kOpen) return;
  is_ending_ = says_bye_ = true;
  is_held_ = false;
  shard_->MarkDirty(*this);
}

void Session::BeginClosing(Counter reason) {
  shard_->counters().Add(reason);
  state_ = State::kClosing;
  shard_->MarkDirty(*this);
}

void Session::BeginLinger() {
  state_ = State::kLingering;
  since_ = shard_->now();
  SetDeadline();
  stream_->ShutdownSend();
  if (!awaits_readable_) AwaitReadable();
}

void Session::Abort(Counter reason) {
  if (state_ == State::kDoomed || state_ == State::kClosed) return;
  shard_->counters().Add(reason);
  state_ = State::kDoomed;
  shard_->MarkDirty(*this);
}

void Session::TearDown() {
  if (state_ == State::kClosed) return;
  const std::shared_ptr<Session> keep_alive = shared_from_this();
  TellObserverClosed();
  state_ = State::kClosed;
  shard_->Remove(*this);
  DropInput();
  outbox_.Clear(shard_->buffers());
  Account();
  stream_->Close();
  stream_.reset();
  server_.addresses.Leave(origin_.peer_address, signed_in_.has_value());
}

void Session::TellObserverClosed() {
  if (!observer_knows_) return;
  observer_knows_ = false;
  server_.observer->OnClosed(*this);
  extension_.reset();
}

// Not while a handler runs: its fields lie in the framer.
void Session::DropInput() {
  shard_->counters().Add(Counter::kPacketsEmpty, framer_.empty_packets());
  framer_ = line::Framer(server_.limits.packet_bytes_max_before_sign_in);
  stash_ = std::string();
  pending_ = PendingRequests();
}

}  // namespace convergia::lineserver
