// Enrolment at names with dead addresses, on real sockets. Only the resolver is a fake.
#include "common/node/enrolment/enrolment.h"

#include <gtest/gtest.h>

#include <asio/io_context.hpp>
#include <asio/ip/address.hpp>
#include <asio/post.hpp>
#include <string>
#include <utility>
#include <vector>

#include "common/base/clock.h"
#include "common/base/net/host_port.h"
#include "common/base/testing/status_testing.h"
#include "common/identity/join_token.h"
#include "common/identity/key.h"
#include "common/node/testing/fake_mgmt.h"
#include "common/tls/testing/silent_address.h"

namespace convergia::node {
namespace {

using asio::ip::tcp;

class EnrolmentTest : public testing::Test {
 protected:
  EnrolmentTest() : token_(mgmt_.MakeToken(Role::kEdge)) {
    const auto decoded = identity::DecodeJoinToken(token_);
    EXPECT_OK(decoded);
    const auto where = HostPort::Parse(decoded->addresses.at(0));
    EXPECT_OK(where);
    living_ = {asio::ip::make_address(where->host), static_cast<uint16_t>(where->port)};
  }

  absl::StatusOr<Admission> AskAt(std::vector<tcp::endpoint> endpoints) {
    const auto key = identity::PrivateKey::Generate(identity::KeyKind::kP256);
    const tls::Resolver resolver = [endpoints](const asio::any_io_executor& executor,
                                               const HostPort&, tls::ResolveDone done) {
      asio::post(executor, [endpoints, done] { done({}, endpoints); });
    };
    return AskToEnrol("mgmt.example:1", token_, "e1", identity::MakeCsr(key, {Role::kEdge, "e1"}),
                      RealClock::Get().Now(), resolver);
  }

  FakeMgmt mgmt_;
  const std::string token_;
  tcp::endpoint living_;
  asio::io_context io_{1};
};

TEST_F(EnrolmentTest, ASilentFirstAddressOfANameIsFollowedByTheNext) {
  const tls::SilentAddress silent(io_);
  const auto admission = AskAt({silent.endpoint(), living_});
  ASSERT_OK(admission);
  EXPECT_FALSE(admission->chain_pem.empty());
}

TEST_F(EnrolmentTest, ARefusingFirstAddressOfANameIsFollowedByTheNext) {
  // The port of a listener of another address refuses at this one.
  const tcp::endpoint refusing(asio::ip::make_address("127.0.0.3"), living_.port());
  EXPECT_OK(AskAt({refusing, living_}));
  EXPECT_TRUE(absl::IsUnavailable(AskAt({refusing}).status()));
}

}  // namespace
}  // namespace convergia::node
