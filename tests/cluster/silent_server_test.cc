// One of three data servers stops answering, in a cluster of real processes. Writers get an error
// with the reason, and can write as soon as the server is back.

#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/cluster/cluster_test_base.h"
#include "tests/cluster/convergia_program.h"

namespace convergia::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class SilentServerTest : public ClusterTest {
 public:
  static void SetUpTestSuite() {
    StartCluster({.counts = {.datamgr = 1, .edges = 1, .dataservers_volatile = 3},
                  .accounts = Accounts({"alice"})});
  }

 protected:
  void SetUp() override {
    ClusterTest::SetUp();
    ASSERT_OK_AND_ASSIGN(alice_, SignIn("edge1", "alice"));
    alice_->set_patience(absl::Minutes(1));
    (void)alice_->Ask("CREATEFOLDER /v");
    (void)alice_->Ask("CREATEFILE /v/f");
    ASSERT_TRUE(Eventually([&] { return absl::StartsWith(Write(), "OK "); }, absl::Minutes(1)));
  }
  // Writes the next piece; repeats the last one until it is OK.
  std::string Write() {
    const std::string answer =
        alice_->Ask(absl::StrCat("WRITEFILE /v/f\n", written_, "\npiece")).value_or("no answer");
    if (absl::StartsWith(answer, "OK ")) written_ += 5;
    return answer;
  }

  std::unique_ptr<LineClient> alice_;
  uint64_t written_ = 0;
};

TEST_F(SilentServerTest, IsNotFullAndIsWrittenToAgainAtOnce) {
  ASSERT_OK(cluster().Pause("volatile2"));
  // The first write finds the fault, because the server does not answer it.
  EXPECT_THAT(Write(), StartsWith("FAIL UNAVAILABLE "));
  const std::string told = Write();
  EXPECT_THAT(told, StartsWith("FAIL UNAVAILABLE new data needs 3 volatile data servers, and 2 are "
                               "there now"));
  EXPECT_THAT(told, HasSubstr("volatile2"));
  ASSERT_OK(cluster().Continue("volatile2"));
  // SlowServerTest holds that a server that answers again is used at once.
  std::string last;
  EXPECT_TRUE(Eventually(
      [&] {
        last = Write();
        EXPECT_FALSE(absl::StartsWith(last, "FAIL NOSPACE")) << last;
        return absl::StartsWith(last, "OK ");
      },
      absl::Minutes(1)))
      << last;
  EXPECT_THAT(alice_->Ask(absl::StrCat("READFILE /v/f\n0\n", written_)), Holds(HasSubstr("piece")));
}

TEST_F(SilentServerTest, IsWaitedForByPut) {
  const std::string dir = ::testing::TempDir() + "/put";
  const ConvergiaProgram program({.user = "alice",
                                  .password = PasswordOf("alice"),
                                  .management = LineOf("mgmt"),
                                  .ca_file = CaFile(),
                                  .dir = dir});
  const std::string bytes(5'000'000, 'b');
  ASSERT_OK(cluster().Pause("volatile2"));
  const pid_t put = program.Start({"put", "-", "/v/put"}, bytes);
  EXPECT_TRUE(
      Eventually([&] { return absl::StrContains(ReadWholeFile(dir + "/stderr"), "trying again"); },
                 absl::Minutes(1)));
  ASSERT_OK(cluster().Continue("volatile2"));
  const Outcome done = program.AwaitEnd(put);
  EXPECT_EQ(done.exit_code, 0) << done.err;
  EXPECT_THAT(done.err, HasSubstr("needs 3 volatile data servers, and 2 are there now"));
  EXPECT_EQ(program.Run({"cat", "/v/put"}).out, bytes);
}

TEST_F(SilentServerTest, ThatIsGivenUpAndComesBackIsWrittenToAgain) {
  ASSERT_OK(cluster().Pause("volatile2"));
  // Until datamgr cuts its stream; then the server counts as offline.
  EXPECT_TRUE(Eventually(
      [&] {
        const std::string told = Write();
        EXPECT_THAT(told, StartsWith("FAIL UNAVAILABLE "));
        return absl::StrContains(told, "volatile2 (offline since ");
      },
      absl::Minutes(1)));
  ASSERT_OK(cluster().Continue("volatile2"));
  EXPECT_TRUE(Eventually(
      [&] {
        const std::string told = Write();
        EXPECT_FALSE(absl::StartsWith(told, "FAIL NOSPACE")) << told;
        return absl::StartsWith(told, "OK ");
      },
      absl::Minutes(1)));
}

}  // namespace
}  // namespace convergia::testing
