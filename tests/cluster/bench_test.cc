// The benchmark runs to its end with small numbers. People judge the numbers, not this test.

#include <string>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "tests/cluster/cluster_test_base.h"
#include "tests/testing/run_command.h"
#include "tools/devcluster/process.h"

namespace convergia::testing {
namespace {

using ::testing::HasSubstr;

TEST(BenchTest, EveryLineIsMeasured) {
  ASSERT_OK_AND_ASSIGN(const std::string program, devcluster::FindProgram("bench/messages"));
  const std::string dir = absl::StrCat(::testing::TempDir(), "/bench-", SecureRandomHex(8));
  const CommandResult result = RunCommand(absl::StrCat(
      program, " --dir='", dir, "' --pairs=3 --in_flight=4 --many_pairs=7 --rate=200 --sessions=5",
      " --seconds=1 2>&1"));
  EXPECT_EQ(result.status, 0) << result.output;
  for (const char* const line :
       {"3 pairs, 4 in flight", "3 pairs across two servers, 4 in flight", "7 pairs, 1 in flight",
        "3 pairs, 200 messages a second together", "5 sessions, signed in by ticket, then idle",
        "convergia, one edge", "convergia, two edges", "KiB idle", "us CPU a sign-in"}) {
    EXPECT_THAT(result.output, HasSubstr(line));
  }
}

}  // namespace
}  // namespace convergia::testing
