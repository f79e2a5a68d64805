// devcluster --once, as scripts use it.

#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/base/random.h"
#include "common/identity/files.h"
#include "tests/cluster/cluster_test_base.h"
#include "tests/testing/run_command.h"
#include "tools/devcluster/process.h"

namespace convergia::testing {
namespace {

using ::testing::HasSubstr;

// Runs `kill -0` for the process of each node of the cluster in $CONVERGIA_CLUSTER.
constexpr char kCheckProcesses[] =
    R"(for p in $(grep -o '"pid": *[0-9]*' FILE | grep -o '[0-9]*$'); do kill -0 $p ACTION; done)";

class OnceTest : public ::testing::Test {
 protected:
  CommandResult Once(const std::string& command) {
    const auto program = devcluster::FindProgram("tools/devcluster/devcluster");
    if (!program.ok()) return {-1, program.status().ToString()};
    const std::string script = dir_ + ".sh";
    const absl::Status written = identity::WriteFileAtomically(script, command, 0700);
    if (!written.ok()) return {-1, written.ToString()};
    return RunCommand(absl::StrCat(*program, " --dir='", dir_, "' --edges=1 --accounts=alice:pw",
                                   " --once=\"sh '", script, "'\" 2>&1"));
  }

  static std::string CheckProcesses(const std::string& file, const std::string& action) {
    return absl::StrReplaceAll(kCheckProcesses, {{"FILE", file}, {"ACTION", action}});
  }

  const std::string name_ = absl::StrCat("once-", SecureRandomHex(8));
  const std::string dir_ = absl::StrCat(::testing::TempDir(), "/", name_);
};

TEST_F(OnceTest, RunsTheCommandAgainstALivingClusterAndEndsWithItsStatus) {
  const CommandResult result =
      Once(absl::StrCat("cp \"$CONVERGIA_CLUSTER\" '", dir_, "/seen' || exit 50\n",
                        CheckProcesses("\"$CONVERGIA_CLUSTER\"", "|| exit 51"),
                        "\necho \"$CONVERGIA_CLUSTER\"\nexit 7\n"));
  EXPECT_EQ(result.status, 7) << result.output;
  EXPECT_THAT(result.output, HasSubstr(absl::StrCat("/", name_, "/cluster.json\n")));
  ASSERT_OK_AND_ASSIGN(const std::string seen, identity::ReadFileToString(dir_ + "/seen"));
  EXPECT_THAT(seen, HasSubstr("\"edge1\""));
  EXPECT_THAT(seen, HasSubstr("\"operator\""));
  // Afterwards none of them exists.
  const CommandResult after =
      RunCommand(CheckProcesses(absl::StrCat("'", dir_, "/seen'"), "2>/dev/null && exit 52"));
  EXPECT_NE(after.status, 52) << "a server outlives devcluster";
}

TEST_F(OnceTest, ACommandThatIsKilledCountsAsInAShell) {
  EXPECT_EQ(Once("kill -9 $$\n").status, 128 + 9);
}

TEST_F(OnceTest, ACommandThatSucceedsIsZero) {
  const CommandResult result = Once("test -s \"$CONVERGIA_CLUSTER\"\n");
  EXPECT_EQ(result.status, 0) << result.output;
}

}  // namespace
}  // namespace convergia::testing
