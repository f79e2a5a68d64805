#include "common/identity/ticket.h"

#include <gtest/gtest.h>

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"
#include "common/identity/join_token.h"

namespace convergia::identity {
namespace {

const absl::Time kIssued = absl::FromUnixMillis(1'700'000'000'123);

Ticket MakeTicket(absl::string_view user) {
  return Ticket{.account = 77,
                .user = *Username::Parse(user),
                .generation = 5,
                .issued = kIssued,
                .expires = kIssued + absl::Hours(24),
                .id = MakeTicketId()};
}

class TicketTest : public testing::Test {
 protected:
  TicketTest() { EXPECT_OK(verifier_.ReplaceKeys({key_.PublicKeyPem()})); }

  FailCode CodeOf(absl::string_view text, absl::Time now = kIssued) {
    const absl::StatusOr<Ticket> result = verifier_.Verify(text, now);
    EXPECT_FALSE(result.ok()) << text;
    return result.ok() ? FailCode::kInternal : FailCodeOf(result.status());
  }

  const PrivateKey key_ = PrivateKey::Generate(KeyKind::kEd25519);
  TicketVerifier verifier_;
};

TEST_F(TicketTest, SaysWhatWasSigned) {
  const Ticket ticket = MakeTicket("alice");
  const std::string text = SignTicket(ticket, key_);
  EXPECT_TRUE(LooksLikeTicket(text));
  ASSERT_OK_AND_ASSIGN(const Ticket read, verifier_.Verify(text, kIssued + absl::Hours(23)));
  EXPECT_EQ(read.account, 77);
  EXPECT_EQ(read.user.str(), "alice");
  EXPECT_EQ(read.generation, 5);
  EXPECT_EQ(read.issued, ticket.issued);
  EXPECT_EQ(read.expires, ticket.expires);
  EXPECT_EQ(read.id, ticket.id);
}

TEST_F(TicketTest, IsShortAndPrintableForTheLongestName) {
  const std::string text = SignTicket(MakeTicket(std::string(32, 'z')), key_);
  EXPECT_LT(text.size(), 200);
  for (const char c : text) {
    EXPECT_TRUE(absl::ascii_isalnum(c) || c == '.' || c == '-' || c == '_') << c;
  }
}

TEST_F(TicketTest, ExpiresToTheMillisecond) {
  const std::string text = SignTicket(MakeTicket("alice"), key_);
  const absl::Time end = kIssued + absl::Hours(24);
  EXPECT_OK(verifier_.Verify(text, end - absl::Milliseconds(1)));
  EXPECT_EQ(CodeOf(text, end), FailCode::kExpired);
}

TEST_F(TicketTest, EveryAlteredCharacterIsRefused) {
  const std::string text = SignTicket(MakeTicket("alice"), key_);
  for (size_t i = 0; i < text.size(); ++i) {
    std::string altered = text;
    altered[i] = altered[i] == 'A' ? 'B' : 'A';
    EXPECT_THAT(CodeOf(altered), testing::AnyOf(FailCode::kSignInFailed, FailCode::kExpired)) << i;
  }
}

TEST_F(TicketTest, EveryCutIsRefused) {
  const std::string text = SignTicket(MakeTicket("alice"), key_);
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_EQ(CodeOf(text.substr(0, size)), FailCode::kSignInFailed) << size;
  }
  for (const char* more : {"A", "=", ".", " ", "\n"}) {
    EXPECT_EQ(CodeOf(absl::StrCat(text, more)), FailCode::kSignInFailed) << more;
  }
}

TEST_F(TicketTest, ForgedWithAnotherKeyIsRefused) {
  const PrivateKey stranger = PrivateKey::Generate(KeyKind::kEd25519);
  EXPECT_EQ(CodeOf(SignTicket(MakeTicket("alice"), stranger)), FailCode::kSignInFailed);
  EXPECT_EQ(CodeOf(std::string(100'000, 'x')), FailCode::kSignInFailed);
  EXPECT_EQ(CodeOf(absl::StrCat("cvt2.", std::string(100'000, 'A'), ".AA")),
            FailCode::kSignInFailed);
}

TEST_F(TicketTest, ExpiredIsSaidBeforeTheSignatureIsChecked) {
  const PrivateKey stranger = PrivateKey::Generate(KeyKind::kEd25519);
  EXPECT_EQ(CodeOf(SignTicket(MakeTicket("alice"), stranger), kIssued + absl::Hours(48)),
            FailCode::kExpired);
}

TEST_F(TicketTest, TheFormWithoutGenerationIsATicketThatIsRefused) {
  const std::string text = SignTicket(MakeTicket("alice"), key_);
  const std::string old_form = absl::StrCat("cvt1.", text.substr(5));
  EXPECT_TRUE(LooksLikeTicket(old_form));
  EXPECT_EQ(CodeOf(old_form), FailCode::kSignInFailed);
}

TEST_F(TicketTest, BothKeysHoldWhileOneReplacesTheOther) {
  const PrivateKey next = PrivateKey::Generate(KeyKind::kEd25519);
  const std::string old_text = SignTicket(MakeTicket("alice"), key_);
  const std::string new_text = SignTicket(MakeTicket("alice"), next);
  ASSERT_OK(verifier_.ReplaceKeys({key_.PublicKeyPem(), next.PublicKeyPem()}));
  EXPECT_OK(verifier_.Verify(old_text, kIssued));
  EXPECT_OK(verifier_.Verify(new_text, kIssued));
  ASSERT_OK(verifier_.ReplaceKeys({next.PublicKeyPem()}));
  EXPECT_EQ(CodeOf(old_text), FailCode::kSignInFailed);
}

TEST_F(TicketTest, ABadKeyChangesNothing) {
  const std::string p256 = PrivateKey::Generate(KeyKind::kP256).PublicKeyPem();
  for (const std::string& bad : {std::string(), std::string("x"), p256, key_.ToPem()}) {
    EXPECT_THAT(verifier_.ReplaceKeys({bad}), StatusIs(absl::StatusCode::kInvalidArgument));
  }
  EXPECT_OK(verifier_.Verify(SignTicket(MakeTicket("alice"), key_), kIssued));
}

TEST(TicketVerifierTest, WithoutKeysRefusesAll) {
  const PrivateKey key = PrivateKey::Generate(KeyKind::kEd25519);
  EXPECT_FALSE(TicketVerifier().Verify(SignTicket(MakeTicket("alice"), key), kIssued).ok());
}

TEST(JoinTokenTest, RoundTripsAlsoWithWhiteSpaceAround) {
  const JoinToken token = {.secret = std::string("a\0b", 3),
                           .role = Role::kDataserver,
                           .ca_fingerprint = std::string(64, 'a'),
                           .addresses = {"10.0.0.1:64474", "[::1]:64474", "mgmt.example:1"}};
  ASSERT_OK_AND_ASSIGN(const JoinToken read,
                       DecodeJoinToken(absl::StrCat(" ", EncodeJoinToken(token), "\r\n")));
  EXPECT_EQ(read.secret, token.secret);
  EXPECT_EQ(read.role, token.role);
  EXPECT_EQ(read.ca_fingerprint, token.ca_fingerprint);
  EXPECT_EQ(read.addresses, token.addresses);
}

TEST(JoinTokenTest, RefusesWhatIsCutOrNone) {
  const JoinToken token = {.secret = "s",
                           .role = Role::kEdge,
                           .ca_fingerprint = std::string(64, '0'),
                           .addresses = {"h:1"}};
  const std::string text = EncodeJoinToken(token);
  ASSERT_OK(DecodeJoinToken(text));
  for (size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(DecodeJoinToken(text.substr(0, size)).ok()) << size;
  }
  for (const absl::string_view bad : {"cvj2.####", "cvj2.AAAA", "cvj1.AAAA", "hello"}) {
    EXPECT_EQ(FailCodeOf(DecodeJoinToken(bad).status()), FailCode::kBadField) << bad;
  }
}

TEST(JoinTokenTest, RefusesAddressesThatAreNone) {
  JoinToken token = {.secret = "s", .role = Role::kEdge, .ca_fingerprint = std::string(64, '0')};
  for (const std::vector<std::string>& bad :
       {std::vector<std::string>{}, {"no port"}, {"h:1", ""}, std::vector<std::string>(9, "h:1")}) {
    token.addresses = bad;
    EXPECT_FALSE(DecodeJoinToken(EncodeJoinToken(token)).ok()) << bad.size();
  }
}

}  // namespace
}  // namespace convergia::identity
