#pragma once

#include <asio/ip/tcp.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "common/base/fail.h"
#include "common/line/framer.h"
#include "common/lineserver/command_table.h"
#include "common/lineserver/pending_requests.h"
#include "common/lineserver/session_types.h"
#include "common/lineserver/shard.h"
#include "common/session/counters.h"
#include "common/session/outbox.h"
#include "common/session/timing_wheel.h"
#include "common/session/token_bucket.h"
#include "common/tls/stream.h"

namespace convergia::lineserver {

struct ServerState;
using session::Outbox;
using session::TokenBucket;

// Names a session from any thread. The shard lives as long as its server.
struct SessionHandle {
  Shard* shard = nullptr;
  std::weak_ptr<Session> session;
};

// One client's connection, from accept to close.
//
//   handshake -> open (anyone, then signed in) -> closing: the outbox leaves, then our end is shut
//   -> lingering: until the other side ends too, so that it reads our last word -> closed
//
// Only on its shard's thread (SessionHandle and Responder are for others). Files: session.cc life
// and the public door, session_read.cc packets in, session_write.cc packets out,
// session_sign_in.cc, session_deadlines.cc time.
class Session final : public std::enable_shared_from_this<Session>, public TimingWheel::Entry {
 public:
  struct Origin {
    std::string peer_address;
    const CommandTable* table = nullptr;
    absl::Duration sign_in_timeout;
    bool is_unwelcome = false;  // Is told BUSY after the handshake, and closed.
  };

  Session(uint64_t id, ServerState& server, std::shared_ptr<Shard> shard,
          asio::ip::tcp::socket socket, Origin origin);
  ~Session();

  uint64_t id() const { return id_; }
  // Null until the client is signed in.
  const SignedIn* signed_in() const { return signed_in_ ? &*signed_in_ : nullptr; }
  const std::string& peer_address() const { return origin_.peer_address; }
  const CommandTable& table() const { return *origin_.table; }
  Shard& shard() const { return *shard_; }
  SessionHandle handle() { return {shard_.get(), weak_from_this()}; }

  // What the owner keeps with this session. The observer sets it in OnSignedIn(); the session
  // destroys it on its shard, after OnClosed() or if OnSignedIn() fails.
  void set_extension(std::unique_ptr<SessionExtension> extension) {
    extension_ = std::move(extension);
  }
  // Null if there is none, or one of another type.
  template <typename T>
  T* extension() const {
    return dynamic_cast<T*>(extension_.get());
  }

  // Puts a push into the outbox; it leaves at the end of this turn at the latest. False if the
  // session is closing, or if this would take its outbox over the hard bound, and then it is
  // closed.
  bool Push(absl::string_view word, absl::string_view data);

  // The same for a packet that is whole already (line::AppendPush), so that one packet can go to
  // many sessions.
  bool PushEscaped(absl::string_view packet);
  bool PushEscaped(const std::shared_ptr<const std::string>& packet);

  // Over the soft bound, and the client does not read: whoever can answer BUSY instead of pushing
  // more, should. What only gathers to leave at the end of this turn is no congestion: it is
  // written now, to see.
  bool IsCongested();
  size_t outbox_bytes() const { return outbox_.bytes(); }

  // Takes no more requests, says BYE, and closes when that has left. Outstanding requests get no
  // answer. OnClosed() follows at the end of the turn, never from inside a call of the owner's.
  void Close(FailCode code, absl::string_view text);
  // Takes no more requests, lets what is outstanding be answered, and closes without BYE; only
  // after Release(), if the observer holds it.
  void Quit();
  void Release();

  // Answers nothing new, lets what is outstanding be answered, then says BYE and closes.
  void Drain();

  // Counts `bytes` against what this session may have unanswered, until `key` is answered. By the
  // handler of a request that carries much, or whose answer will.
  void Weigh(RequestKey key, size_t bytes) { pending_.Weigh(key, bytes); }

  // Signs in: LOGIN and the bare packet. Answers `responder`.
  void SignIn(absl::string_view user, absl::string_view secret, Responder responder);

  // All below is for this room.

  // Takes its place on the shard and begins the handshake.
  void Start();
  // Data of OK, or a status that is not OK.
  void Answer(RequestKey key, const absl::Status& status, absl::string_view data);
  bool is_open() const { return state_ == State::kOpen; }

 private:
  friend class Shard;

  enum class State { kHandshake, kOpen, kClosing, kLingering, kDoomed, kClosed };

  // session.cc
  void ContinueHandshake();
  void OnHandshakeDone();
  void OnTurnEnd();
  void BeginClosing(Counter reason);
  void BeginLinger();
  // Closes without a word at the end of the turn.
  void Abort(Counter reason);
  void TearDown();
  void TellObserverClosed();
  void DropInput();

  // session_read.cc
  void AwaitReadable();
  void OnReadable();
  void ContinueReading();
  bool TakeBytes(absl::Span<char> bytes);
  void OnReadError(const absl::Status& status);
  void OnPacket(absl::string_view packet);
  void OnBadPacket(absl::string_view packet, absl::string_view id, const absl::Status& status);
  void OnTooLong(absl::string_view prefix);
  void RunCommand(const CommandSpec& command, absl::string_view data, bool has_data,
                  Responder responder);
  std::optional<Responder> BeginRequest(absl::string_view id);
  bool CanRead() const;
  void Pause(absl::Span<const char> rest);

  // session_write.cc
  void Flush();
  bool AdmitPush(size_t bytes);
  void AwaitWritable();
  void Account();

  // session_sign_in.cc
  void OnSignInDone(absl::StatusOr<SignedIn> result, Responder responder);
  absl::Status AdmitSignedIn(SignedIn signed_in);
  std::string SignInRows() const;

  // session_deadlines.cc
  void OnDeadline();
  absl::Duration NextDeadline() const;
  void SetDeadline() { shard_->SetDeadline(*this, NextDeadline()); }
  bool OnOverdue(absl::Duration now);
  void OnSilence(absl::Duration now);

  // Constant after construction.
  const uint64_t id_;
  ServerState& server_;
  const std::shared_ptr<Shard> shard_;
  const Origin origin_;

  State state_ = State::kHandshake;
  bool is_dirty_ = false;         // Kept by the shard.
  bool awaits_readable_ = false;  // A wait is under way.
  bool awaits_writable_ = false;  // The same; then the socket was full.
  bool is_stalled_ = false;       // The outbox waits for the socket since last_progress_.
  bool is_paused_ = false;        // Open, and not reading.
  bool is_rate_paused_ = false;   // Paused, for want of tokens.
  bool is_ending_ = false;        // Reads no more; closes once nothing is outstanding.
  bool is_held_ = false;          // ... and Release() was called.
  bool says_bye_ = false;         // ... with a BYE.
  bool signs_in_ = false;         // The authenticator is at work.
  bool was_pinged_ = false;       // Since we last heard of the client.
  bool observer_knows_ = false;   // OnSignedIn() was accepted and OnClosed() is due.
  uint32_t sign_in_generation_ = 0;

  absl::Duration since_;  // When the state began.
  absl::Duration last_heard_;
  absl::Duration last_progress_;  // In writing, while is_stalled_.

  std::optional<tls::TlsStream> stream_;  // Until closed.
  line::Framer framer_;
  std::string stash_;  // Read and not yet looked at, while paused.
  PendingRequests pending_;
  Outbox outbox_;
  size_t push_bytes_ = 0;       // At most so many of the outbox's are pushes.
  size_t accounted_bytes_ = 0;  // Of the server's memory_bytes.
  TokenBucket tokens_;
  std::optional<SignedIn> signed_in_;
  std::unique_ptr<SessionExtension> extension_;
};

}  // namespace convergia::lineserver
