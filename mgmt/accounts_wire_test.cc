// The contract of accounts on mgmt's ports: registration in its modes, sessions, ticket keys.

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/testing/status_testing.h"
#include "mgmt/testing/server_fixture.h"

namespace convergia::mgmt {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

class AccountsWireTest : public ServerFixture {
 protected:
  // The answer to CONFIRMREGISTERACCOUNT.
  std::string Register(const std::string& user, const std::string& more = "") {
    const auto client = Connect(server_->open_line_address());
    const std::string answer =
        client->Ask(absl::StrCat("REGISTERACCOUNT ", user, "~\nsecret", more, "\n"));
    if (!absl::StartsWith(answer, "OK ")) return answer;
    const std::string id = answer.substr(3, answer.find_first_of("~\n") - 3);
    return client->Ask(
        absl::StrCat("CONFIRMREGISTERACCOUNT ", id, "~\n", FakePainter::kWord, "\n"));
  }
  std::string TryToSignIn(const std::string& user) {
    return Connect(server_->line_address())->Ask(absl::StrCat("LOGIN ", user, "~\nsecret\n"));
  }
  // The value of the row `key` in an answer.
  static std::string ValueIn(const std::string& answer, const std::string& key) {
    const size_t at = answer.find(key + "\t");
    if (at == std::string::npos) return "";
    const size_t begin = at + key.size() + 1;
    return answer.substr(begin, answer.find_first_of("~\n", begin) - begin);
  }
};

TEST_F(AccountsWireTest, UnderApprovalTheAnswerIsWaitingAndAnOperatorDecides) {
  config_.set_registration(v1::MgmtConfig::APPROVAL);
  Start();
  EXPECT_EQ(Register("ann"), "OK waiting");
  EXPECT_THAT(TryToSignIn("ann"), StartsWith("FAIL DENIED "));
  v1::ListAccountsRequest list;
  list.set_waiting(true);
  v1::ListAccountsResponse listed;
  ASSERT_TRUE(admin().ListAccounts(NewContext().get(), list, &listed).ok());
  ASSERT_EQ(listed.accounts_size(), 1);
  EXPECT_EQ(listed.accounts(0).username(), "ann");
  EXPECT_TRUE(listed.accounts(0).waiting());
  v1::DecideAccountRequest decide;
  decide.set_username("ann");
  v1::DecideAccountResponse decided;
  ASSERT_TRUE(admin().DecideAccount(NewContext().get(), decide, &decided).ok());
  EXPECT_THAT(TryToSignIn("ann"), StartsWith("OK user\tann"));
  EXPECT_FALSE(admin().DecideAccount(NewContext().get(), decide, &decided).ok());
}

TEST_F(AccountsWireTest, ByInviteEachCodeMakesOneAccount) {
  config_.set_registration(v1::MgmtConfig::INVITE);
  Start();
  CreateAccount("ann", "secret");
  EXPECT_THAT(Register("bob"), StartsWith("FAIL DENIED "));
  EXPECT_THAT(Register("bob", "~\n0123456789abcdef0123"), StartsWith("FAIL DENIED "));
  const std::string made = SignIn("ann", "secret")->Ask("MAKEINVITE\n");
  const std::string code = ValueIn(made, "invite");
  ASSERT_EQ(code.size(), 20) << made;
  EXPECT_EQ(Register("bob", "~\n" + code), "OK");
  EXPECT_THAT(Register("cat", "~\n" + code), StartsWith("FAIL DENIED "));
  v1::CreateInviteResponse invite;
  ASSERT_TRUE(admin().CreateInvite(NewContext().get(), {}, &invite).ok());
  EXPECT_EQ(Register("cat", "~\n" + invite.invite()), "OK");
}

TEST_F(AccountsWireTest, ElsewhereNoInviteIsMadeAndOneThatIsGivenDoesNoHarm) {
  Start();
  EXPECT_EQ(Register("ann", "~\nnonsense"), "OK");
  EXPECT_THAT(SignIn("ann", "secret")->Ask("MAKEINVITE\n"), StartsWith("FAIL DENIED "));
}

TEST_F(AccountsWireTest, PeopleSeeAndEndTheirSessionsAtMgmt) {
  Start();
  CreateAccount("ann", "secret");
  CreateAccount("bob", "secret");
  const auto one = SignIn("ann", "secret");
  const auto two = SignIn("ann", "secret");
  const auto bob = SignIn("bob", "secret");
  const std::string rows = one->Ask("LISTSESSIONS\n");
  std::vector<std::string> listed = absl::StrSplit(rows.substr(3), '\n', absl::SkipEmpty());
  ASSERT_EQ(listed.size(), 2) << rows;
  const std::vector<std::string> row = absl::StrSplit(listed[1], '\t');
  ASSERT_EQ(row.size(), 4) << rows;
  EXPECT_EQ(row[0], "mgmt");
  EXPECT_EQ(row[2], "127.0.0.1");
  const std::string end = absl::StrCat("ENDSESSION mgmt~\n", row[1], "\n");
  EXPECT_THAT(bob->Ask(end), StartsWith("FAIL NOTFOUND "));
  EXPECT_THAT(one->Ask("ENDSESSION mgmt~\nx\n"), StartsWith("FAIL BADFIELD "));
  EXPECT_THAT(one->Ask("ENDSESSION nowhere~\n1\n"), StartsWith("FAIL NOTFOUND "));
  EXPECT_EQ(one->Ask(end), "OK");
  EXPECT_THAT(two->ReadToEnd(), StartsWith("BYE DENIED"));
  EXPECT_EQ(bob->Ask("PING\n"), "OK");
}

TEST_F(AccountsWireTest, SessionsAtEdgesAreAskedForAndEndedThere) {
  Start();
  CreateAccount("ann", "secret");
  FakeNode edge(server_->grpc_address(), EnrolNode(v1::ROLE_EDGE, "a"));
  edge.Attach(1);
  edge.Announce({"ann"});
  ASSERT_TRUE(edge.AwaitThat([](const v1::ToNode& message) { return Names(message, "ann"); }));
  const auto client = SignIn("ann", "secret");
  const auto answer_next = [&edge] {
    const v1::SessionsQuestion question =
        edge.Await(v1::ToNode::kSessionsQuestion).sessions_question();
    v1::FromNode answer;
    answer.mutable_sessions()->set_query(question.query());
    v1::SessionRow* const row = answer.mutable_sessions()->add_rows();
    row->set_session(12);
    row->set_address("192.0.2.7");
    row->set_since_ms(1'700'000'000'000);
    edge.Send(answer);
    return question;
  };
  ASSERT_TRUE(client->Send("LISTSESSIONS\n"));
  EXPECT_EQ(answer_next().end_session(), 0);
  EXPECT_THAT(client->ReadPacket(), HasSubstr("a\t12\t192.0.2.7\t1700000000000"));
  ASSERT_TRUE(client->Send("ENDSESSION a~\n12\n"));
  EXPECT_EQ(answer_next().end_session(), 12);
  EXPECT_EQ(client->ReadPacket(), "OK");
  // The question that an edge asks on behalf of its clients.
  v1::ListSessionsRequest list;
  list.set_username("ann");
  list.set_account_id(1);
  v1::ListSessionsResponse listed;
  grpc::Status status;
  std::thread asking(
      [&] { status = edge.accounts().ListSessions(NewContext().get(), list, &listed); });
  answer_next();
  asking.join();
  ASSERT_TRUE(status.ok()) << status.error_message();
  ASSERT_EQ(listed.sessions_size(), 2);
  EXPECT_EQ(listed.sessions(0).server(), "mgmt");
  EXPECT_EQ(listed.sessions(1).server(), "a");
}

TEST_F(AccountsWireTest, ANewTicketKeyReachesEdgesAndOldTicketsStayGood) {
  Start();
  CreateAccount("ann", "secret");
  FakeNode edge(server_->grpc_address(), EnrolNode(v1::ROLE_EDGE, "a"));
  edge.Attach(1);
  const v1::Welcome welcome = edge.Await(v1::ToNode::kWelcome).welcome();
  const std::string ticket =
      ValueIn(Connect(server_->line_address())->Ask("LOGIN ann~\nsecret\n"), "ticket");
  v1::RotateTicketKeyRequest rotate;
  v1::RotateTicketKeyResponse rotated;
  ASSERT_TRUE(admin().RotateTicketKey(NewContext().get(), rotate, &rotated).ok());
  const v1::TicketKeys both = edge.Await(v1::ToNode::kTicketKeys).ticket_keys();
  ASSERT_EQ(both.public_keys_size(), 2);
  EXPECT_EQ(both.public_keys(1), welcome.ticket_public_keys(0));
  const std::string sign_in = absl::StrCat("LOGIN ann~\n", ticket, "\n");
  EXPECT_THAT(Connect(server_->line_address())->Ask(sign_in), StartsWith("OK "));
  rotate.set_drop_older(true);
  ASSERT_TRUE(admin().RotateTicketKey(NewContext().get(), rotate, &rotated).ok());
  EXPECT_EQ(edge.Await(v1::ToNode::kTicketKeys).ticket_keys().public_keys_size(), 1);
  EXPECT_THAT(Connect(server_->line_address())->Ask(sign_in), StartsWith("FAIL SIGNINFAILED "));
  Restart();
  EXPECT_THAT(Connect(server_->line_address())->Ask(sign_in), StartsWith("FAIL SIGNINFAILED "));
}

}  // namespace
}  // namespace convergia::mgmt
