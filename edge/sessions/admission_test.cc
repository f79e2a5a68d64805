#include "edge/sessions/admission.h"

#include <gtest/gtest.h>

#include <optional>

#include "common/base/fail.h"

namespace convergia::edge {
namespace {

TEST(AdmissionTest, TheTable) {
  const struct {
    SignInFacts facts;
    std::optional<FailCode> refused;
  } cases[] = {
      {{.is_draining = false, .is_revoked = false}, std::nullopt},
      {{.is_draining = false, .is_revoked = true}, FailCode::kSignInFailed},
      {{.is_draining = true, .is_revoked = false}, FailCode::kUnavailable},
      {{.is_draining = true, .is_revoked = true}, FailCode::kUnavailable},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(testing::Message() << c.facts.is_draining << c.facts.is_revoked);
    const absl::Status status = AdmitSignIn(c.facts);
    ASSERT_EQ(status.ok(), !c.refused);
    if (!status.ok()) {
      EXPECT_EQ(FailCodeOf(status), *c.refused);
    }
  }
}

}  // namespace
}  // namespace convergia::edge
