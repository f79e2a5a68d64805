#include "mgmt/accounts/registration/registrations.h"

#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"

namespace convergia::mgmt {
namespace {

constexpr absl::Duration kStart = absl::Seconds(1000);

WantedAccount Wanted(absl::string_view user) {
  return WantedAccount(*Username::Parse(user), "secret");
}

FailCode CodeOf(const absl::StatusOr<WantedAccount>& result) { return FailCodeOf(result.status()); }

TEST(RegistrationsTest, TheRightAnswerInTimeYieldsWhatWasAsked) {
  struct Case {
    const char* answer;
    absl::Duration after;
    bool right;
  };
  for (const Case& c : std::vector<Case>{
           {"kwmpr", absl::ZeroDuration(), true},
           {"KwMpR", absl::Seconds(1), true},
           {" k w m\tp r \n", absl::Seconds(59), true},
           {"kwmpr", absl::Seconds(60), true},
           {"kwmp", absl::Seconds(1), false},
           {"kwmprr", absl::Seconds(1), false},
           {"", absl::Seconds(1), false},
       }) {
    Registrations registrations;
    ASSERT_OK_AND_ASSIGN(const std::string id, registrations.Add(Wanted("ann"), "KWMPR", kStart));
    const auto taken = registrations.Take(id, c.answer, kStart + c.after);
    ASSERT_EQ(taken.ok(), c.right) << c.answer;
    if (!c.right) {
      EXPECT_EQ(CodeOf(taken), FailCode::kWrongCaptcha);
      continue;
    }
    EXPECT_EQ(taken->user.str(), "ann");
    EXPECT_EQ(taken->password, "secret");
  }
}

TEST(RegistrationsTest, TooLateIsExpired) {
  Registrations registrations;
  ASSERT_OK_AND_ASSIGN(const std::string id, registrations.Add(Wanted("ann"), "KWMPR", kStart));
  EXPECT_EQ(CodeOf(registrations.Take(id, "KWMPR", kStart + absl::Seconds(60.1))),
            FailCode::kExpired);
}

TEST(RegistrationsTest, ARequestIsUsedUpByAnyAnswer) {
  Registrations registrations;
  ASSERT_OK_AND_ASSIGN(const std::string right, registrations.Add(Wanted("ann"), "KWMPR", kStart));
  ASSERT_OK_AND_ASSIGN(const std::string wrong, registrations.Add(Wanted("bob"), "KWMPR", kStart));
  EXPECT_OK(registrations.Take(right, "KWMPR", kStart));
  EXPECT_FALSE(registrations.Take(wrong, "XXXXX", kStart).ok());
  EXPECT_EQ(CodeOf(registrations.Take(right, "KWMPR", kStart)), FailCode::kNotFound);
  EXPECT_EQ(CodeOf(registrations.Take(wrong, "KWMPR", kStart)), FailCode::kNotFound);
  EXPECT_EQ(CodeOf(registrations.Take("", "KWMPR", kStart)), FailCode::kNotFound);
}

TEST(RegistrationsTest, TwoMayAskForOneName) {
  Registrations registrations;
  ASSERT_OK_AND_ASSIGN(const std::string a, registrations.Add(Wanted("ann"), "AAAAA", kStart));
  ASSERT_OK_AND_ASSIGN(const std::string b, registrations.Add(Wanted("ann"), "BBBBB", kStart));
  EXPECT_NE(a, b);
  EXPECT_OK(registrations.Take(b, "BBBBB", kStart));
  EXPECT_OK(registrations.Take(a, "AAAAA", kStart));
}

TEST(RegistrationsTest, TheNumberPendingIsBoundedAndOldOnesMakeRoom) {
  Registrations registrations({.pending_max = 2});
  ASSERT_OK(registrations.Admit("10.0.0.1", kStart));
  ASSERT_OK(registrations.Add(Wanted("a"), "A", kStart));
  ASSERT_OK(registrations.Add(Wanted("b"), "B", kStart));
  EXPECT_EQ(FailCodeOf(registrations.Admit("10.0.0.1", kStart)), FailCode::kBusy);
  EXPECT_EQ(FailCodeOf(registrations.Add(Wanted("c"), "C", kStart).status()), FailCode::kBusy);
  EXPECT_OK(registrations.Admit("10.0.0.1", kStart + absl::Minutes(4)));
}

TEST(RegistrationsTest, OneAddressIsHeldUpAfterItsBurst) {
  Registrations registrations({.per_address = {2, absl::Seconds(10), 10, 100}});
  ASSERT_OK(registrations.Admit("10.0.0.1", kStart));
  ASSERT_OK(registrations.Admit("10.0.0.1", kStart));
  const absl::Status refused = registrations.Admit("10.0.0.1", kStart);
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(FailCodeOf(refused), FailCode::kRate);
  EXPECT_OK(registrations.Admit("10.0.0.2", kStart));
  EXPECT_OK(registrations.Admit("10.0.0.1", kStart + absl::Seconds(10)));
}

TEST(RegistrationsTest, WhoeverHasManyAddressesHasNoMoreThanAllTogether) {
  Registrations registrations({.in_all = {3, absl::Seconds(10), 10, 1}});
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK(registrations.Admit(absl::StrCat("10.0.0.", i), kStart));
  }
  EXPECT_EQ(FailCodeOf(registrations.Admit("10.0.0.9", kStart)), FailCode::kRate);
  EXPECT_OK(registrations.Admit("10.0.0.9", kStart + absl::Seconds(10)));
}

TEST(RegistrationsTest, TheSubnetsOfOneSiteShareABudget) {
  Registrations registrations({.per_address = {1, absl::Seconds(80), 10, 100}});
  for (int i = 0; i < AddressBuckets::kWideFactor; ++i) {
    ASSERT_OK(registrations.Admit(absl::StrCat("2001:db8:1:", i, "::1"), kStart));
  }
  EXPECT_EQ(FailCodeOf(registrations.Admit("2001:db8:1:99::1", kStart)), FailCode::kRate);
  EXPECT_OK(registrations.Admit("2001:db8:2:99::1", kStart));
}

}  // namespace
}  // namespace convergia::mgmt
