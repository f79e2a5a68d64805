#pragma once

#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/base/fail.h"
#include "common/session/counters.h"
#include "common/session/dialect.h"
#include "common/session/limits/token_bucket.h"
#include "common/session/outbox.h"
#include "common/session/push_meter.h"
#include "common/session/shard.h"
#include "common/session/timing_wheel.h"
#include "common/tls/stream.h"

namespace convergia::session {

struct PortOptions;
struct ServerState;

// One client's connection, from accept to close. It owns TLS, the outbox, the deadlines and the
// limits. Its Dialect interprets the bytes.
//
//   handshake -> open (a stranger, then signed in) -> closing: the outbox leaves, then our end is
//   shut -> lingering: until the other side ends too, so that it reads our last word -> closed
//
// Back-pressure: while the outbox is over its soft bound, the dialect is given no bytes and the
// socket is not read. Only on its shard's thread. Files: connection.cc life,
// connection_read.cc bytes in, connection_write.cc bytes out, connection_deadlines.cc time.
class Connection final : public std::enable_shared_from_this<Connection>,
                         public TimingWheel::Entry {
 public:
  struct Origin {
    std::string peer_address;
    const PortOptions* port = nullptr;  // Outlives the server's shards.
    bool is_unwelcome = false;          // Gets BUSY after the handshake, then closes.
  };

  Connection(uint64_t id, ServerState& server, std::shared_ptr<Shard> shard,
             asio::ip::tcp::socket socket, Origin origin);
  ~Connection();

  uint64_t id() const { return id_; }
  const std::string& peer_address() const { return peer_address_; }
  Shard& shard() const { return *shard_; }
  ShardCounters& counters() const { return shard_->counters(); }
  bool is_open() const { return state_ == State::kOpen; }
  // Null before the handshake is done.
  Dialect* dialect() const { return dialect_.get(); }

  // ---- Writing. All that is written leaves at the end of this turn at the latest.

  // The buffer for answers, to append to now. Back-pressure bounds it: the connection does not read
  // a peer that does not take its answers.
  std::string* out() {
    MarkDirty();
    return outbox_.Tail(shard_->buffers());
  }

  // Appends a push, which answers no request: `write(std::string*)` appends about `bytes` bytes.
  // False if the connection is closing. False too if the push would exceed the outbox's hard bound;
  // then the connection closes.
  template <typename Write>
  bool Push(size_t bytes, Write&& write) {
    if (!AdmitPush(bytes)) return false;
    const size_t ahead = outbox_.bytes();
    write(out());
    pushes_.OnPush(ahead, outbox_.bytes() - ahead);
    return true;
  }
  // Does the same with bytes that go to many connections.
  bool PushShared(const std::shared_ptr<const std::string>& bytes);

  // True if the outbox is over its soft bound and the peer does not read; then answer senders with
  // BUSY. Bytes that wait only for the end of this turn are no congestion, so this call writes them
  // first.
  bool IsCongested();
  size_t outbox_bytes() const { return outbox_.bytes(); }

  // ---- Reading, for the dialect.

  // False while the peer must not be read: its outbox is too full, it sent too many messages, its
  // sign-in is unanswered, or the connection ends.
  bool CanRead() const;
  // Counts a message of `bytes` from the peer. Past Limits::messages or Limits::message_bytes,
  // reading pauses.
  void CountMessage(size_t bytes);
  // Checks at the end of this turn whether to read, close, or account for memory.
  void MarkDirty() { shard_->MarkDirty(*this); }

  // Signing in, for the dialect. A peer that does not sign in within its port's time is closed.

  // The server checks the peer's identity. Until EndSignIn() the connection reads nothing, and the
  // time does not count as the peer's.
  void BeginSignIn() { signs_in_ = true; }
  void EndSignIn() {
    signs_in_ = false;
    MarkDirty();
  }
  // The peer's identity is confirmed. False, without effect, if its address has too many sessions.
  bool SignIn();
  // Undoes SignIn().
  void SignOut();
  bool is_signed_in() const { return is_signed_in_; }

  // ---- Ending.

  // Reads no further, lets the dialect write its last word, and closes when that has left.
  // Outstanding requests get no answer. Dialect::OnClosed() follows at the end of the turn.
  void Close(FailCode code, absl::string_view text);
  // Reads no further, and closes without a last word once Dialect::IsDone().
  void Finish();
  // Does the same with a last word, UNAVAILABLE, because the server stops.
  void Drain();
  bool is_draining() const { return is_draining_; }

  // Only for this room: registers with the shard and begins the handshake.
  void Start();
  // Only for this room: what it holds of Limits::memory_bytes_max, and its end because it holds
  // most. On the shard's thread.
  size_t memory_bytes() const { return accounted_bytes_; }
  void CloseForMemory() { Abort(Counter::kClosedMemory); }

 private:
  friend class Shard;

  enum class State : uint8_t { kHandshake, kOpen, kClosing, kLingering, kDoomed, kClosed };

  // connection.cc
  void ContinueHandshake();
  void OnHandshakeDone();
  void OnTurnEnd();
  void BeginClosing(Counter reason);
  void BeginLinger();
  // Closes without a last word at the end of the turn.
  void Abort(Counter reason);
  void TearDown();
  void TellDialectClosed();

  // connection_read.cc
  void AwaitReadable();
  void OnReadable();
  void ContinueReading();
  bool GiveBytes(absl::Span<char> bytes);
  void OnReadError(const absl::Status& status);
  void Pause(absl::Span<const char> rest);

  // connection_write.cc
  void Flush();
  bool AdmitPush(size_t bytes);
  void AwaitWritable();
  void Account();

  // connection_deadlines.cc
  void OnDeadline();
  absl::Duration NextDeadline() const;
  void SetDeadline() { shard_->SetDeadline(*this, NextDeadline()); }
  bool OnOverdue(absl::Duration now);
  void OnSilence(absl::Duration now);

  // Constant after construction.
  const uint64_t id_;
  ServerState& server_;
  const std::shared_ptr<Shard> shard_;
  const std::string peer_address_;
  const PortOptions& port_;

  State state_ = State::kHandshake;
  const bool is_unwelcome_;
  bool is_dirty_ = false;         // Kept by the shard.
  bool awaits_readable_ = false;  // A wait is pending.
  bool awaits_writable_ = false;  // Likewise; the socket was full.
  bool is_stalled_ = false;       // The outbox waits for the socket since last_progress_.
  bool is_paused_ = false;        // Open, and not reading.
  bool is_rate_paused_ = false;   // Paused because a bucket is empty.
  bool is_ending_ = false;        // Reads no further; closes once the dialect is done.
  bool is_draining_ = false;      // Ends with a last word.
  bool signs_in_ = false;         // Between BeginSignIn() and EndSignIn().
  bool is_signed_in_ = false;
  bool was_idle_ = false;  // The dialect knows that the peer is silent.
  bool dialect_knows_closed_ = false;

  absl::Duration since_;  // When the state began.
  absl::Duration last_heard_;
  absl::Duration last_progress_;  // The last time the socket took bytes, while is_stalled_.

  std::optional<tls::TlsStream> stream_;  // Until closed.
  std::unique_ptr<Dialect> dialect_;      // Null until the handshake is done.
  std::string stash_;                     // Read, but not yet given to the dialect; while paused.
  Outbox outbox_;
  PushMeter pushes_;            // Those in the outbox.
  size_t accounted_bytes_ = 0;  // Our part of the server's memory_bytes.
  TokenBucket messages_;
  TokenBucket message_bytes_;
};

}  // namespace convergia::session
