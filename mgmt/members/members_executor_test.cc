#include "mgmt/members/members_executor.h"

#include <atomic>

#include "absl/synchronization/notification.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/testing/status_testing.h"
#include "common/identity/join_token.h"
#include "common/store/testing/mem_store.h"

namespace convergia::mgmt {
namespace {

using Admission = absl::StatusOr<NodeRegistry::Admission>;

const BucketRule kRule = {1'000'000, absl::Seconds(1), 2'000'000, 100};
const std::vector<std::string> kAddresses = {"127.0.0.1:1"};

class MembersExecutorTest : public testing::Test {
 protected:
  std::string TokenOf(const std::string& secret) {
    return identity::EncodeJoinToken({.secret = secret,
                                      .role = Role::kEdge,
                                      .ca_fingerprint = ca_.fingerprint(),
                                      .addresses = kAddresses});
  }

  FakeClock clock_;
  identity::CertificateAuthority ca_ = identity::CertificateAuthority::Create(clock_);
  store::MemStore store_;
  std::unique_ptr<NodeRegistry> registry_ = *NodeRegistry::Create(store_, ca_);
};

TEST_F(MembersExecutorTest, WhatCannotBeRightIsRefusedAtOnce) {
  MembersExecutor executor(*registry_, clock_, kRule, [] {});
  struct Case {
    std::string token, name, csr;
  };
  const std::string token = TokenOf("guess");
  for (const Case& c : {Case{"guess", "n", "csr"}, Case{token + token, "n", "csr"},
                        Case{token, std::string(limits::kNameBytesMax + 1, 'x'), "csr"},
                        Case{token, "n", std::string(MembersExecutor::kCsrBytesMax + 1, 'x')}}) {
    absl::Status refused;  // Set before Enrol() returns.
    executor.Enrol(c.token, c.name, c.csr, "192.0.2.1",
                   [&](const Admission& admission) { refused = admission.status(); });
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(FailCodeOf(refused), FailCode::kBadField);
  }
}

TEST_F(MembersExecutorTest, AnAddressThatGuessesWaitsAndOthersDoNot) {
  MembersExecutor executor(*registry_, clock_, {3, absl::Seconds(10), 6, 100}, [] {});
  const auto enrol = [&](absl::string_view address) {
    absl::Notification done;
    FailCode code = FailCode::kInternal;
    executor.Enrol(TokenOf("guess"), "edge1", "csr", address, [&](const Admission& admission) {
      code = FailCodeOf(admission.status());
      done.Notify();
    });
    done.WaitForNotification();
    return code;
  };
  for (int i = 0; i < 3; ++i) EXPECT_EQ(enrol("192.0.2.1"), FailCode::kDenied);
  EXPECT_EQ(enrol("192.0.2.1"), FailCode::kRate);
  EXPECT_EQ(enrol("192.0.2.2"), FailCode::kDenied);
  clock_.Advance(absl::Seconds(10));
  EXPECT_EQ(enrol("192.0.2.1"), FailCode::kDenied);
}

TEST_F(MembersExecutorTest, StrangersDoNotCrowdOutOperators) {
  absl::Notification holding, go_on;
  MembersExecutor executor(*registry_, clock_, kRule, [&] {
    if (holding.HasBeenNotified()) return;
    holding.Notify();
    go_on.WaitForNotification();
  });
  std::atomic<int> tokens = 0, busy = 0, denied = 0;
  const auto count = [&](const absl::StatusOr<NodeRegistry::NewToken>& token) {
    tokens += token.ok();
  };
  executor.MakeToken(Role::kEdge, "", absl::ZeroDuration(), kAddresses, count);
  holding.WaitForNotification();
  const int strangers = 2 * static_cast<int>(MembersExecutor::kTasksMax);
  for (int i = 0; i < strangers; ++i) {
    executor.Enrol(TokenOf("guess"), "edge1", "csr", "192.0.2.1", [&](const Admission& admission) {
      const FailCode code = FailCodeOf(admission.status());
      busy += code == FailCode::kBusy;
      denied += code == FailCode::kDenied;
    });
  }
  executor.MakeToken(Role::kEdge, "", absl::ZeroDuration(), kAddresses, count);
  go_on.Notify();
  executor.Stop();
  EXPECT_EQ(tokens, 2);
  EXPECT_EQ(denied, MembersExecutor::kEnrolsMax);
  EXPECT_EQ(busy + denied, strangers);
}

}  // namespace
}  // namespace convergia::mgmt
