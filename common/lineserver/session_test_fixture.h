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
#include "common/lineserver/test_client.h"
#include "common/tls/context.h"

namespace convergia::lineserver {

using session::Counter;

// Lets in everybody whose secret is "secret"; whose is "later" waits for FinishLater().
class FakeAuthenticator final : public Authenticator {
 public:
  void SignIn(const Username& user, absl::string_view secret, const std::string& peer_address,
              Done done) override;

  // Waits until somebody does wait, then lets them in, from the caller's thread.
  void FinishLater();
  // Forgets them without an answer.
  void DropLater();

 private:
  bool HasWaiting() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) { return !waiting_.empty(); }

  absl::Mutex mu_;
  std::vector<std::pair<Username, Done>> waiting_ ABSL_GUARDED_BY(mu_);
};

// Sessions on their shards, as the edge would know them.
class FakeObserver final : public SessionObserver {
 public:
  absl::Status OnSignedIn(Session& session) override;
  void OnClosed(Session& session) override;
  bool HoldsQuit(Session& session) override { return holds_quits_; }
  void set_holds_quits() { holds_quits_ = true; }
  // Waits until so many extensions of sessions exist.
  void WaitForExtensions(int count);

  // Waits until `user` has `count` sessions.
  void WaitForSessions(const std::string& user, size_t count);
  // The first session of `user`, which is there.
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
//   BIG bytes              OK and so many bytes
//   TWO a LF b             OK, two fields; OPT [a [LF b]]: OK and how many fields there were
//   LATER                  answered by AnswerLater(), from the test's thread
//   PAGE                   the same, and its answer may be large
//   NEVER                  dropped without an answer
//   SAY data               as ECHO, but counts as a message
//   FLOOD user LF count    pushes so many packets of 1,000 bytes to `user`; OK and how many went
//   POUR user LF count     the same, but ends where `user` is congested
//   WHO                    OK and the user's name; the only one of these for the signed in
class SessionTest : public testing::Test {
 protected:
  SessionTest();
  ~SessionTest() override;

  // Starts the server with `options_`, which a test may change before.
  void StartServer();

  // A connection that is greeted, not signed in.
  std::unique_ptr<TestClient> Connect();
  std::unique_ptr<TestClient> ConnectAndSignIn(const std::string& user);
  // One who can take hardly anything unread.
  std::unique_ptr<TestClient> ConnectWithSmallBuffer(const std::string& user);
  // The server's address for clients of their own making.
  std::string address() const { return server_->addresses()[0]; }

  void WaitForLater(size_t count);
  // Answers the `index`th request of LATER.
  void AnswerLater(size_t index, absl::string_view data);

  uint64_t CounterOf(Counter counter) const {
    return server_->counters()[static_cast<size_t>(counter)];
  }
  // Waits until it is at least `count`.
  void WaitForCounter(Counter counter, uint64_t count);
  void WaitForConnections(int64_t count);
  // Waits until nothing is held for slow clients.
  void WaitForNoMemory();
  // Moves the clock, and waits until the shards have noticed.
  void Advance(absl::Duration by);

  FakeClock clock_;
  FakeAuthenticator authenticator_;
  FakeObserver observer_;
  std::unique_ptr<tls::TlsContext> tls_;
  std::unique_ptr<CommandTable> table_;
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
