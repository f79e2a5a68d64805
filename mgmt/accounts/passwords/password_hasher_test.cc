#include "mgmt/accounts/passwords/password_hasher.h"

#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/testing/status_testing.h"

namespace convergia::mgmt {
namespace {

constexpr PasswordHasher::Cost kCheap = {1, 8192};

TEST(PasswordHasherTest, VerifiesTheRightPasswordOnly) {
  const PasswordHasher hasher(kCheap);
  const std::string zeros("a\0b", 3);
  ASSERT_OK_AND_ASSIGN(const std::string hash, hasher.Hash(zeros));
  EXPECT_TRUE(hasher.Verify(hash, zeros));
  EXPECT_FALSE(hasher.Verify(hash, "a"));
  EXPECT_FALSE(hasher.Verify(hash, ""));
  EXPECT_FALSE(hasher.Verify("not a hash", zeros));
  EXPECT_FALSE(hasher.Verify("", zeros));
  EXPECT_FALSE(hasher.VerifyNobody(zeros));
}

TEST(PasswordHasherTest, SaysArgon2idAndSaltsEachHash) {
  const PasswordHasher hasher(kCheap);
  ASSERT_OK_AND_ASSIGN(const std::string a, hasher.Hash("same"));
  ASSERT_OK_AND_ASSIGN(const std::string b, hasher.Hash("same"));
  EXPECT_NE(a, b);
  EXPECT_THAT(a, testing::StartsWith("$argon2id$v=19$m=8,t=1,p=1$"));
}

TEST(ValidatePasswordTest, HoldsTheBounds) {
  struct Case {
    size_t bytes;
    bool valid;
  };
  for (const Case& c : std::vector<Case>{{0, false},
                                         {1, true},
                                         {limits::kPasswordBytesMax, true},
                                         {limits::kPasswordBytesMax + 1, false}}) {
    const absl::Status status = ValidatePassword(std::string(c.bytes, 'x'));
    EXPECT_EQ(status.ok(), c.valid) << c.bytes;
    if (!c.valid) {
      EXPECT_EQ(FailCodeOf(status), FailCode::kBadField);
    }
  }
  for (const char* bad : {"a\tb", "a\nb", "ab\r"}) EXPECT_FALSE(ValidatePassword(bad).ok()) << bad;
  EXPECT_OK(ValidatePassword("a b ~ \xff"));
}

}  // namespace
}  // namespace convergia::mgmt
