#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "common/base/ids.h"

// What the owner of a line server (edge, mgmt) gives it and gets from it.
namespace convergia::lineserver {

class Session;

// Who signed in on a session.
struct SignedIn {
  AccountId account = 0;
  Username user;
  std::string ticket;         // Given to the client, then dropped; empty if the owner makes none.
  Generation generation = 0;  // Of the ticket.
  absl::Time expires;
};

// What the owner of a line server keeps with one session: it derives its own type, which is best
// final, and finds it with Session::extension<T>(). Only on the session's shard.
class SessionExtension {
 public:
  virtual ~SessionExtension() = default;
};

// Decides who a client is. Thread-safe.
class Authenticator {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<SignedIn>)>;

  virtual ~Authenticator() = default;

  // `secret` is a password or a ticket, valid only during the call. Never blocks. `done` is called
  // once, on any thread, with the error that the user shall read; meanwhile the session waits.
  virtual void SignIn(const Username& user, absl::string_view secret,
                      const std::string& peer_address, Done done) = 0;
};

// Is told of sessions, on each session's own thread. Must not block.
class SessionObserver {
 public:
  virtual ~SessionObserver() = default;

  // The session knows its user now. The OK is not written yet, so an owner with something to push
  // at once posts it (Shard::Post). An error refuses the sign-in; the session goes on without.
  virtual absl::Status OnSignedIn(Session& session) = 0;

  // A signed-in session says QUIT. True: it is to be kept for what is still on its way to it,
  // though it asks nothing more, until Session::Release().
  virtual bool HoldsQuit(Session& session) { return false; }

  // Once for each session that OnSignedIn() accepted, when it ends for whatever reason.
  virtual void OnClosed(Session& session) = 0;
};

}  // namespace convergia::lineserver
