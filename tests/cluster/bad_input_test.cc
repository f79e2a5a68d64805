// Wrong input from strangers, users and broken clients. Each gets a FAIL that tells what to do, and
// the connection stays open.

#include <string>
#include <vector>

#include "common/base/clock.h"
#include "common/identity/certificate_authority.h"
#include "common/identity/files.h"
#include "convergia/v1/admin.grpc.pb.h"
#include "tests/cluster/cluster_test_base.h"

namespace convergia::testing {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class BadInputTest : public ClusterTest {
 public:
  static void SetUpTestSuite() {
    StartCluster({.counts = {.edges = 1}, .accounts = Accounts({"alice", "bob", "mallory"})});
  }

 protected:
  // The code of the answer to `packet`; the whole answer if it is no FAIL.
  static std::string CodeOf(LineClient* client, absl::string_view packet) {
    const absl::StatusOr<std::string> answer = client->Ask(packet);
    if (!answer.ok()) return answer.status().ToString();
    const size_t fail = answer->find("FAIL ");
    if (fail == std::string::npos) return *answer;
    return answer->substr(fail + 5, answer->find(' ', fail + 5) - fail - 5);
  }
};

struct Mistake {
  absl::string_view packet;
  absl::string_view code;
};

TEST_F(BadInputTest, EachMistakeGetsItsCodeAndTheConnectionGoesOn) {
  const std::string long_id(33, '1');
  const std::string long_name(33, 'a');
  const Mistake kMistakes[] = {
      {"PANG", "UNKNOWNCOMMAND"},
      {"ping", "UNKNOWNCOMMAND"},
      {"OK", "UNKNOWNCOMMAND"},
      {"1 LISTMAINSERVERS", "UNKNOWNCOMMAND"},  // A command of mgmt only.
      {" PING", "BADPACKET"},
      {"1", "BADPACKET"},
      {"1 ", "BADPACKET"},
      {"!?", "BADPACKET"},
      {"1/2 PING", "BADPACKET"},
      {long_id, "BADPACKET"},
      {"\x01\x02", "BADPACKET"},
      {"SENDMESSAGE", "BADFIELD"},
      {"SENDMESSAGE bob", "BADFIELD"},
      {"SENDMESSAGE \nhi", "BADFIELD"},
      {"SENDMESSAGE b b\nhi", "BADFIELD"},
      {"SENDMESSAGE -b\nhi", "BADFIELD"},
      {"SENDMESSAGE b\x01\nhi", "BADFIELD"},
      {"QUIT now", "BADFIELD"},
      {"WATCHSERVERMAP", "BADFIELD"},
      {"WATCHSERVERMAP perhaps", "BADFIELD"},
      {"GETSERVERMAP n1", "BADFIELD"},
      {"GETSERVERMAP n1\nmany", "BADFIELD"},
      {"GETSERVERMAP n1\n-1", "BADFIELD"},
  };
  ASSERT_OK_AND_ASSIGN(auto alice, SignIn("edge1", "alice"));
  for (const Mistake& mistake : kMistakes) {
    EXPECT_EQ(CodeOf(alice.get(), mistake.packet), mistake.code) << mistake.packet;
  }
  EXPECT_EQ(CodeOf(alice.get(), absl::StrCat("SENDMESSAGE ", long_name, "\nhi")), "BADFIELD");
  EXPECT_EQ(CodeOf(alice.get(), std::string("SENDMESSAGE b\0b\nhi", 18)), "BADFIELD");
  EXPECT_EQ(CodeOf(alice.get(), "HELP NOSUCHTHING"), "NOTFOUND");
  EXPECT_THAT(alice->Ask("7 NOSUCHTHING x"), Holds(StartsWith("7 FAIL UNKNOWNCOMMAND ")));
  EXPECT_THAT(alice->Ask("8 SENDMESSAGE alice\nstill here"), Holds(Eq("8 OK 1")));
}

TEST_F(BadInputTest, ManagementServerToo) {
  const Mistake kMistakes[] = {
      {"SENDMESSAGE bob\nhi", "UNKNOWNCOMMAND"},
      {"LISTMAINSERVERS all", "BADFIELD"},
      {"REPORTMAINSERVERS", "BADFIELD"},
      {"REPORTMAINSERVERS edge1", "BADFIELD"},
      {"REPORTMAINSERVERS edge1\tfast", "BADFIELD"},
      {"REPORTMAINSERVERS edge1\t-5", "BADFIELD"},
      {"REPORTMAINSERVERS edge1\tunreachable", "UNAVAILABLE"},
      {"CHECKKEY edge1", "BADFIELD"},
      {"CHECKKEY edge1\nabc", "DENIED"},
      {"CHANGEPASSWORD pw-alice", "BADFIELD"},
      {"CHANGEPASSWORD pw-alice\n", "BADFIELD"},
      {"CHANGEPASSWORD wrong\nnew", "SIGNINFAILED"},
  };
  ASSERT_OK_AND_ASSIGN(auto alice, SignIn("mgmt", "alice"));
  for (const Mistake& mistake : kMistakes) {
    EXPECT_EQ(CodeOf(alice.get(), mistake.packet), mistake.code) << mistake.packet;
  }
  EXPECT_EQ(CodeOf(alice.get(), absl::StrCat("CHECKKEY edge1\n", std::string(64, '0'))), "DENIED");
  EXPECT_EQ(CodeOf(alice.get(), absl::StrCat("CHANGEPASSWORD pw-alice\n", std::string(257, 'x'))),
            "BADFIELD");
  EXPECT_THAT(alice->Ask("LISTMAINSERVERS"), Holds(StartsWith("OK edge1\t")));
}

TEST_F(BadInputTest, CommandsBeforeSignInAreRefused) {
  for (const char* const node : {"edge1", "mgmt"}) {
    SCOPED_TRACE(node);
    ASSERT_OK_AND_ASSIGN(auto client, Dial(node));
    EXPECT_THAT(client->Ask("GETSERVERMAP"), IsFail("NOTSIGNEDIN"));
    EXPECT_THAT(client->Ask("WATCHSERVERMAP on"), IsFail("NOTSIGNEDIN"));
    // Without the tilde before the newline, the password is a packet of its own. The answer must
    // not repeat it.
    ASSERT_OK_AND_ASSIGN(const std::string answer, client->Ask("wonderland"));
    EXPECT_THAT(answer, StartsWith("FAIL UNKNOWNCOMMAND "));
    EXPECT_THAT(answer, ::testing::Not(HasSubstr("wonderland")));
    EXPECT_THAT(client->Ask("PING"), Holds(Eq("OK")));
  }
  ASSERT_OK_AND_ASSIGN(auto client, Dial("edge1"));
  EXPECT_THAT(client->Ask("SENDMESSAGE bob\nhi"), IsFail("NOTSIGNEDIN"));
}

TEST_F(BadInputTest, WrongPasswordAndUnknownNameReadTheSame) {
  for (const char* const node : {"edge1", "mgmt"}) {
    SCOPED_TRACE(node);
    ASSERT_OK_AND_ASSIGN(auto client, Dial(node));
    const auto wrong = client->Ask("LOGIN alice\nwrong");
    EXPECT_THAT(wrong, IsFail("SIGNINFAILED"));
    EXPECT_EQ(*client->Ask("LOGIN nobody\nwrong"), *wrong);
    EXPECT_EQ(*client->Ask("alice\nwrong"), *wrong);
    EXPECT_THAT(client->Ask("LOGIN alice"), IsFail("BADFIELD"));
    EXPECT_THAT(client->Ask("LOGIN al ice\nwrong"), IsFail("BADFIELD"));
    EXPECT_THAT(client->Ask("LOGIN alice\npw-alice"), Holds(StartsWith("OK ")));
    EXPECT_THAT(client->Ask("LOGIN alice\npw-alice"), IsFail("DENIED"));
  }
}

TEST_F(BadInputTest, ForgedTicketOpensNothing) {
  ASSERT_OK_AND_ASSIGN(const std::string ticket, TicketOf("alice"));
  ASSERT_OK_AND_ASSIGN(auto client, Dial("edge1"));
  std::string forged = ticket;
  char& inside = forged[forged.find('.') + 5];
  inside = inside == 'A' ? 'B' : 'A';
  EXPECT_THAT(client->Ask(absl::StrCat("LOGIN alice\n", forged)), IsFail("SIGNINFAILED"));
  EXPECT_THAT(client->Ask(absl::StrCat("LOGIN alice\n", ticket.substr(0, ticket.size() - 4))),
              IsFail("SIGNINFAILED"));
  EXPECT_THAT(client->Ask("LOGIN alice\ncvt1.x.y"), IsFail("SIGNINFAILED"));
  EXPECT_THAT(client->Ask(absl::StrCat("LOGIN bob\n", ticket)), IsFail("SIGNINFAILED"));
  EXPECT_THAT(client->Ask(absl::StrCat("LOGIN alice\n", ticket)), Holds(StartsWith("OK ")));
}

TEST_F(BadInputTest, RevokedTicketEndsItsSessionAndOpensNothing) {
  ASSERT_OK_AND_ASSIGN(const std::string ticket, TicketOf("mallory"));
  ASSERT_OK_AND_ASSIGN(auto session, Dial("edge1"));
  ASSERT_THAT(session->Ask(absl::StrCat("LOGIN mallory\n", ticket)), Holds(StartsWith("OK ")));
  v1::RevokeTicketsRequest request;
  request.set_username("mallory");
  v1::RevokeTicketsResponse response;
  grpc::ClientContext context;
  const auto admin = v1::Admin::NewStub(cluster().admin().channel());
  ASSERT_TRUE(admin->RevokeTickets(&context, request, &response).ok());
  EXPECT_THAT(session->NextPush(), Holds(StartsWith("BYE ")));
  EXPECT_TRUE(session->IsClosedByServer());
  ASSERT_OK_AND_ASSIGN(auto again, Dial("edge1"));
  EXPECT_THAT(again->Ask(absl::StrCat("LOGIN mallory\n", ticket)), IsFail("SIGNINFAILED"));
  EXPECT_THAT(again->Ask("LOGIN mallory\npw-mallory"), Holds(StartsWith("OK ")));
}

TEST_F(BadInputTest, WrongCaptchaCostsTheRegistration) {
  ASSERT_OK_AND_ASSIGN(const auto mgmt, cluster().node("mgmt"));
  for (const std::string& address : {mgmt.open_line, mgmt.line, LineOf("edge1")}) {
    SCOPED_TRACE(address);
    ASSERT_OK_AND_ASSIGN(auto client, LineClient::Connect(address, CaFile()));
    EXPECT_THAT(client->Ask("REGISTERACCOUNT alice\nsecret"), IsFail("EXISTS"));
    EXPECT_THAT(client->Ask("REGISTERACCOUNT new one\nsecret"), IsFail("BADFIELD"));
    EXPECT_THAT(client->Ask("REGISTERACCOUNT newcomer\n"), IsFail("BADFIELD"));
    EXPECT_THAT(client->Ask("REGISTERACCOUNT newcomer"), IsFail("BADFIELD"));
    ASSERT_OK_AND_ASSIGN(const std::string answer, client->Ask("REGISTERACCOUNT newcomer\nsecret"));
    ASSERT_THAT(answer, StartsWith("OK "));
    const size_t newline = answer.find('\n');
    ASSERT_NE(newline, std::string::npos);
    const std::string id = answer.substr(3, newline - 3);
    EXPECT_EQ(answer.substr(newline + 1, 3), "\xff\xd8\xff") << "not a JPEG picture";
    EXPECT_THAT(client->Ask(absl::StrCat("CONFIRMREGISTERACCOUNT ", id)), IsFail("BADFIELD"));
    EXPECT_THAT(client->Ask(absl::StrCat("CONFIRMREGISTERACCOUNT ", id, "\nWRONG!")),
                IsFail("WRONGCAPTCHA"));
    EXPECT_THAT(client->Ask(absl::StrCat("CONFIRMREGISTERACCOUNT ", id, "\nWRONG!")),
                IsFail("NOTFOUND"));
    EXPECT_THAT(client->Ask("CONFIRMREGISTERACCOUNT nosuchid\nWRONG!"), IsFail("NOTFOUND"));
    EXPECT_THAT(client->Ask("PING"), Holds(Eq("OK")));
  }
}

TEST_F(BadInputTest, PacketsAtTheLimitPassAndAboveItAreTooLong) {
  constexpr size_t kMax = 1024 * 1024 + 64 * 1024;
  const std::string head = "5 SENDMESSAGE alice\n";
  ASSERT_OK_AND_ASSIGN(auto alice, SignIn("edge1", "alice"));
  EXPECT_THAT(alice->Ask(absl::StrCat(head, std::string(kMax - head.size(), 'x'))),
              Holds(Eq("5 OK 1")));
  EXPECT_THAT(alice->Ask(absl::StrCat(head, std::string(kMax - head.size() + 1, 'x'))),
              Holds(StartsWith("5 FAIL TOOLONG ")));
  // Every byte is escaped, so the packet is twice as long on the wire.
  EXPECT_THAT(alice->Ask(absl::StrCat(head, std::string(kMax - head.size(), '~'))),
              Holds(Eq("5 OK 1")));
  EXPECT_THAT(alice->Ask("PING"), Holds(Eq("OK")));
}

TEST_F(BadInputTest, BeforeSignInTooLongEndsTheConnection) {
  ASSERT_OK_AND_ASSIGN(auto at_limit, Dial("edge1"));
  EXPECT_THAT(at_limit->Ask(absl::StrCat("LOGIN alice\n", std::string(4096 - 12, 'x'))),
              Holds(StartsWith("FAIL ")));
  EXPECT_THAT(at_limit->Ask("PING"), Holds(Eq("OK")));
  ASSERT_OK_AND_ASSIGN(auto above, Dial("edge1"));
  ASSERT_OK(above->Send(absl::StrCat("LOGIN alice\n", std::string(4096 - 11, 'x'))));
  EXPECT_TRUE(above->IsClosedByServer());
}

TEST_F(BadInputTest, AMillionTildesAreNoProblem) {
  ASSERT_OK_AND_ASSIGN(auto alice, SignIn("edge1", "alice"));
  ASSERT_OK(
      alice->Write(absl::StrCat("6 SENDMESSAGE alice~\n", std::string(1'000'000, '~'), "\n")));
  EXPECT_THAT(alice->NextAnswer(), Holds(Eq("6 OK 1")));
  ASSERT_OK_AND_ASSIGN(const std::string push, alice->NextPush());
  EXPECT_THAT(push, ::testing::EndsWith(absl::StrCat("\n", std::string(500'000, '~'))));
}

TEST_F(BadInputTest, ArrivingByteByByteMeansTheSame) {
  ASSERT_OK_AND_ASSIGN(auto client, Dial("edge1"));
  for (const char byte : std::string("1 LOGIN alice~\npw-~alice\n2 SENDMESSAGE alice~\nh~~i\n")) {
    ASSERT_OK(client->Write(absl::string_view(&byte, 1)));
  }
  EXPECT_THAT(client->NextAnswer(), Holds(StartsWith("1 OK ")));
  EXPECT_THAT(client->NextAnswer(), Holds(Eq("2 OK 1")));
  EXPECT_THAT(client->NextPush(), Holds(HasSubstr("\nh~i")));
}

TEST_F(BadInputTest, PlainTextOnTheTlsPortIsShutOut) {
  for (const char* const node : {"edge1", "mgmt"}) {
    ASSERT_OK_AND_ASSIGN(auto plain, LineClient::ConnectPlain(LineOf(node)));
    ASSERT_OK(plain->Write("LOGIN alice~\npw-alice\nGET / HTTP/1.1\r\n\r\n"));
    EXPECT_TRUE(plain->IsClosedByServer());
    EXPECT_OK(SignIn(node, "alice").status());
  }
}

TEST_F(BadInputTest, AClientThatTrustsAnotherAuthorityTurnsAway) {
  const std::string file = ::testing::TempDir() + "another_ca.crt";
  ASSERT_OK(identity::WriteFileAtomically(
      file, identity::CertificateAuthority::Create(RealClock::Get()).certificate_pem(), 0644));
  EXPECT_THAT(LineClient::Connect(LineOf("edge1"), file).status().message(),
              HasSubstr("certificate"));
  EXPECT_OK(LineClient::Connect(LineOf("edge1"), CaFile()).status());
}

}  // namespace
}  // namespace convergia::testing
