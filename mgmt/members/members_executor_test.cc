#include "mgmt/members/members_executor.h"

#include <atomic>

#include "absl/synchronization/notification.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/status_testing.h"
#include "common/store/mem_store.h"

namespace convergia::mgmt {
namespace {

using Admission = absl::StatusOr<NodeRegistry::Admission>;

class MembersDeskTest : public testing::Test {
 protected:
  FakeClock clock_;
  identity::CertificateAuthority ca_ = identity::CertificateAuthority::Create(clock_);
  store::MemStore store_;
  std::unique_ptr<NodeRegistry> registry_ = *NodeRegistry::Create(store_, ca_);
};

TEST_F(MembersDeskTest, WhatIsTooLongToBeRightIsRefusedAtOnce) {
  MembersExecutor executor(*registry_, clock_, [] {});
  struct Case {
    size_t secret, name, csr;
  };
  for (const Case& c :
       {Case{MembersExecutor::kSecretBytesMax + 1, 1, 1}, Case{1, limits::kNameBytesMax + 1, 1},
        Case{1, 1, MembersExecutor::kCsrBytesMax + 1}}) {
    absl::Status refused;  // Set before Enrol() returns.
    executor.Enrol(std::string(c.secret, 'x'), std::string(c.name, 'x'), std::string(c.csr, 'x'),
                   [&](const Admission& admission) { refused = admission.status(); });
    ASSERT_FALSE(refused.ok());
    EXPECT_EQ(FailCodeOf(refused), FailCode::kBadField);
  }
}

TEST_F(MembersDeskTest, StrangersDoNotCrowdOutOperators) {
  absl::Notification holding, go_on;
  MembersExecutor executor(*registry_, clock_, [&] {
    if (holding.HasBeenNotified()) return;
    holding.Notify();
    go_on.WaitForNotification();
  });
  std::atomic<int> tokens = 0, busy = 0, denied = 0;
  const auto count = [&](const absl::StatusOr<NodeRegistry::NewToken>& token) {
    tokens += token.ok();
  };
  executor.MakeToken(Role::kEdge, "", absl::ZeroDuration(), count);
  holding.WaitForNotification();
  const int strangers = 2 * static_cast<int>(MembersExecutor::kTasksMax);
  for (int i = 0; i < strangers; ++i) {
    executor.Enrol("guess", "edge1", "csr", [&](const Admission& admission) {
      const FailCode code = FailCodeOf(admission.status());
      busy += code == FailCode::kBusy;
      denied += code == FailCode::kDenied;
    });
  }
  executor.MakeToken(Role::kEdge, "", absl::ZeroDuration(), count);
  go_on.Notify();
  executor.Stop();
  EXPECT_EQ(tokens, 2);
  EXPECT_EQ(denied, MembersExecutor::kEnrolsMax);
  EXPECT_EQ(busy + denied, strangers);
}

}  // namespace
}  // namespace convergia::mgmt
