#include "mgmt/accounts/registration/invites.h"

#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"
#include "common/store/testing/mem_store.h"

namespace convergia::mgmt {
namespace {

const absl::Time kNow = absl::FromUnixMillis(1'700'000'000'123);

FailCode CodeOf(const absl::StatusOr<std::string>& result) { return FailCodeOf(result.status()); }

TEST(InvitesTest, AreGoodUntilTheyEndAlsoAfterARestart) {
  store::MemStore store;
  std::string code;
  {
    ASSERT_OK_AND_ASSIGN(const auto invites, Invites::Create(store));
    ASSERT_OK_AND_ASSIGN(const Invites::Invite invite, invites->Make("ann", kNow));
    code = invite.code;
    EXPECT_EQ(invite.expires, kNow + Invites::kLifetime);
  }
  ASSERT_OK_AND_ASSIGN(const auto invites, Invites::Create(store));
  ASSERT_OK_AND_ASSIGN(const std::string row, invites->Find(code, kNow));
  ASSERT_OK_AND_ASSIGN(const auto stored, store.Get(row));
  ASSERT_TRUE(stored.has_value());
  EXPECT_THAT(stored->value, testing::Not(testing::HasSubstr(code)));
  EXPECT_EQ(CodeOf(invites->Find("another", kNow)), FailCode::kDenied);
  EXPECT_EQ(CodeOf(invites->Find("", kNow)), FailCode::kDenied);
  EXPECT_EQ(CodeOf(invites->Find(code, kNow + Invites::kLifetime)), FailCode::kDenied);
  invites->Forget(row);
  EXPECT_EQ(CodeOf(invites->Find(code, kNow)), FailCode::kDenied);
}

TEST(InvitesTest, EachMakerHasAFewOpenAndThoseThatEndedMakeRoom) {
  store::MemStore store;
  ASSERT_OK_AND_ASSIGN(const auto invites, Invites::Create(store));
  std::string row;
  for (size_t i = 0; i < Invites::kOpenPerMakerMax; ++i) {
    ASSERT_OK_AND_ASSIGN(const auto invite, invites->Make("ann", kNow));
    ASSERT_OK_AND_ASSIGN(row, invites->Find(invite.code, kNow));
  }
  EXPECT_EQ(FailCodeOf(invites->Make("ann", kNow).status()), FailCode::kRate);
  EXPECT_OK(invites->Make("bob", kNow));
  for (int i = 0; i < 20; ++i) EXPECT_OK(invites->Make(Invites::kOperators, kNow));
  EXPECT_OK(invites->Make("ann", kNow + Invites::kLifetime));
  ASSERT_OK_AND_ASSIGN(const auto stored, store.Get(row));
  EXPECT_FALSE(stored.has_value());
}

}  // namespace
}  // namespace convergia::mgmt
