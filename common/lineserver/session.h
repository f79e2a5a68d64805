#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <typeinfo>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/base/fail.h"
#include "common/line/framer.h"
#include "common/line/packet.h"
#include "common/lineserver/command_table.h"
#include "common/lineserver/pending_requests.h"
#include "common/lineserver/session_types.h"
#include "common/session/connection.h"
#include "common/session/dialect.h"
#include "common/session/shard.h"

namespace convergia::lineserver {

struct ServerState;
using session::Shard;

// Names a session; may be copied to any thread. The shard lives as long as its server.
struct SessionHandle {
  Shard* shard = nullptr;
  std::weak_ptr<Session> session;
};

// The state of one client that speaks the line protocol: its user and its requests. It is the
// dialect of one connection (common/session), which owns TLS, the outbox and most limits.
//
//   greeted -> signed in, perhaps -> closed
//
// Only on its shard's thread; other threads use SessionHandle and Responder. The files: session.cc
// has the life cycle and writing, session_read.cc has packets in, session_sign_in.cc has signing
// in.
class Session final : public session::Dialect {
 public:
  // All outlive the session's connection.
  Session(session::Connection& connection, const ServerState& server, const CommandTable& table);

  uint64_t id() const { return connection_.id(); }
  // Null until the client is signed in.
  const SignedIn* signed_in() const { return signed_in_ ? &*signed_in_ : nullptr; }
  const std::string& peer_address() const { return connection_.peer_address(); }
  const CommandTable& table() const { return table_; }
  Shard& shard() const { return connection_.shard(); }
  SessionHandle handle() { return {&shard(), self()}; }

  // Data that the server's owner keeps with this session. The observer sets it in OnSignedIn(). The
  // session destroys it on its shard, after OnClosed() or if OnSignedIn() fails.
  void set_extension(std::unique_ptr<SessionExtension> extension) {
    extension_ = std::move(extension);
  }
  // Null if there is none, or one of another type than T, which is final.
  template <typename T>
  T* extension() const {
    // Handlers of messages ask for it every time, and dynamic_cast is slow.
    static_assert(std::is_final_v<T>);
    const SessionExtension* const held = extension_.get();
    const bool is_t = held != nullptr && typeid(*held) == typeid(T);
    return is_t ? static_cast<T*>(extension_.get()) : nullptr;
  }

  // Appends a push to the outbox; it leaves at the end of this turn at the latest. False if the
  // session is closing. False too if the push would exceed the outbox's hard bound; then the
  // session closes.
  bool Push(absl::string_view word, absl::string_view data);

  // Does the same with a packet that `write(std::string*)` appends as it goes on the wire. It has
  // about `bytes` bytes.
  template <typename Write>
  bool PushPacket(size_t bytes, Write&& write) {
    const bool pushed = connection_.Push(bytes, std::forward<Write>(write));
    if (pushed) counters().Add(session::Counter::kPacketsOut);
    return pushed;
  }
  // Does the same with a finished packet (line::AppendPush) that many sessions share.
  bool PushShared(const std::shared_ptr<const std::string>& packet);

  // See session::Connection. If true, answer BUSY instead of pushing.
  bool IsCongested() { return connection_.IsCongested(); }

  // Takes no further requests, says BYE, and closes when BYE has left. Outstanding requests get no
  // answer. SessionObserver::OnClosed() follows at the end of the turn, never inside this call.
  void Close(FailCode code, absl::string_view text) { connection_.Close(code, text); }
  // Takes no further requests, answers the outstanding ones, and closes without BYE. If the
  // observer holds the session, it closes only after Release().
  void Quit();
  void Release();

  // Takes no further requests, answers the outstanding ones, then says BYE and closes.
  void Drain() { connection_.Drain(); }

  // Counts `bytes` against SessionLimits::request_bytes_outstanding_max until `key` is answered. A
  // handler calls this if its request or answer is large.
  void Weigh(RequestKey key, size_t bytes) { pending_.Weigh(key, bytes); }

  // Signs the client in, for LOGIN and for the bare packet. Answers through `responder`.
  void SignIn(absl::string_view user, absl::string_view secret, Responder responder);

  // Only for this room. `data` belongs to OK; it is unused if `status` is an error.
  void Answer(RequestKey key, const absl::Status& status, absl::string_view data);

  // session::Dialect:
  void OnOpen() override;
  bool OnBytes(absl::Span<char>* bytes) override;
  bool CanRead() const override;
  bool IsDone() const override;
  size_t held_bytes() const override { return pending_.held_bytes() + framer_.partial_bytes(); }
  void OnIdle() override;
  void OnClosing(FailCode code, absl::string_view text) override;
  void OnClosed() override;

 private:
  std::shared_ptr<Session> self() { return {connection_.shared_from_this(), this}; }
  session::ShardCounters& counters() const { return connection_.counters(); }

  // session_read.cc
  void OnPacket(absl::string_view packet);
  void OnRequest(const line::Request& request);
  void OnBareSignIn(absl::string_view user, absl::string_view secret);
  void OnBadPacket(absl::string_view id, const absl::Status& status);
  void OnTooLong(absl::string_view prefix);
  void RunCommand(const CommandSpec& command, absl::string_view data, bool has_data,
                  Responder responder);
  std::optional<Responder> BeginRequest(absl::string_view id);

  // session_sign_in.cc
  void OnSignInDone(absl::StatusOr<SignedIn> result, Responder responder);
  absl::Status AdmitSignedIn(SignedIn signed_in);
  std::string SignInRows() const;

  session::Connection& connection_;  // Owns this.
  const ServerState& server_;
  const CommandTable& table_;

  bool is_held_ = false;         // After Quit(), until Release().
  bool signs_in_ = false;        // Waits for the authenticator.
  bool observer_knows_ = false;  // OnSignedIn() succeeded, so OnClosed() is due.
  uint32_t sign_in_generation_ = 0;

  line::Framer framer_;
  PendingRequests pending_;
  std::optional<SignedIn> signed_in_;
  std::unique_ptr<SessionExtension> extension_;
};

}  // namespace convergia::lineserver
