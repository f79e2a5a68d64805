#include "common/lineserver/testing/session_test_fixture.h"

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"
#include "common/session/testing/session_testing.h"

namespace convergia::lineserver {
namespace {

constexpr absl::Duration kWaitMax = absl::Seconds(20);

SignedIn MakeSignedIn(const Username& user) {
  return {.account = 1,
          .user = user,
          .ticket = absl::StrCat("ticket-of-", user.str()),
          .expires = absl::FromUnixMillis(2000)};
}

}  // namespace

void FakeAuthenticator::SignIn(const Username& user, absl::string_view secret,
                               const std::string& peer_address, Done done) {
  EXPECT_EQ(peer_address, "127.0.0.1");
  if (secret == "secret") return done(MakeSignedIn(user));
  if (secret == "later") {
    absl::MutexLock lock(&mu_);
    waiting_.emplace_back(user, std::move(done));
    return;
  }
  done(Fail(FailCode::kSignInFailed, "wrong name or password; try again"));
}

void FakeAuthenticator::FinishLater() {
  std::vector<std::pair<Username, Done>> waiting;
  {
    absl::MutexLock lock(&mu_);
    ASSERT_TRUE(
        mu_.AwaitWithTimeout(absl::Condition(this, &FakeAuthenticator::HasWaiting), kWaitMax));
    waiting.swap(waiting_);
  }
  for (auto& [user, done] : waiting) done(MakeSignedIn(user));
}

void FakeAuthenticator::DropLater() {
  std::vector<std::pair<Username, Done>> waiting;
  absl::MutexLock lock(&mu_);
  ASSERT_TRUE(
      mu_.AwaitWithTimeout(absl::Condition(this, &FakeAuthenticator::HasWaiting), kWaitMax));
  waiting.swap(waiting_);
}

// Holds the session's user and counts its instances.
class FakeObserver::Extension final : public SessionExtension {
 public:
  Extension(FakeObserver* observer, const std::string& user) : user(user), observer_(*observer) {
    absl::MutexLock lock(&observer_.mu_);
    ++observer_.extensions_;
  }
  ~Extension() override {
    absl::MutexLock lock(&observer_.mu_);
    --observer_.extensions_;
  }

  const std::string user;

 private:
  FakeObserver& observer_;
};

void FakeObserver::WaitForExtensions(int count) {
  const auto reached = [&] { return extensions_ == count; };
  absl::MutexLock lock(&mu_);
  EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&reached), kWaitMax)) << extensions_;
}

absl::Status FakeObserver::OnSignedIn(Session& session) {
  const std::string& user = session.signed_in()->user.str();
  session.set_extension(std::make_unique<Extension>(this, user));
  if (user == "refused") return Fail(FailCode::kBusy, "you have too many sessions; close one");
  absl::MutexLock lock(&mu_);
  sessions_.emplace_back(user, session.handle());
  return absl::OkStatus();
}

void FakeObserver::OnClosed(Session& session) {
  const Extension* const extension = session.extension<Extension>();
  ASSERT_NE(extension, nullptr);
  EXPECT_EQ(extension->user, session.signed_in()->user.str());
  absl::MutexLock lock(&mu_);
  const auto found = std::find_if(sessions_.begin(), sessions_.end(), [&](const auto& entry) {
    return entry.second.session.lock().get() == &session;
  });
  ASSERT_NE(found, sessions_.end()) << "told of an end without a beginning";
  sessions_.erase(found);
}

void FakeObserver::WaitForSessions(const std::string& user, size_t count) {
  const auto reached = [&] {
    size_t sessions = 0;
    for (const auto& [name, handle] : sessions_) sessions += name == user ? 1 : 0;
    return sessions == count;
  };
  absl::MutexLock lock(&mu_);
  EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(&reached), kWaitMax)) << user << " " << count;
}

SessionHandle FakeObserver::Find(const std::string& user) {
  absl::MutexLock lock(&mu_);
  for (const auto& [name, handle] : sessions_) {
    if (name == user) return handle;
  }
  return {};
}

SessionTest::SessionTest() : tls_(session::MakeTestTls(clock_)) {
  std::vector<CommandSpec> commands = Commands();
  for (CommandSpec& command : PushCommands()) commands.push_back(std::move(command));
  table_ = std::make_unique<CommandTable>(std::move(commands));
  options_.listen = {{.address = "127.0.0.1:0", .table = table_.get()}};
  deps_ = {.tls = tls_.get(),
           .authenticator = &authenticator_,
           .observer = &observer_,
           .clock = &clock_};
  options_.shards = 2;
  options_.greeting = {{"version", "1"}, {"server", "edge1"}};
  options_.tick = absl::Milliseconds(1);
}

SessionTest::~SessionTest() {
  if (server_ != nullptr) server_->Stop();
}

void SessionTest::StartServer() {
  auto server = LineServer::Create(deps_, options_);
  ASSERT_OK(server);
  server_ = *std::move(server);
  server_->Start();
}

std::vector<CommandSpec> SessionTest::PushCommands() {
  return {
      {.word = "FLOOD",
       .fields_min = 2,
       .fields_max = 2,
       .handler =
           [this](Session&, Fields fields, Responder responder) {
             const SessionHandle to = observer_.Find(std::string(fields[0]));
             int count = 0;
             ASSERT_TRUE(absl::SimpleAtoi(fields[1], &count));
             if (to.shard == nullptr) return responder.Ok("0");  // It closed in the meantime.
             to.shard->Post([to, count, responder = std::move(responder)]() mutable {
               const std::shared_ptr<Session> session = to.session.lock();
               int went = 0;
               while (session != nullptr && went < count &&
                      session->Push("RECEIVEMESSAGE", std::string(1000, 'x'))) {
                 ++went;
               }
               responder.Ok(absl::StrCat(went));
             });
           }},
      {.word = "POUR",
       .fields_min = 2,
       .fields_max = 2,
       .handler =
           [this](Session&, Fields fields, Responder responder) {
             const SessionHandle to = observer_.Find(std::string(fields[0]));
             int count = 0;
             ASSERT_TRUE(absl::SimpleAtoi(fields[1], &count));
             if (to.shard == nullptr) return responder.Ok("0");
             to.shard->Post([to, count, responder = std::move(responder)]() mutable {
               const std::shared_ptr<Session> session = to.session.lock();
               int went = 0;
               while (session != nullptr && went < count && !session->IsCongested() &&
                      session->Push("RECEIVEMESSAGE", std::string(1000, 'x'))) {
                 ++went;
               }
               responder.Ok(absl::StrCat(went));
             });
           }},
  };
}

std::vector<CommandSpec> SessionTest::Commands() {
  const auto echo = [](Session&, Fields fields, Responder responder) { responder.Ok(fields[0]); };
  return {
      {.word = "ECHO",
       .fields_min = 1,
       .fields_max = 1,
       .access = Access::kAnyone,
       .handler = echo,
       .help = "data: says it back"},
      {.word = "BIG",
       .fields_min = 1,
       .fields_max = 1,
       .handler =
           [](Session&, Fields fields, Responder responder) {
             int bytes = 0;
             ASSERT_TRUE(absl::SimpleAtoi(fields[0], &bytes));
             responder.Ok(std::string(static_cast<size_t>(bytes), 'b'));
           }},
      {.word = "TWO",
       .fields_min = 2,
       .fields_max = 2,
       .access = Access::kAnyone,
       .handler =
           [](Session&, Fields fields, Responder responder) {
             responder.Ok(absl::StrCat(fields[0], "|", fields[1]));
           },
       .help = "a LF b: both"},
      {.word = "OPT",
       .fields_max = 2,
       .access = Access::kAnyone,
       .handler = [](Session&, Fields fields,
                     Responder responder) { responder.Ok(absl::StrCat(fields.size())); }},
      {.word = "LATER",
       .access = Access::kAnyone,
       .handler =
           [this](Session&, Fields, Responder responder) {
             absl::MutexLock lock(&mu_);
             later_.push_back(std::move(responder));
           },
       .answer_bytes_max = kSmallAnswerBytes},
      {.word = "PAGE",
       .access = Access::kAnyone,
       .handler =
           [this](Session&, Fields, Responder responder) {
             absl::MutexLock lock(&mu_);
             later_.push_back(std::move(responder));
           }},
      {.word = "NEVER", .access = Access::kAnyone, .handler = [](Session&, Fields, Responder) {}},
      {.word = "SAY",
       .fields_min = 1,
       .fields_max = 1,
       .access = Access::kAnyone,
       .handler = echo,
       .counts_as_message = true},
      {.word = "WHO",
       .handler = [](Session& session, Fields,
                     Responder responder) { responder.Ok(session.signed_in()->user.str()); }},
  };
}

std::unique_ptr<TestClient> SessionTest::Connect() {
  auto client = std::make_unique<TestClient>(address());
  EXPECT_TRUE(client->Handshake());
  EXPECT_EQ(client->ReadPacket().substr(0, 28), "INFO version\t1\nserver\tedge1\n");
  return client;
}

std::unique_ptr<TestClient> SessionTest::ConnectAndSignIn(const std::string& user) {
  std::unique_ptr<TestClient> client = Connect();
  const std::string answer = client->Ask(absl::StrCat("LOGIN ", user, "~\nsecret\n"));
  EXPECT_EQ(answer.substr(0, 8 + user.size()), absl::StrCat("OK user\t", user));
  return client;
}

std::unique_ptr<TestClient> SessionTest::ConnectWithSmallBuffer(const std::string& user) {
  auto client = std::make_unique<TestClient>(address());
  client->SetReceiveBuffer(4096);
  EXPECT_TRUE(client->Handshake());
  EXPECT_EQ(client->ReadPacket().substr(0, 5), "INFO ");
  EXPECT_EQ(client->Ask(absl::StrCat(user, "~\nsecret\n")).substr(0, 3), "OK ");
  return client;
}

void SessionTest::WaitForLater(size_t count) {
  absl::MutexLock lock(&mu_);
  later_wanted_ = count;
  EXPECT_TRUE(mu_.AwaitWithTimeout(absl::Condition(this, &SessionTest::HasLater), kWaitMax));
}

void SessionTest::AnswerLater(size_t index, absl::string_view data) {
  WaitForLater(index + 1);
  Responder responder;
  {
    absl::MutexLock lock(&mu_);
    responder = std::move(later_[index]);
  }
  responder.Ok(data);
}

void SessionTest::WaitUntil(const std::function<bool()>& condition, const char* what) {
  session::WaitUntil(server_->shards(), condition, what);
}

void SessionTest::WaitForCounter(Counter counter, uint64_t count) {
  WaitUntil([&] { return CounterOf(counter) >= count; }, std::string(CounterName(counter)).c_str());
}

void SessionTest::WaitForConnections(int64_t count) {
  WaitUntil([&] { return server_->connections() == count; }, "connections");
}

void SessionTest::WaitForNoMemory() {
  WaitUntil([&] { return server_->memory_bytes() == 0; }, "memory");
}

void SessionTest::Advance(absl::Duration by) { session::Advance(server_->shards(), clock_, by); }

}  // namespace convergia::lineserver
