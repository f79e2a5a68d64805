#pragma once

#include <gtest/gtest.h>
#include <atomic>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/lineserver/line_server.h"
#include "common/lineserver/testing/test_client.h"
#include "common/tls/context.h"

namespace convergia::lineserver {

using session::Counter;

// Accepts any user with the secret "secret". A user with the secret "later" waits for
// FinishLater().
class FakeAuthenticator final : public Authenticator {
 public:
  void SignIn(const Username& user, absl::string_view secret, const std::string& peer_address,
              Done done) override;

  // Waits until a user waits, then accepts all that do, from the caller's thread.
  void FinishLater();
  // Drops the waiting sign-ins without an answer.
  void DropLater();

 private:
  bool HasWaiting() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return !waiting_.empty(); }

  absl::Mutex mu_;
  std::vector<std::pair<Username, Done>> waiting_ ABSL_GUARDED_BY(mu_);
};

// Records the signed-in sessions, as an edge does.
class FakeObserver final : public SessionObserver {
 public:
  absl::Status OnSignedIn(Session& session) override;
  void OnClosed(Session& session) override;
  bool HoldsQuit(Session& session) override { return holds_quits_; }
  void set_holds_quits() { holds_quits_ = true; }
  // Waits until `count` extensions of sessions exist.
  void WaitForExtensions(int count);

  // Waits until `user` has `count` sessions.
  void WaitForSessions(const std::string& user, size_t count);
  // The first session of `user`, which must have one.
  SessionHandle Find(const std::string& user);

 private:
  class Extension;

  std::atomic<bool> holds_quits_ = false;
  mutable absl::Mutex mu_;
  int extensions_ ABSL_GUARDED_BY(mu_) = 0;
  std::vector<std::pair<std::string, SessionHandle>> sessions_ ABSL_GUARDED_BY(mu_);
};

// A real server on loopback with a fake clock, and its clients.
//
//   ECHO data              OK data
//   BIG bytes              OK and that number of bytes
//   TWO a LF b             OK, two fields; OPT [a [LF b]]: OK and the number of fields
//   LATER                  answered by AnswerLater(), from the test's thread
//   PAGE                   like LATER, but its answer may be large
//   NEVER                  dropped without an answer
//   SAY data               like ECHO, but counts as a message
//   FLOOD user LF count    pushes `count` packets of 1,000 bytes to `user`; OK and how many it took
//   POUR user LF count     like FLOOD, but stops when `user` is congested
//   WHO                    OK and the user's name; the only one that needs a sign-in
class SessionTest : public testing::Test {
 protected:
  SessionTest();
  ~SessionTest() override;

  // Starts the server with `options_`, which a test may change before this.
  void StartServer();

  // A connection that has read the greeting and is not signed in.
  std::unique_ptr<TestClient> Connect();
  std::unique_ptr<TestClient> ConnectAndSignIn(const std::string& user);
  // A client with a tiny receive buffer, so that its outbox fills soon.
  std::unique_ptr<TestClient> ConnectWithSmallBuffer(const std::string& user);
  // The server's address, for tests that make their own client.
  std::string address() const { return server_->addresses()[0]; }

  void WaitForLater(size_t count);
  // Answers the `index`th request of LATER.
  void AnswerLater(size_t index, absl::string_view data);

  uint64_t CounterOf(Counter counter) const {
    return server_->counters()[static_cast<size_t>(counter)];
  }
  // Waits until the counter is at least `count`.
  void WaitForCounter(Counter counter, uint64_t count);
  void WaitForConnections(int64_t count);
  // Waits until the server holds no bytes for slow clients.
  void WaitForNoMemory();
  // Moves the clock and waits until all shards see the new time.
  void Advance(absl::Duration by);

  FakeClock clock_;
  FakeAuthenticator authenticator_;
  FakeObserver observer_;
  std::unique_ptr<tls::TlsContext> tls_;
  std::unique_ptr<CommandTable> table_;
  LineServer::Deps deps_;
  LineServer::Options options_;
  std::unique_ptr<LineServer> server_;

 private:
  std::vector<CommandSpec> Commands();
  std::vector<CommandSpec> PushCommands();
  void WaitUntil(const std::function<bool()>& condition, const char* what);
  bool HasLater() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return later_.size() >= later_wanted_;
  }

  absl::Mutex mu_;
  std::vector<Responder> later_ ABSL_GUARDED_BY(mu_);
  size_t later_wanted_ ABSL_GUARDED_BY(mu_) = 0;
};

}  // namespace convergia::lineserver
