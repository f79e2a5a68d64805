// The sign-in of the founding document with only openssl, as README.md shows it.

#include <string>

#include "tests/cluster/cluster_test_base.h"
#include "tests/testing/run_command.h"

namespace convergia::testing {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class ByHandTest : public ClusterTest {
 public:
  static void SetUpTestSuite() {
    StartCluster({.counts = {.edges = 1}, .accounts = Accounts({"alice", "bob"})});
  }

 protected:
  // The output of a terminal in which the lines of `typed` are entered.
  static CommandResult Type(const std::string& typed, const std::string& more_flags = "") {
    return RunCommand(absl::StrCat("printf '%s' '", typed,
                                   "' | timeout 60 openssl s_client -quiet ",
                                   "-verify_return_error -connect ", LineOf("edge1"), " -CAfile '",
                                   CaFile(), "' ", more_flags));
  }
};

TEST_F(ByHandTest, SignsInByTheBarePacketAndSendsAMessage) {
  ASSERT_OK_AND_ASSIGN(auto bob, SignIn("edge1", "bob"));
  const CommandResult shown = Type("alice~\npw-alice\nSENDMESSAGE bob~\nhello by hand\nQUIT\n");
  EXPECT_EQ(shown.status, 0) << shown.output;
  EXPECT_THAT(shown.output, HasSubstr("INFO protocol\t1"));
  EXPECT_THAT(shown.output, HasSubstr("\nOK user\talice~\n"));
  EXPECT_THAT(shown.output, EndsWith("\nOK 1\nOK\n"));
  ASSERT_OK_AND_ASSIGN(const std::string push, bob->NextPush());
  EXPECT_THAT(push, StartsWith("RECEIVEMESSAGE alice\n"));
  EXPECT_THAT(push, EndsWith("\nhello by hand"));
}

TEST_F(ByHandTest, TakesTheLineEndsOfATerminalUntilSignIn) {
  const CommandResult shown = Type("PING\nHELP\nQUIT\n", "-crlf");
  EXPECT_THAT(shown.output, HasSubstr("\nOK\nOK "));
  EXPECT_THAT(shown.output, HasSubstr("\nSENDMESSAGE\t"));
}

}  // namespace
}  // namespace convergia::testing
