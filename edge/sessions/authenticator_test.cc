#include "edge/sessions/authenticator.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "absl/synchronization/notification.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/testing/status_testing.h"
#include "common/identity/key.h"

namespace convergia::edge {
namespace {

using lineserver::SignedIn;

Username User(absl::string_view name) { return *Username::Parse(name); }

// The fixture's mgmt cannot be reached.
class AuthenticatorTest : public testing::Test {
 protected:
  AuthenticatorTest()
      : key_(identity::PrivateKey::Generate(identity::KeyKind::kEd25519)),
        mgmt_([] { return grpc::CreateChannel("127.0.0.1:1", grpc::InsecureChannelCredentials()); },
              /*calls_max=*/2) {
    EXPECT_OK(authenticator_.ReplaceKeys({key_.PublicKeyPem()}));
  }

  std::string MakeTicket(const identity::PrivateKey& key) {
    return identity::SignTicket({.account = 7,
                                 .user = User("alice"),
                                 .generation = generation_,
                                 .issued = clock_.Now(),
                                 .expires = clock_.Now() + absl::Hours(24),
                                 .id = identity::MakeTicketId()},
                                key);
  }

  absl::StatusOr<SignedIn> SignIn(absl::string_view user, absl::string_view secret,
                                  const std::string& address = "127.0.0.1") {
    absl::Notification done;
    absl::StatusOr<SignedIn> result;
    authenticator_.SignIn(User(user), secret, address, [&](absl::StatusOr<SignedIn> signed_in) {
      result = std::move(signed_in);
      done.Notify();
    });
    done.WaitForNotification();
    return result;
  }

  void Revoke(Generation generation, bool whole = false) {
    v1::Revocations revocations;
    revocations.set_whole(whole);
    v1::TicketRevocation* const ticket = revocations.add_tickets();
    ticket->set_account_id(7);
    ticket->set_username("alice");
    ticket->set_generation(generation);
    ticket->set_raised_ms(absl::ToUnixMillis(clock_.Now()));
    ticket->set_reason("disabled by the operator");
    revoked_.Apply(revocations, clock_.Now());
  }

  FakeClock clock_;
  Generation generation_ = 0;  // Of the tickets that the test makes.
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
  Revoke(1);
  EXPECT_EQ(FailCodeOf(SignIn("alice", ticket).status()), FailCode::kSignInFailed);
  std::string reason;
  EXPECT_TRUE(revoked_.IsRevoked(7, 0, &reason));
  EXPECT_EQ(reason, "disabled by the operator");
  generation_ = 1;
  EXPECT_OK(SignIn("alice", MakeTicket(key_)).status());
}

// mgmt's clock was ahead when it issued the ticket, or was set back before the revocation. The
// edge's clock differs from both.
TEST_F(AuthenticatorTest, NoClockDecidesWhatIsRevoked) {
  for (const absl::Duration jump : {absl::Hours(-2), absl::Hours(2), absl::Hours(-50)}) {
    RevokedTickets revoked;
    EdgeAuthenticator authenticator(&mgmt_, &revoked, &clock_);
    ASSERT_OK(authenticator.ReplaceKeys({key_.PublicKeyPem()}));
    const std::string ticket = MakeTicket(key_);
    clock_.Jump(jump);
    v1::Revocations revocations;
    v1::TicketRevocation* const row = revocations.add_tickets();
    row->set_account_id(7);
    row->set_generation(1);
    row->set_raised_ms(absl::ToUnixMillis(clock_.Now()));
    clock_.Jump(-jump);
    revoked.Apply(revocations, clock_.Now());
    clock_.Jump(absl::Hours(-2));
    absl::Status refused;
    authenticator.SignIn(User("alice"), ticket, "127.0.0.1",
                         [&](absl::StatusOr<SignedIn> result) { refused = result.status(); });
    EXPECT_EQ(FailCodeOf(refused), FailCode::kSignInFailed) << jump;
    clock_.Jump(absl::Hours(2));
  }
}

TEST_F(AuthenticatorTest, WhatIsRevokedIsForgottenLongAfterItsTicketsHaveEnded) {
  Revoke(1);
  clock_.Advance(limits::kGenerationsToldFor);
  revoked_.Apply(v1::Revocations(), clock_.Now());
  EXPECT_TRUE(revoked_.IsRevoked(7, 0));
  clock_.Advance(absl::Seconds(1));
  revoked_.Apply(v1::Revocations(), clock_.Now());
  EXPECT_FALSE(revoked_.IsRevoked(7, 0));
}

TEST_F(AuthenticatorTest, AnOlderRevocationDoesNotUndoANewerAndAWholeReplacesAll) {
  Revoke(3);
  Revoke(2);
  EXPECT_TRUE(revoked_.IsRevoked(7, 2));
  Revoke(2, /*whole=*/true);
  EXPECT_FALSE(revoked_.IsRevoked(7, 2));
}

TEST_F(AuthenticatorTest, BadTicketsAreCountedByAddressBeforeASignatureIsChecked) {
  const std::string good = MakeTicket(key_);
  const auto forger = identity::PrivateKey::Generate(identity::KeyKind::kEd25519);
  const std::string bad = MakeTicket(forger);
  for (int i = 0; i < BadTicketsRule().burst; ++i) {
    ASSERT_EQ(FailCodeOf(SignIn("alice", bad).status()), FailCode::kSignInFailed) << i;
  }
  EXPECT_EQ(FailCodeOf(SignIn("alice", bad).status()), FailCode::kRate);
  EXPECT_EQ(FailCodeOf(SignIn("alice", good).status()), FailCode::kRate);
  EXPECT_OK(SignIn("alice", good, "127.0.0.2"));
  clock_.Advance(BadTicketsRule().forgiven_each);
  EXPECT_OK(SignIn("alice", good));
}

TEST_F(AuthenticatorTest, TicketsThatHaveEndedCountAgainstNobody) {
  const std::string ended = MakeTicket(key_);
  clock_.Advance(absl::Hours(25));
  for (int i = 0; i < 2 * BadTicketsRule().burst; ++i) {
    ASSERT_EQ(FailCodeOf(SignIn("alice", ended).status()), FailCode::kExpired);
  }
  EXPECT_OK(SignIn("alice", MakeTicket(key_)));
}

TEST_F(AuthenticatorTest, APasswordCannotBeCheckedWhileMgmtIsAway) {
  EXPECT_EQ(FailCodeOf(SignIn("alice", "secret").status()), FailCode::kManagementDown);
}

}  // namespace
}  // namespace convergia::edge
