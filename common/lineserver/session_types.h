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

// The interfaces between a line server and its owner (edge or mgmt).
namespace convergia::lineserver {

class Session;

// The user who signed in on a session.
struct SignedIn {
  AccountId account = 0;
  Username user;
  std::string ticket;         // Sent to the client, then dropped; empty if the owner issues none.
  Generation generation = 0;  // Of the ticket.
  absl::Time expires;         // The end of the ticket.
};

// Data that the owner of a line server keeps with one session. The owner derives a final type, and
// finds it with Session::extension<T>(). It is used and destroyed on the session's shard only.
class SessionExtension {
 public:
  virtual ~SessionExtension() = default;
};

// Checks the identity of a client. Thread-safe.
class Authenticator {
 public:
  using Done = absl::AnyInvocable<void(absl::StatusOr<SignedIn>)>;

  virtual ~Authenticator() = default;

  // Checks `secret`, a password or a ticket. The view is valid only during the call. Never blocks.
  // Calls `done` once, on any thread, perhaps before it returns. The error is for the user to read.
  // Until then the session reads no further request.
  virtual void SignIn(const Username& user, absl::string_view secret,
                      const std::string& peer_address, Done done) = 0;
};

// Receives events of sessions, each on its session's thread. Must not block.
class SessionObserver {
 public:
  virtual ~SessionObserver() = default;

  // The session has a user now, but the OK to the client is not written yet. So the owner does not
  // push here: it posts the push (Shard::Post). An error refuses the sign-in; the session stays
  // open, not signed in.
  virtual absl::Status OnSignedIn(Session& session) = 0;

  // The client of a signed-in session has said QUIT. If the answer is true, the session stays open
  // until Session::Release() or until it drains, to receive messages that are under way to it. It
  // takes no further requests.
  virtual bool HoldsQuit(Session& session) { return false; }

  // Comes once for each session that OnSignedIn() accepted, when the session ends for any reason.
  virtual void OnClosed(Session& session) = 0;
};

}  // namespace convergia::lineserver
