#include "edge/core/people.h"

#include <google/protobuf/text_format.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/server_builder.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/notification.h"
#include "common/base/fail.h"
#include "common/rpc/calls/status.h"
#include "convergia/v1/accounts.grpc.pb.h"

namespace convergia::edge {
namespace {

// An mgmt that gives one answer to every call, and remembers the last question.
class FakeMgmt final : public v1::Accounts::Service {
 public:
  std::string question;  // As the text form of its message.
  std::string answer;    // Likewise.
  absl::Status refusal;  // Unless OK, in place of the answer.

 private:
  template <typename Request, typename Response>
  grpc::Status Say(const Request& request, Response* response) {
    question = request.ShortDebugString();
    if (!refusal.ok()) return rpc::ToGrpcStatus(refusal);
    EXPECT_TRUE(google::protobuf::TextFormat::ParseFromString(answer, response)) << answer;
    return grpc::Status::OK;
  }

  grpc::Status Register(grpc::ServerContext*, const v1::RegisterRequest* request,
                        v1::RegisterResponse* response) override {
    return Say(*request, response);
  }
  grpc::Status Confirm(grpc::ServerContext*, const v1::ConfirmRequest* request,
                       v1::ConfirmResponse* response) override {
    return Say(*request, response);
  }
  grpc::Status ListSessions(grpc::ServerContext*, const v1::ListSessionsRequest* request,
                            v1::ListSessionsResponse* response) override {
    return Say(*request, response);
  }
  grpc::Status EndSession(grpc::ServerContext*, const v1::EndSessionRequest* request,
                          v1::EndSessionResponse* response) override {
    return Say(*request, response);
  }
  grpc::Status GetServerMap(grpc::ServerContext*, const v1::GetServerMapRequest* request,
                            v1::GetServerMapResponse* response) override {
    return Say(*request, response);
  }
};

std::string Show(const PendingRegistration& pending) {
  return absl::StrCat(pending.id, " ", pending.captcha_jpeg);
}
std::string Show(const RegistrationState& state) {
  return state.waits_for_operator ? "waits" : "exists";
}
std::string Show(const Nothing&) { return "done"; }
std::string Show(const std::vector<OwnSession>& sessions) {
  return absl::StrJoin(sessions, "; ", [](std::string* out, const OwnSession& session) {
    absl::StrAppend(out, session.server);
    if (!session.facts.has_value()) return;
    absl::StrAppend(out, " ", session.facts->number, " ", session.facts->address, " ",
                    absl::ToUnixMillis(session.facts->since));
  });
}
std::string Show(const ServerMap& map) {
  return absl::StrJoin(map.entries, "; ", [](std::string* out, const ServerMap::Entry& entry) {
    absl::StrAppend(out, entry.id, " ", entry.name, " ", entry.type,
                    entry.is_online ? " online" : " offline", entry.is_removed ? " removed " : " ",
                    entry.notes, " ", absl::StrJoin(entry.connected, ","));
  });
}

class PeopleCoreTest : public testing::Test {
 protected:
  // Runs an operation of the core, and gives its result, shown, or its error to `out`.
  using Out = std::function<void(absl::StatusOr<std::string>)>;
  using Run = std::function<void(PeopleCore& people, Out out)>;

  struct Operation {
    std::string name;
    Run run;
    std::string question;
    std::string answer;
    std::string result;
  };

  PeopleCoreTest() {
    int port = 0;
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
    builder.RegisterService(&mgmt_);
    server_ = builder.BuildAndStart();
    channel_ =
        grpc::CreateChannel(absl::StrCat("127.0.0.1:", port), grpc::InsecureChannelCredentials());
  }
  ~PeopleCoreTest() override {
    client_.Stop();
    server_->Shutdown();
  }

  static std::vector<Operation> Operations();

  absl::StatusOr<std::string> ResultOf(const Operation& operation) {
    absl::Notification done;
    absl::StatusOr<std::string> result;
    operation.run(people_, [&](absl::StatusOr<std::string> shown) {
      result = std::move(shown);
      done.Notify();
    });
    done.WaitForNotification();
    return result;
  }

  FakeMgmt mgmt_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  MgmtClient client_{[this] { return channel_; }, /*calls_max=*/2};
  PeopleCore people_{&client_};
};

const Caller kAnn = {.session = 5, .user = "ann", .account = 7};

template <typename Result>
Done<Result> ShowTo(std::function<void(absl::StatusOr<std::string>)> out) {
  return [out = std::move(out)](absl::StatusOr<Result> result) {
    if (!result.ok()) return out(result.status());
    out(Show(*result));
  };
}

std::vector<PeopleCoreTest::Operation> PeopleCoreTest::Operations() {
  return {
      {.name = "Register",
       .run =
           [](PeopleCore& people, Out out) {
             people.Register({.username = "bob",
                              .password = "pw",
                              .invite = "welcome",
                              .client_address = "192.0.2.1:4711"},
                             ShowTo<PendingRegistration>(std::move(out)));
           },
       .question = R"(username: "bob" password: "pw" client_address: "192.0.2.1:4711" )"
                   R"(invite: "welcome")",
       .answer = R"(registration_id: "r1" captcha_jpeg: "picture")",
       .result = "r1 picture"},
      {.name = "Confirm, to wait",
       .run =
           [](PeopleCore& people, Out out) {
             people.ConfirmRegistration(
                 {.registration_id = "r1", .text = "abc", .client_address = "192.0.2.1:4711"},
                 ShowTo<RegistrationState>(std::move(out)));
           },
       .question = R"(registration_id: "r1" captcha_text: "abc" client_address: "192.0.2.1:4711")",
       .answer = "waiting: true",
       .result = "waits"},
      {.name = "Confirm, at once",
       .run =
           [](PeopleCore& people, Out out) {
             people.ConfirmRegistration({}, ShowTo<RegistrationState>(std::move(out)));
           },
       .question = "",
       .answer = "",
       .result = "exists"},
      {.name = "ListSessions",
       .run =
           [](PeopleCore& people, Out out) {
             people.ListSessions(kAnn, ShowTo<std::vector<OwnSession>>(std::move(out)));
           },
       .question = R"(username: "ann" account_id: 7)",
       .answer = R"(sessions { server: "edge1" session: 5 address: "192.0.2.1" since_ms: 99 }
                    sessions { server: "edge2" })",
       .result = "edge1 5 192.0.2.1 99; edge2"},
      {.name = "EndSession",
       .run = [](PeopleCore& people,
                 Out out) { people.EndSession(kAnn, "edge2", 6, ShowTo<Nothing>(std::move(out))); },
       .question = R"(account_id: 7 server: "edge2" session: 6)",
       .answer = "",
       .result = "done"},
      {.name = "GetServerMap",
       .run =
           [](PeopleCore& people, Out out) {
             people.GetServerMap(kAnn, {.after = "n1", .limit = 2},
                                 ShowTo<ServerMap>(std::move(out)));
           },
       .question = R"(after: "n1" limit: 2 viewer: "ann")",
       .answer = R"(rows { id: "n2" name: "edge2" type: "mainserver" online: true notes: "draining"
                           connected: "n1" connected: "n3" }
                    rows { id: "u7" name: "ann" type: "client" removed: true })",
       .result = "n2 edge2 mainserver online draining n1,n3; u7 ann client offline removed  "},
  };
}

TEST_F(PeopleCoreTest, EachOperationAsksMgmtAndReturnsItsAnswer) {
  for (const Operation& operation : Operations()) {
    SCOPED_TRACE(operation.name);
    mgmt_.answer = operation.answer;
    const absl::StatusOr<std::string> result = ResultOf(operation);
    EXPECT_EQ(mgmt_.question, operation.question);
    EXPECT_EQ(result.value_or("an error"), operation.result);
  }
}

TEST_F(PeopleCoreTest, EachOperationReturnsTheErrorsOfMgmt) {
  mgmt_.refusal = Fail(FailCode::kRate, "too many; wait a minute");
  for (const Operation& operation : Operations()) {
    SCOPED_TRACE(operation.name);
    const absl::Status refused = ResultOf(operation).status();
    EXPECT_EQ(FailCodeOf(refused), FailCode::kRate);
    EXPECT_EQ(refused.message(), "too many; wait a minute");
  }
}

TEST_F(PeopleCoreTest, AnErrorThatMgmtDidNotChooseMeansThatItIsDown) {
  mgmt_.refusal = absl::UnavailableError("connection reset");
  for (const Operation& operation : Operations()) {
    EXPECT_EQ(FailCodeOf(ResultOf(operation).status()), FailCode::kManagementDown)
        << operation.name;
  }
}

}  // namespace
}  // namespace convergia::edge
