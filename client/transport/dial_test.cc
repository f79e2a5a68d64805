// Names with dead addresses, on real sockets. Only the resolver is a fake.
#include "client/transport/dial.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/base/fail.h"
#include "common/base/testing/status_testing.h"
#include "common/tls/testing/silent_address.h"

namespace convergia::client {
namespace {

using asio::ip::tcp;
using ::testing::HasSubstr;

constexpr absl::Duration kLong = absl::Minutes(2);  // No test waits this long.

tcp::endpoint AnyPort(const char* address) { return {asio::ip::make_address(address), 0}; }

class DialTest : public testing::Test {
 protected:
  DialTest() : living_(io_, AnyPort("127.0.0.1")) {}

  // A port without a listener.
  tcp::endpoint Refusing(const char* address) {
    const tcp::endpoint endpoint = living_.local_endpoint();
    return {asio::ip::make_address(address), endpoint.port()};
  }

  static tls::Resolver Answering(std::vector<tcp::endpoint> endpoints) {
    return [endpoints = std::move(endpoints)](const asio::any_io_executor& executor,
                                              const HostPort&, tls::ResolveDone done) {
      asio::post(executor, [endpoints, done] { done({}, endpoints); });
    };
  }

  // The result of Dial(); for a socket, the address of its peer.
  absl::StatusOr<tcp::endpoint> DialAt(tls::Resolver resolver, absl::Duration timeout = kLong) {
    const Address address = {.host = "chat.example", .port = 1};
    std::optional<absl::StatusOr<tcp::endpoint>> end;
    asio::co_spawn(
        io_,
        [&]() -> asio::awaitable<void> {
          auto socket = co_await Dial(address, timeout, stop_, resolver);
          if (socket.ok()) {
            end = socket->remote_endpoint();
          } else {
            end = socket.status();
          }
        },
        asio::detached);
    io_.restart();
    while (!end.has_value() && io_.run_one() > 0) {
    }
    if (!end.has_value()) return absl::InternalError("nothing is under way, yet nothing came");
    return *end;
  }

  void ExpectReachesLiving(tls::Resolver resolver) {
    const absl::StatusOr<tcp::endpoint> reached = DialAt(std::move(resolver));
    ASSERT_OK(reached);
    EXPECT_EQ(*reached, living_.local_endpoint());
  }

  asio::io_context io_{1};
  StopSource stop_;
  tcp::acceptor living_;
};

TEST_F(DialTest, ASilentFirstAddressDoesNotKeepTheSecondWaiting) {
  const tls::SilentAddress silent(io_);
  ExpectReachesLiving(Answering({silent.endpoint(), living_.local_endpoint()}));
}

TEST_F(DialTest, AddressesThatRefuseAreFollowedByTheNext) {
  ExpectReachesLiving(
      Answering({Refusing("::1"), Refusing("127.0.0.3"), living_.local_endpoint()}));
}

TEST_F(DialTest, WhenAllAddressesRefuseTheReasonIsSaid) {
  const auto end = DialAt(Answering({Refusing("127.0.0.3"), Refusing("127.0.0.4")}));
  EXPECT_EQ(FailCodeOf(end.status()), FailCode::kUnavailable);
  EXPECT_THAT(std::string(end.status().message()), HasSubstr("chat.example:1: Connection refused"));
  EXPECT_THAT(std::string(DialAt(Answering({})).status().message()),
              HasSubstr("the name stands for no address"));
}

TEST_F(DialTest, TheWholeAttemptEndsInTimeAlsoWhenTheResolverIsSilent) {
  const tls::SilentAddress silent(io_);
  const std::vector<tcp::endpoint> endpoints = {silent.endpoint(), silent.endpoint()};
  const absl::Duration timeout = absl::Milliseconds(400);
  EXPECT_THAT(std::string(DialAt(Answering(endpoints), timeout).status().message()),
              HasSubstr("no answer in 400ms"));
  const tls::Resolver mute = [](const auto&, const auto&, const auto&) {};
  EXPECT_THAT(std::string(DialAt(mute, timeout).status().message()),
              HasSubstr("no answer in 400ms"));
}

TEST_F(DialTest, AnOwnerThatGoesEndsTheAttempt) {
  const tls::SilentAddress silent(io_);
  asio::post(io_, [this] { stop_.Stop(); });
  EXPECT_THAT(DialAt(Answering({silent.endpoint()})), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(DialAt(Answering({silent.endpoint()})), StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(DialTest, TheSystemsResolverKnowsLocalhost) {
  std::optional<std::vector<tcp::endpoint>> found;
  tls::ResolveBySystem(io_.get_executor(), {.host = "localhost", .port = 7},
                       [&](const asio::error_code&, std::vector<tcp::endpoint> endpoints) {
                         found = std::move(endpoints);
                       });
  EXPECT_FALSE(found.has_value());
  io_.run();
  ASSERT_TRUE(found.has_value());
  ASSERT_FALSE(found->empty());
  for (const tcp::endpoint& endpoint : *found) EXPECT_EQ(endpoint.port(), 7);
}

}  // namespace
}  // namespace convergia::client
