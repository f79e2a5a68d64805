#include "common/session/connection.h"

#include <glog/logging.h>

#include <utility>

#include "common/session/listener.h"
#include "common/session/server_state.h"

namespace convergia::session {

Connection::Connection(uint64_t id, ServerState& server, std::shared_ptr<Shard> shard,
                       asio::ip::tcp::socket socket, Origin origin)
    : id_(id),
      server_(server),
      shard_(std::move(shard)),
      peer_address_(std::move(origin.peer_address)),
      port_(*origin.port),
      is_unwelcome_(origin.is_unwelcome),
      since_(shard_->now()),
      last_heard_(since_),
      last_progress_(since_),
      stream_(std::in_place, std::move(socket), server.tls),
      messages_(since_, server.limits.messages),
      message_bytes_(since_, server.limits.message_bytes) {}

// This may run on any thread if an owner on that thread held the last reference. By then TearDown()
// has returned everything that belongs to the shard.
Connection::~Connection() { CHECK(!stream_) << "a connection dies before it is closed"; }

void Connection::Start() {
  if (shard_->is_closing()) return TearDown();
  shard_->Add(shared_from_this());
  SetDeadline();
  ContinueHandshake();
}

void Connection::ContinueHandshake() {
  const absl::StatusOr<tls::TlsStream::Want> want = stream_->HandshakeStep();
  if (!want.ok()) {
    counters().Add(Counter::kHandshakesFailed);
    if (absl::IsInvalidArgument(want.status())) counters().Add(Counter::kPlainText);
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

void Connection::OnHandshakeDone() {
  counters().Add(Counter::kHandshakes);
  state_ = State::kOpen;
  since_ = last_heard_ = shard_->now();
  SetDeadline();
  dialect_ = port_.make_dialect(*this);
  if (is_unwelcome_) {
    return Close(FailCode::kBusy,
                 "too many connections from your address are not signed in; close some or wait");
  }
  dialect_->OnOpen();
  Pause({});  // Bytes that arrived with the handshake are read at the end of the turn.
  MarkDirty();
  if (server_.draining) Drain();
}

void Connection::OnTurnEnd() {
  if (state_ == State::kOpen || state_ == State::kClosing) Flush();
  if (state_ == State::kOpen && is_paused_ && CanRead() && dialect_->CanRead()) ContinueReading();
  if (state_ == State::kOpen && is_ending_ && dialect_->IsDone()) {
    if (is_draining_) {
      Close(FailCode::kUnavailable, "this server is stopping; connect to another");
    } else {
      BeginClosing(Counter::kClosedByPeer);
    }
  }
  if (state_ == State::kClosing) {
    TellDialectClosed();
    if (outbox_.empty()) BeginLinger();
  }
  Account();
  if (state_ == State::kDoomed) TearDown();
}

void Connection::Close(FailCode code, absl::string_view text) {
  if (state_ == State::kHandshake) return Abort(Counter::kClosedByServer);
  if (state_ != State::kOpen) return;
  dialect_->OnClosing(code, text);
  BeginClosing(Counter::kClosedByServer);
}

void Connection::Finish() {
  is_ending_ = true;
  MarkDirty();
}

void Connection::Drain() {
  if (state_ == State::kHandshake) return Abort(Counter::kClosedByServer);
  if (state_ != State::kOpen) return;
  is_draining_ = true;
  Finish();
}

bool Connection::SignIn() {
  if (!server_.addresses.SignIn(peer_address_)) return false;
  is_signed_in_ = true;
  SetDeadline();
  return true;
}

void Connection::SignOut() {
  is_signed_in_ = false;
  server_.addresses.SignOut(peer_address_);
  SetDeadline();
}

void Connection::BeginClosing(Counter reason) {
  counters().Add(reason);
  state_ = State::kClosing;
  MarkDirty();
}

void Connection::BeginLinger() {
  state_ = State::kLingering;
  since_ = shard_->now();
  SetDeadline();
  stream_->ShutdownSend();
  if (!awaits_readable_) AwaitReadable();
}

void Connection::Abort(Counter reason) {
  if (state_ == State::kDoomed || state_ == State::kClosed) return;
  counters().Add(reason);
  state_ = State::kDoomed;
  MarkDirty();
}

void Connection::TearDown() {
  if (state_ == State::kClosed) return;
  // The shard may hold the last reference.
  const std::shared_ptr<Connection> keep_alive = shared_from_this();
  TellDialectClosed();
  state_ = State::kClosed;
  shard_->Remove(*this);
  outbox_.Clear(shard_->buffers());
  Account();
  stream_->Close();
  stream_.reset();
  server_.addresses.Leave(peer_address_, is_signed_in_);
}

// Never call this while the dialect takes bytes: they may lie in the stash or in the dialect.
void Connection::TellDialectClosed() {
  if (dialect_knows_closed_) return;
  dialect_knows_closed_ = true;
  if (dialect_ != nullptr) dialect_->OnClosed();
  stash_ = std::string();
}

}  // namespace convergia::session
