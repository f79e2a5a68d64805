// Clients on mgmt's two ports, over real TLS.

#include "absl/strings/str_split.h"
#include "common/base/testing/status_testing.h"
#include "common/line/rows.h"
#include "mgmt/testing/server_fixture.h"

namespace convergia::mgmt {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class LinePortTest : public ServerFixture {
 protected:
  // The registration id in an OK answer.
  static std::string RegistrationOf(const std::string& answer) {
    EXPECT_THAT(answer, StartsWith("OK "));
    return std::string(absl::string_view(answer).substr(3, answer.find('\n') - 3));
  }
  static std::string TicketOf(const std::string& answer) {
    return std::string(line::ValueInRows(absl::string_view(answer).substr(3), "ticket"));
  }
};

TEST_F(LinePortTest, RegistersOnEitherPortAndSignsIn) {
  Start();
  for (const std::string& address : {server_->open_line_address(), server_->line_address()}) {
    const auto client = Connect(address);
    const std::string user = address == server_->line_address() ? "ann" : "bob";
    const std::string answer = client->Ask("REGISTERACCOUNT " + user + "~\nsecret\n");
    EXPECT_THAT(answer, HasSubstr("\n\xFF\xD8 a picture"));
    EXPECT_EQ(client->Ask("7 CONFIRMREGISTERACCOUNT " + RegistrationOf(answer) + "~\nkw mpr\n"),
              "7 OK");
    SignIn(user, "secret");
  }
}

TEST_F(LinePortTest, RefusesBadRegistrations) {
  Start();
  CreateAccount("ann", "secret");
  const auto client = Connect(server_->open_line_address());
  EXPECT_THAT(client->Ask("REGISTERACCOUNT ann~\nx\n"), StartsWith("FAIL EXISTS "));
  EXPECT_THAT(client->Ask("REGISTERACCOUNT -~\nx\n"), StartsWith("FAIL BADFIELD "));
  EXPECT_THAT(client->Ask("REGISTERACCOUNT bob~\n\n"), StartsWith("FAIL BADFIELD "));
  EXPECT_THAT(client->Ask("REGISTERACCOUNT bob~\n" + std::string(257, 'x') + "\n"),
              StartsWith("FAIL BADFIELD "));
  EXPECT_THAT(client->Ask("REGISTERACCOUNT bob\n"), StartsWith("FAIL BADFIELD "));
  const std::string id = RegistrationOf(client->Ask("REGISTERACCOUNT bob~\nx\n"));
  EXPECT_THAT(client->Ask("CONFIRMREGISTERACCOUNT " + id + "~\nwrong\n"),
              StartsWith("FAIL WRONGCAPTCHA "));
  EXPECT_THAT(client->Ask("CONFIRMREGISTERACCOUNT " + id + "~\nKWMPR\n"),
              StartsWith("FAIL NOTFOUND "));
  EXPECT_THAT(client->Ask("CONFIRMREGISTERACCOUNT nonsense~\nKWMPR\n"),
              StartsWith("FAIL NOTFOUND "));
}

TEST_F(LinePortTest, NobodySignsInOnTheOpenPort) {
  Start();
  CreateAccount("ann", "secret");
  const auto client = Connect(server_->open_line_address());
  EXPECT_THAT(client->Ask("LOGIN ann~\nsecret\n"), StartsWith("FAIL DENIED "));
  EXPECT_THAT(client->Ask("LISTMAINSERVERS\n"), StartsWith("FAIL UNKNOWNCOMMAND "));
  EXPECT_EQ(client->Ask("PING\n"), "OK");
}

TEST_F(LinePortTest, CommandsBeforeSignInAndWrongSecretsAreRefused) {
  Start();
  CreateAccount("ann", "secret");
  const auto client = Connect(server_->line_address());
  for (const char* request : {"LISTMAINSERVERS", "REPORTMAINSERVERS a\t1", "CHECKKEY a~\nb",
                              "CHANGEPASSWORD a~\nb", "GETSERVERMAP", "WATCHSERVERMAP on"}) {
    EXPECT_THAT(client->Ask(std::string(request) + "\n"), StartsWith("FAIL NOTSIGNEDIN "))
        << request;
  }
  EXPECT_THAT(client->Ask("ann~\nwrong\n"), StartsWith("FAIL SIGNINFAILED "));
  EXPECT_THAT(client->Ask("LOGIN nobody~\nsecret\n"), StartsWith("FAIL SIGNINFAILED "));
  EXPECT_THAT(client->Ask("LOGIN ann~\ncvt1.AAAA.BBBB\n"), StartsWith("FAIL SIGNINFAILED "));
  EXPECT_THAT(client->Ask("LOGIN ann~\nsecret\n"), StartsWith("OK user\tann"));
}

TEST_F(LinePortTest, FailedSignInsAreThrottled) {
  config_.mutable_registration_limits()->set_failed_sign_ins_per_address_per_minute(3);
  Start();
  CreateAccount("ann", "secret");
  const auto client = Connect(server_->line_address());
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(client->Ask("LOGIN ann~\nwrong\n"), StartsWith("FAIL SIGNINFAILED "));
  }
  EXPECT_THAT(client->Ask("LOGIN ann~\nsecret\n"),
              testing::AllOf(StartsWith("FAIL RATE "), HasSubstr("try again in ")));
}

TEST_F(LinePortTest, FindsMainServers) {
  Start();
  CreateAccount("ann", "secret");
  const rpc::TlsFiles files = EnrolNode(v1::ROLE_EDGE, "edge1");
  FakeNode edge(server_->grpc_address(), files);
  edge.Attach(1, "127.0.0.1:64473");
  edge.Announce({});
  edge.Await(v1::ToNode::kDirectoryBuckets);
  const auto client = SignIn("ann", "secret");
  const std::string list = client->Ask("LISTMAINSERVERS\n");
  const auto rows = line::ParseRows(absl::string_view(list).substr(3));
  ASSERT_EQ(rows.size(), 1);
  ASSERT_EQ(rows[0].size(), 4);
  EXPECT_EQ(rows[0][0], "edge1");
  EXPECT_EQ(rows[0][1], "127.0.0.1:64473");
  EXPECT_EQ(rows[0][3], "alive");
  const std::string pin(rows[0][2]);
  EXPECT_EQ(client->Ask("REPORTMAINSERVERS edge1\t812~\nedge9\tunreachable\n"),
            "OK edge1\t127.0.0.1:64473\t" + pin);
  EXPECT_THAT(client->Ask("REPORTMAINSERVERS edge1\tunreachable\n"),
              StartsWith("FAIL UNAVAILABLE "));
  EXPECT_THAT(client->Ask("REPORTMAINSERVERS edge1\tsoon\n"), StartsWith("FAIL BADFIELD "));
  EXPECT_EQ(client->Ask("CHECKKEY edge1~\n" + pin + "\n"), "OK");
  EXPECT_THAT(client->Ask("CHECKKEY edge1~\n" + std::string(64, '0') + "\n"),
              StartsWith("FAIL DENIED "));
  EXPECT_THAT(client->Ask("CHECKKEY edge1\n"), StartsWith("FAIL BADFIELD "));
}

TEST_F(LinePortTest, ChangingThePasswordEndsAllOtherSessionsAndTickets) {
  Start();
  CreateAccount("ann", "secret");
  const auto client = Connect(server_->line_address());
  const std::string old_ticket = TicketOf(client->Ask("ann~\nsecret\n"));
  const auto other = SignIn("ann", old_ticket);
  EXPECT_THAT(client->Ask("CHANGEPASSWORD wrong~\nnew\n"), StartsWith("FAIL SIGNINFAILED "));
  EXPECT_THAT(client->Ask("CHANGEPASSWORD secret~\n\n"), StartsWith("FAIL BADFIELD "));
  const std::string answer = client->Ask("CHANGEPASSWORD secret~\nnew\n");
  EXPECT_THAT(answer, StartsWith("OK ticket\tcvt2."));
  EXPECT_THAT(other->ReadToEnd(), StartsWith("BYE DENIED"));
  EXPECT_EQ(client->Ask("PING\n"), "OK");
  const auto later = Connect(server_->line_address());
  EXPECT_THAT(later->Ask("LOGIN ann~\n" + old_ticket + "\n"), StartsWith("FAIL SIGNINFAILED "));
  EXPECT_THAT(later->Ask("LOGIN ann~\nsecret\n"), StartsWith("FAIL SIGNINFAILED "));
  EXPECT_THAT(later->Ask("LOGIN ann~\n" + TicketOf(answer) + "\n"), StartsWith("OK user\tann"));
}

TEST_F(LinePortTest, DisablingAnAccountEndsItsSessions) {
  Start();
  CreateAccount("ann", "secret");
  const auto client = SignIn("ann", "secret");
  v1::SetAccountDisabledRequest request;
  request.set_username("ann");
  request.set_disabled(true);
  v1::SetAccountDisabledResponse response;
  ASSERT_TRUE(admin().SetAccountDisabled(NewContext().get(), request, &response).ok());
  EXPECT_THAT(client->ReadToEnd(), StartsWith("BYE DENIED"));
  EXPECT_THAT(Connect(server_->line_address())->Ask("LOGIN ann~\nsecret\n"),
              StartsWith("FAIL DENIED "));
}

TEST_F(LinePortTest, SessionsOfOneUserAreBounded) {
  config_.mutable_line_limits()->set_sessions_per_user_max(2);
  Start();
  CreateAccount("ann", "secret");
  auto first = SignIn("ann", "secret");
  const auto second = SignIn("ann", "secret");
  const auto third = Connect(server_->line_address());
  EXPECT_THAT(third->Ask("LOGIN ann~\nsecret\n"), StartsWith("FAIL BUSY "));
  EXPECT_EQ(first->Ask("QUIT\n"), "OK");
  first->ReadToEnd();
  EXPECT_THAT(third->Ask("LOGIN ann~\nsecret\n"), StartsWith("OK "));
}

TEST_F(LinePortTest, ShowsTheMapAndTellsItsChanges) {
  Start();
  CreateAccount("ann", "secret");
  CreateAccount("bob", "secret");
  const auto client = SignIn("ann", "secret");
  EXPECT_EQ(client->Ask("GETSERVERMAP\n"),
            "OK n1\tmgmt\tmanagementserver\tonline\t\t\n"
            "u1\tann\tclient\toffline\t\t\n"
            "u2\tbob\tclient\toffline\t\t");
  EXPECT_EQ(client->Ask("GETSERVERMAP u1~\n1\n"), "OK u2\tbob\tclient\toffline\t\t");
  EXPECT_EQ(client->Ask("GETSERVERMAP u2~\n1\n"), "OK");
  for (const char* bad : {"u1", "u1~\n0", "u1~\n10001", "u1~\nx", "x~\n5"}) {
    EXPECT_THAT(client->Ask(absl::StrCat("GETSERVERMAP ", bad, "\n")), StartsWith("FAIL BADFIELD "))
        << bad;
  }
  EXPECT_THAT(client->Ask("WATCHSERVERMAP maybe\n"), StartsWith("FAIL BADFIELD "));
  EXPECT_EQ(client->Ask("WATCHSERVERMAP on\n"), "OK");
  CreateAccount("cat", "secret");
  EXPECT_EQ(client->ReadPacket(), "SERVERMAPUPDATE u3\tcat\tclient\toffline\t\t");
  FakeNode edge(server_->grpc_address(), EnrolNode(v1::ROLE_EDGE, "edge1"));
  EXPECT_EQ(client->ReadPacket(), "SERVERMAPUPDATE n2\tedge1\tmainserver\toffline\t\t");
  edge.Attach(1);
  EXPECT_EQ(client->ReadPacket(),
            "SERVERMAPUPDATE n1\tmgmt\tmanagementserver\tonline\t\tn2\n"
            "n2\tedge1\tmainserver\tonline\t\tn1");
  edge.Announce({"bob"});
  EXPECT_EQ(client->ReadPacket(), "SERVERMAPUPDATE u2\tbob\tclient\tonline\t\tn2");
  EXPECT_EQ(client->Ask("WATCHSERVERMAP off\n"), "OK");
  CreateAccount("dan", "secret");
  EXPECT_EQ(client->Ask("PING\n"), "OK");
}

TEST_F(LinePortTest, AnOperatorMayHideOtherPeople) {
  config_.set_hide_other_clients(true);
  Start();
  CreateAccount("ann", "secret");
  CreateAccount("bob", "secret");
  const auto client = SignIn("bob", "secret");
  const std::string map = client->Ask("GETSERVERMAP\n");
  EXPECT_THAT(map, HasSubstr("u2\tbob"));
  EXPECT_THAT(map, Not(HasSubstr("ann")));
}

}  // namespace
}  // namespace convergia::mgmt
