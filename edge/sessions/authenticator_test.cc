#include "edge/sessions/authenticator.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/synchronization/notification.h"
#include "common/base/fail.h"
#include "common/base/status_testing.h"
#include "common/identity/key.h"

namespace convergia::edge {
namespace {

using lineserver::SignedIn;

Username User(absl::string_view name) { return *Username::Parse(name); }

// With an mgmt that is not there.
class AuthenticatorTest : public testing::Test {
 protected:
  AuthenticatorTest()
      : key_(identity::PrivateKey::Generate(identity::KeyKind::kEd25519)),
        mgmt_(grpc::CreateChannel("127.0.0.1:1", grpc::InsecureChannelCredentials()),
              /*calls_max=*/2) {
    EXPECT_OK(authenticator_.ReplaceKeys({key_.PublicKeyPem()}));
  }

  std::string MakeTicket(const identity::PrivateKey& key) {
    return identity::SignTicket({.account = 7,
                                 .user = User("alice"),
                                 .issued = clock_.Now(),
                                 .expires = clock_.Now() + absl::Hours(24),
                                 .id = identity::MakeTicketId()},
                                key);
  }

  absl::StatusOr<SignedIn> SignIn(absl::string_view user, absl::string_view secret) {
    absl::Notification done;
    absl::StatusOr<SignedIn> result;
    authenticator_.SignIn(User(user), secret, "127.0.0.1", [&](absl::StatusOr<SignedIn> signed_in) {
      result = std::move(signed_in);
      done.Notify();
    });
    done.WaitForNotification();
    return result;
  }

  void Revoke(absl::Time issued_before, bool whole = false) {
    v1::Revocations revocations;
    revocations.set_whole(whole);
    v1::TicketRevocation* const ticket = revocations.add_tickets();
    ticket->set_account_id(7);
    ticket->set_username("alice");
    ticket->set_issued_before_ms(absl::ToUnixMillis(issued_before));
    ticket->set_reason("disabled by the operator");
    revoked_.Apply(revocations, clock_.Now());
  }

  FakeClock clock_;
  identity::PrivateKey key_;
  RevokedTickets revoked_;
  MgmtClient mgmt_;
  EdgeAuthenticator authenticator_{&mgmt_, &revoked_, &clock_};
};

TEST_F(AuthenticatorTest, ATicketIsGoodWithoutMgmt) {
  const std::string ticket = MakeTicket(key_);
  ASSERT_OK_AND_ASSIGN(const SignedIn who, SignIn("alice", ticket));
  EXPECT_EQ(who.account, 7);
  EXPECT_EQ(who.user, User("alice"));
  EXPECT_EQ(who.ticket, ticket);
  EXPECT_EQ(who.expires, clock_.Now() + absl::Hours(24));
}

TEST_F(AuthenticatorTest, RefusesTicketsThatAreNotGood) {
  const auto forger = identity::PrivateKey::Generate(identity::KeyKind::kEd25519);
  EXPECT_EQ(FailCodeOf(SignIn("alice", MakeTicket(forger)).status()), FailCode::kSignInFailed);
  const std::string ticket = MakeTicket(key_);
  EXPECT_EQ(FailCodeOf(SignIn("bob", ticket).status()), FailCode::kSignInFailed);
  clock_.Advance(absl::Hours(25));
  EXPECT_EQ(FailCodeOf(SignIn("alice", ticket).status()), FailCode::kExpired);
}

TEST_F(AuthenticatorTest, ARevokedTicketIsRefusedAndALaterOneIsNot) {
  const std::string ticket = MakeTicket(key_);
  const absl::Time issued = clock_.Now();
  clock_.Advance(absl::Minutes(1));
  Revoke(clock_.Now());
  EXPECT_EQ(FailCodeOf(SignIn("alice", ticket).status()), FailCode::kSignInFailed);
  std::string reason;
  EXPECT_TRUE(revoked_.IsRevoked(7, issued, &reason));
  EXPECT_EQ(reason, "disabled by the operator");
  EXPECT_OK(SignIn("alice", MakeTicket(key_)).status());
}

TEST_F(AuthenticatorTest, AnOlderRevocationDoesNotUndoANewerAndAWholeReplacesAll) {
  const absl::Time now = clock_.Now();
  Revoke(now);
  Revoke(now - absl::Hours(1));
  EXPECT_TRUE(revoked_.IsRevoked(7, now - absl::Minutes(1)));
  Revoke(now - absl::Hours(1), /*whole=*/true);
  EXPECT_FALSE(revoked_.IsRevoked(7, now - absl::Minutes(1)));
}

TEST_F(AuthenticatorTest, APasswordCannotBeCheckedWhileMgmtIsAway) {
  EXPECT_EQ(FailCodeOf(SignIn("alice", "secret").status()), FailCode::kManagementDown);
}

}  // namespace
}  // namespace convergia::edge
