#include "client/output/exit_code.h"

#include <gtest/gtest.h>

#include "absl/status/status.h"
#include "common/base/fail.h"

namespace convergia::client {
namespace {

TEST(ExitCodeTest, EachKindOfFailureHasItsOwn) {
  EXPECT_EQ(ExitCodeOf(absl::OkStatus()), 0);
  EXPECT_EQ(ExitCodeOf(Fail(FailCode::kBadField, "")), 1);
  EXPECT_EQ(ExitCodeOf(Fail(FailCode::kSignInFailed, "")), 2);
  EXPECT_EQ(ExitCodeOf(Fail(FailCode::kManagementDown, "")), 3);
  EXPECT_EQ(ExitCodeOf(Fail(FailCode::kOffline, "")), 4);
  EXPECT_EQ(ExitCodeOf(Fail(FailCode::kNoSuchUser, "")), 5);
  EXPECT_EQ(ExitCodeOf(Fail(FailCode::kDenied, "")), 6);
  EXPECT_EQ(ExitCodeOf(Fail(FailCode::kUnconfirmed, "")), 7);
  EXPECT_EQ(ExitCodeOf(Fail(FailCode::kRate, "")), 8);
  EXPECT_EQ(ExitCodeOf(Fail(FailCode::kExists, "")), 9);
  EXPECT_EQ(ExitCodeOf(absl::InternalError("")), 10);
}

}  // namespace
}  // namespace convergia::client
