// The everyday use: signing in, sending messages, seeing who is there.

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_split.h"
#include "tests/cluster/cluster_test_base.h"

namespace convergia::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

class MessagesTest : public ClusterTest {
 public:
  static void SetUpTestSuite() {
    StartCluster(
        {.counts = {.edges = 2}, .accounts = Accounts({"alice", "bob", "carol", "dave", "erin"})});
  }

 protected:
  // "RECEIVEMESSAGE from LF time LF body" -> {from, body}.
  static std::vector<std::string> FromAndBody(const absl::StatusOr<std::string>& push) {
    if (!push.ok()) return {push.status().ToString()};
    absl::string_view text = *push;
    if (!absl::ConsumePrefix(&text, "RECEIVEMESSAGE ")) return {*push};
    const std::vector<std::string> fields = absl::StrSplit(text, absl::MaxSplits('\n', 2));
    return fields.size() == 3 ? std::vector<std::string>{fields[0], fields[2]} : fields;
  }
};

TEST_F(MessagesTest, GreetsWithWhatItIsAndItsLimits) {
  ASSERT_OK_AND_ASSIGN(auto client, Dial("edge1"));
  const std::string rows = absl::StrCat("OK ", client->greeting());
  EXPECT_EQ(ValueIn(rows, "server"), "edge1");
  EXPECT_EQ(ValueIn(rows, "packet_bytes_max"), "1114112");
}

TEST_F(MessagesTest, SignsInByABarePacketAsTheFoundingDocumentSays) {
  ASSERT_OK_AND_ASSIGN(auto client, Dial("edge1"));
  ASSERT_OK_AND_ASSIGN(const std::string answer, client->Ask("alice\npw-alice"));
  EXPECT_EQ(ValueIn(answer, "user"), "alice");
  EXPECT_THAT(ValueIn(answer, "ticket"), StartsWith("cvt2."));
  EXPECT_THAT(client->Ask("SENDMESSAGE alice\nto myself"), Holds(Eq("OK 1")));
}

TEST_F(MessagesTest, TakesCarriageReturnsFromATerminalUntilSignIn) {
  ASSERT_OK_AND_ASSIGN(auto client, Dial("edge1"));
  ASSERT_OK(client->Write("PING\r\n"));
  EXPECT_THAT(client->NextAnswer(), Holds(Eq("OK")));
}

TEST_F(MessagesTest, CarriesAnyBytesOnOneMainServerAndAcrossTwo) {
  std::string body;
  for (int byte = 0; byte < 256; ++byte) body.push_back(static_cast<char>(byte));
  ASSERT_OK_AND_ASSIGN(auto alice, SignIn("edge1", "alice"));
  for (const char* const edge : {"edge1", "edge2"}) {
    SCOPED_TRACE(edge);
    ASSERT_OK_AND_ASSIGN(auto bob, SignIn(edge, "bob"));
    absl::StatusOr<std::string> answer;
    // The directory reaches the other edge a little later.
    ASSERT_TRUE(Eventually([&] {
      answer = alice->Ask(absl::StrCat("1 SENDMESSAGE bob\n", body));
      return answer.ok() && *answer == "1 OK 1";
    })) << *answer;
    EXPECT_THAT(FromAndBody(bob->NextPush()), ElementsAre("alice", body));
  }
}

TEST_F(MessagesTest, ReachesEverySessionOfTheRecipientAndSaysHowMany) {
  ASSERT_OK_AND_ASSIGN(auto carol, SignIn("edge1", "carol"));
  ASSERT_OK_AND_ASSIGN(auto dave1, SignIn("edge1", "dave"));
  ASSERT_OK_AND_ASSIGN(auto dave2, SignIn("edge2", "dave"));
  ASSERT_OK_AND_ASSIGN(auto dave3, SignIn("edge2", "dave"));
  absl::StatusOr<std::string> answer;
  ASSERT_TRUE(Eventually([&] {
    answer = carol->Ask("SENDMESSAGE dave\nwarming up");
    return answer.ok() && *answer == "OK 3";
  })) << *answer;
  ASSERT_THAT(carol->Ask("SENDMESSAGE dave\nall of you"), Holds(Eq("OK 3")));
  for (LineClient* const dave : {dave1.get(), dave2.get(), dave3.get()}) {
    std::vector<std::string> got;
    while (got = FromAndBody(dave->NextPush()), got.size() == 2 && got[1] == "warming up") {
    }
    EXPECT_THAT(got, ElementsAre("carol", "all of you"));
  }
}

TEST_F(MessagesTest, KeepsTheOrderOfPipelinedMessagesAcrossMainServers) {
  constexpr int kMessages = 500;
  ASSERT_OK_AND_ASSIGN(auto alice, SignIn("edge1", "alice"));
  ASSERT_OK_AND_ASSIGN(auto erin, SignIn("edge2", "erin"));
  ASSERT_TRUE(Eventually([&] {
    const auto answer = alice->Ask("SENDMESSAGE erin\nstart");
    return answer.ok() && *answer == "OK 1";
  }));
  ASSERT_THAT(FromAndBody(erin->NextPush()), ElementsAre("alice", "start"));
  for (int i = 0; i < kMessages; ++i) {
    ASSERT_OK(alice->Send(absl::StrCat(i, " SENDMESSAGE erin\n", i)));
  }
  for (int i = 0; i < kMessages; ++i) {
    ASSERT_THAT(FromAndBody(erin->NextPush()), ElementsAre("alice", absl::StrCat(i)));
    EXPECT_THAT(alice->NextAnswer(), Holds(HasSubstr(" OK 1")));
  }
}

TEST_F(MessagesTest, SaysOfflineOfWhoIsNotThereAndOfWhoDoesNotExist) {
  ASSERT_OK_AND_ASSIGN(auto alice, SignIn("edge1", "alice"));
  ASSERT_OK(SignIn("edge2", "carol").status());  // Signs in and leaves again.
  EXPECT_TRUE(Eventually([&] {
    const auto answer = alice->Ask("SENDMESSAGE carol\nhi");
    return answer.ok() && absl::StartsWith(*answer, "FAIL OFFLINE ");
  }));
  EXPECT_THAT(alice->Ask("SENDMESSAGE nobody\nhi"), IsFail("OFFLINE"));
}

TEST_F(MessagesTest, TicketOpensAnyMainServer) {
  ASSERT_OK_AND_ASSIGN(const std::string ticket, TicketOf("bob"));
  for (const char* const node : {"edge1", "edge2", "mgmt"}) {
    SCOPED_TRACE(node);
    ASSERT_OK_AND_ASSIGN(auto bob, Dial(node));
    ASSERT_OK_AND_ASSIGN(const std::string answer, bob->Ask(absl::StrCat("LOGIN bob\n", ticket)));
    EXPECT_EQ(ValueIn(answer, "ticket"), ticket);
  }
}

TEST_F(MessagesTest, MapShowsServersAndClientsAndItsChanges) {
  for (const char* const node : {"edge1", "mgmt"}) {
    SCOPED_TRACE(node);
    ASSERT_OK_AND_ASSIGN(auto alice, SignIn(node, "alice"));
    ASSERT_THAT(alice->Ask("WATCHSERVERMAP on"), Holds(Eq("OK")));
    ASSERT_OK_AND_ASSIGN(auto erin, SignIn("edge2", "erin"));
    std::string push;
    EXPECT_TRUE(Eventually([&] {
      const auto next = alice->NextPush();
      push = next.ok() ? *next : next.status().ToString();
      return absl::StrContains(push, "\terin\tclient\tonline\t") || !next.ok();
    }));
    EXPECT_THAT(push, HasSubstr("\terin\tclient\tonline\t"));
    ASSERT_OK_AND_ASSIGN(const std::string map, alice->Ask("GETSERVERMAP"));
    EXPECT_THAT(map, HasSubstr("\tmgmt\tmanagementserver\tonline\t"));
    EXPECT_THAT(map, HasSubstr("\tedge1\tmainserver\tonline\t"));
    EXPECT_THAT(map, HasSubstr("\terin\tclient\tonline\t"));
    EXPECT_THAT(map, HasSubstr("\tcarol\tclient\toffline\t"));
    const auto rows = RowsIn(map);
    ASSERT_OK_AND_ASSIGN(const std::string page,
                         alice->Ask(absl::StrCat("GETSERVERMAP ", rows[1][0], "\n2")));
    ASSERT_THAT(RowsIn(page), SizeIs(2));
    EXPECT_EQ(RowsIn(page)[0][0], rows[2][0]);
  }
}

TEST_F(MessagesTest, FindsAMainServerTheWayClientsDo) {
  ASSERT_OK_AND_ASSIGN(auto alice, SignIn("mgmt", "alice"));
  ASSERT_OK_AND_ASSIGN(const std::string list, alice->Ask("LISTMAINSERVERS"));
  std::map<std::string, std::vector<std::string>> servers;  // By name.
  for (const auto& row : RowsIn(list)) servers[row[0]] = row;
  ASSERT_THAT(servers, SizeIs(2));
  ASSERT_THAT(servers["edge2"], SizeIs(4));
  EXPECT_EQ(servers["edge2"][3], "alive");
  const std::string pin = servers["edge2"][2];
  ASSERT_OK_AND_ASSIGN(const std::string choice,
                       alice->Ask("REPORTMAINSERVERS edge1\tunreachable\nedge2\t700"));
  EXPECT_THAT(RowsIn(choice), ElementsAre(ElementsAre("edge2", LineOf("edge2"), pin)));
  ASSERT_OK_AND_ASSIGN(auto edge2, Dial("edge2"));
  EXPECT_EQ(edge2->ServerPin(), pin);
  EXPECT_THAT(alice->Ask(absl::StrCat("CHECKKEY edge2\n", pin)), Holds(Eq("OK")));
}

TEST_F(MessagesTest, NewPasswordEndsOtherSessionsAndVoidsOldTickets) {
  ASSERT_OK_AND_ASSIGN(const std::string old_ticket, TicketOf("erin"));
  ASSERT_OK_AND_ASSIGN(auto other, SignIn("edge1", "erin"));
  ASSERT_OK_AND_ASSIGN(auto erin, SignIn("mgmt", "erin"));
  ASSERT_OK_AND_ASSIGN(const std::string answer, erin->Ask("CHANGEPASSWORD pw-erin\nnew one"));
  EXPECT_THAT(answer, StartsWith("OK "));
  EXPECT_THAT(other->NextPush(), Holds(StartsWith("BYE ")));
  EXPECT_TRUE(other->IsClosedByServer());
  ASSERT_OK_AND_ASSIGN(auto again, Dial("edge1"));
  EXPECT_THAT(again->Ask(absl::StrCat("LOGIN erin\n", old_ticket)), IsFail("SIGNINFAILED"));
  EXPECT_THAT(again->Ask("LOGIN erin\npw-erin"), IsFail("SIGNINFAILED"));
  EXPECT_THAT(again->Ask(absl::StrCat("LOGIN erin\n", ValueIn(answer, "ticket"))),
              Holds(StartsWith("OK ")));
  ASSERT_THAT(erin->Ask("CHANGEPASSWORD new one\npw-erin"), Holds(StartsWith("OK ")));
}

TEST_F(MessagesTest, QuitIsAnsweredAndEndsTheConnection) {
  ASSERT_OK_AND_ASSIGN(auto alice, SignIn("edge1", "alice"));
  EXPECT_THAT(alice->Ask("9 QUIT"), Holds(Eq("9 OK")));
  EXPECT_TRUE(alice->IsClosedByServer());
}

}  // namespace
}  // namespace convergia::testing
