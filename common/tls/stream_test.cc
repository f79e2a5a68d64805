#include "common/tls/stream.h"

#include <gtest/gtest.h>

#include <array>
#include <asio/co_spawn.hpp>
#include <asio/connect.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/write.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/base/clock.h"
#include "common/base/testing/status_testing.h"
#include "common/identity/certificate_authority.h"
#include "common/tls/verify.h"

namespace convergia::tls {
namespace {

using asio::ip::tcp;
using identity::CertificateAuthority;
using identity::KeyKind;
using identity::NodeIdentity;
using identity::PrivateKey;

struct Credentials {
  std::string chain;
  std::string key;
};

// Both ends of one connection over loopback, on one thread.
class StreamTest : public testing::Test {
 protected:
  StreamTest() {
    credentials_ = Issue("edge1");
    auto context = TlsContext::Server(credentials_.chain, credentials_.key);
    EXPECT_OK(context);
    server_context_ = *std::move(context);
  }

  Credentials Issue(const std::string& name) {
    const PrivateKey key = PrivateKey::Generate(KeyKind::kP256);
    const NodeIdentity identity = {Role::kEdge, name};
    auto chain = ca_.Issue(identity::MakeCsr(key, identity), identity, absl::Hours(1));
    EXPECT_OK(chain);
    return {chain.value_or(""), key.ToPem()};
  }

  void ConnectSockets() {
    tcp::acceptor acceptor(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
    server_socket_.emplace(io_);
    client_socket_.emplace(io_);
    client_socket_->connect(acceptor.local_endpoint());
    acceptor.accept(*server_socket_);
  }

  void MakeStreams(const std::string& server_name = "") {
    ConnectSockets();
    server_.emplace(*std::move(server_socket_), *server_context_);
    client_.emplace(*std::move(client_socket_), *client_context_, server_name);
  }

  void Spawn(std::function<asio::awaitable<void>()> body) {
    tasks_.push_back(std::make_unique<std::function<asio::awaitable<void>()>>(std::move(body)));
    asio::co_spawn(io_, *tasks_.back(), asio::detached);
  }

  void Run() {
    io_.restart();
    io_.run();
  }

  void ShakeHands() {
    Spawn([this]() -> asio::awaitable<void> { EXPECT_OK(co_await server_->Handshake()); });
    Spawn([this]() -> asio::awaitable<void> { EXPECT_OK(co_await client_->Handshake()); });
    Run();
  }

  static asio::awaitable<absl::Status> WriteAll(TlsStream& stream, absl::string_view bytes) {
    while (!bytes.empty()) {
      const absl::StatusOr<size_t> count = stream.TryWrite(bytes);
      if (!count.ok()) co_return count.status();
      bytes.remove_prefix(*count);
      if (*count == 0) {
        const absl::Status waited = co_await stream.WaitWritable();
        if (!waited.ok()) co_return waited;
      }
    }
    co_return absl::OkStatus();
  }

  // Reads until the end of the stream, or until `size` bytes are there.
  static asio::awaitable<absl::Status> ReadUpTo(TlsStream& stream, size_t size, std::string* out) {
    std::array<char, 4096> buffer;
    while (out->size() < size) {
      const absl::StatusOr<size_t> count = stream.TryRead(absl::MakeSpan(buffer));
      if (!count.ok()) co_return count.status();
      out->append(buffer.data(), *count);
      if (*count == 0) {
        const absl::Status waited = co_await stream.WaitReadable();
        if (!waited.ok()) co_return waited;
      }
    }
    co_return absl::OkStatus();
  }

  FakeClock clock_;
  CertificateAuthority ca_ = CertificateAuthority::Create(clock_);
  Credentials credentials_;
  std::unique_ptr<TlsContext> server_context_;
  std::unique_ptr<TlsContext> client_context_ = TlsContext::Client();
  asio::io_context io_;
  std::optional<tcp::socket> server_socket_;
  std::optional<tcp::socket> client_socket_;
  std::optional<TlsStream> server_;
  std::optional<TlsStream> client_;
  std::vector<std::unique_ptr<std::function<asio::awaitable<void>()>>> tasks_;
};

TEST_F(StreamTest, CarriesBytesBothWays) {
  MakeStreams("edge1.edge.convergia");
  ShakeHands();
  std::string at_server, at_client;
  Spawn([&]() -> asio::awaitable<void> {
    EXPECT_OK(co_await WriteAll(*client_, "hello"));
    EXPECT_OK(co_await ReadUpTo(*client_, 5, &at_client));
  });
  Spawn([&]() -> asio::awaitable<void> {
    EXPECT_OK(co_await ReadUpTo(*server_, 5, &at_server));
    EXPECT_OK(co_await WriteAll(*server_, "there"));
  });
  Run();
  EXPECT_EQ(at_server, "hello");
  EXPECT_EQ(at_client, "there");
  EXPECT_FALSE(client_->HasPending());
}

TEST_F(StreamTest, NothingToReadIsZeroAndNotAnError) {
  MakeStreams();
  ShakeHands();
  std::array<char, 16> buffer;
  EXPECT_EQ(server_->TryRead(absl::MakeSpan(buffer)).value(), 0);
  EXPECT_EQ(client_->TryRead(absl::MakeSpan(buffer)).value(), 0);
}

TEST_F(StreamTest, RecordsReadAheadArePendingAndNotLost) {
  MakeStreams();
  ShakeHands();
  ASSERT_EQ(client_->TryWrite("one").value(), 3);
  ASSERT_EQ(client_->TryWrite("two").value(), 3);
  Spawn([&]() -> asio::awaitable<void> { EXPECT_OK(co_await server_->WaitReadable()); });
  Run();
  std::array<char, 16> buffer;
  ASSERT_EQ(server_->TryRead(absl::MakeSpan(buffer)).value(), 3);
  EXPECT_TRUE(server_->HasPending());
  ASSERT_EQ(server_->TryRead(absl::MakeSpan(buffer)).value(), 3);
  EXPECT_FALSE(server_->HasPending());
}

TEST_F(StreamTest, LargeWritesBothWaysAtOnceArriveWhole) {
  MakeStreams();
  ShakeHands();
  std::string up(5'000'000, 'u'), down(7'000'000, 'd'), at_server, at_client;
  for (size_t i = 0; i < up.size(); i += 97) up[i] = static_cast<char>(i);
  for (size_t i = 0; i < down.size(); i += 89) down[i] = static_cast<char>(i);
  Spawn([&]() -> asio::awaitable<void> { EXPECT_OK(co_await WriteAll(*client_, up)); });
  Spawn([&]() -> asio::awaitable<void> { EXPECT_OK(co_await WriteAll(*server_, down)); });
  Spawn([&]() -> asio::awaitable<void> {
    EXPECT_OK(co_await ReadUpTo(*client_, down.size(), &at_client));
  });
  Spawn([&]() -> asio::awaitable<void> {
    EXPECT_OK(co_await ReadUpTo(*server_, up.size(), &at_server));
  });
  Run();
  EXPECT_TRUE(at_server == up);
  EXPECT_TRUE(at_client == down);
}

TEST_F(StreamTest, WritingToOneWhoNeverReadsBecomesZeroAndGoesOnLater) {
  MakeStreams();
  ShakeHands();
  const std::string bytes(1'000'000, 'x');
  size_t sent = 0;
  while (true) {
    const absl::StatusOr<size_t> count = server_->TryWrite(bytes);
    ASSERT_OK(count);
    if (*count == 0) break;
    sent += *count;
  }
  std::string at_client;
  const std::string moved = bytes + "tail";  // The same bytes elsewhere, and more behind them.
  Spawn([&]() -> asio::awaitable<void> { EXPECT_OK(co_await WriteAll(*server_, moved)); });
  Spawn([&]() -> asio::awaitable<void> {
    EXPECT_OK(co_await ReadUpTo(*client_, sent + moved.size(), &at_client));
  });
  Run();
  EXPECT_EQ(at_client.substr(at_client.size() - 5), "xtail");
}

TEST_F(StreamTest, PlainTextInsteadOfTlsIsInvalidArgument) {
  for (const std::string& text :
       {std::string("PING\nHELP\nPING\n"), std::string("GET / HTTP/1.0\r\n\r\n"),
        std::string(100, '~'), std::string(100, '\0'), std::string("alice~\nsecret\n")}) {
    ConnectSockets();
    server_.emplace(*std::move(server_socket_), *server_context_);
    asio::write(*client_socket_, asio::buffer(text));
    Spawn([&]() -> asio::awaitable<void> {
      EXPECT_THAT(co_await server_->Handshake(), StatusIs(absl::StatusCode::kInvalidArgument))
          << text;
    });
    Run();
  }
}

TEST_F(StreamTest, APeerThatLeavesDuringTheHandshakeIsAnError) {
  for (const bool begins : {false, true}) {
    ConnectSockets();
    server_.emplace(*std::move(server_socket_), *server_context_);
    if (begins) asio::write(*client_socket_, asio::buffer("\x16\x03\x01\x02", 4));
    client_socket_->close();
    Spawn([&]() -> asio::awaitable<void> {
      EXPECT_THAT(co_await server_->Handshake(), StatusIs(absl::StatusCode::kUnavailable));
    });
    Run();
  }
}

TEST_F(StreamTest, AnOrderlyEndIsOutOfRangeAndAnAbruptOneUnavailable) {
  std::string out;
  MakeStreams();
  ShakeHands();
  client_->ShutdownSend();
  Spawn([&]() -> asio::awaitable<void> {
    EXPECT_THAT(co_await ReadUpTo(*server_, 1, &out), StatusIs(absl::StatusCode::kOutOfRange));
    EXPECT_OK(co_await WriteAll(*server_, "bye"));  // The other direction is still open.
    EXPECT_OK(co_await ReadUpTo(*client_, 3, &out));
  });
  Run();
  EXPECT_EQ(out, "bye");

  MakeStreams();
  ShakeHands();
  client_->Close();
  Spawn([&]() -> asio::awaitable<void> {
    EXPECT_THAT(co_await ReadUpTo(*server_, 9, &out), StatusIs(absl::StatusCode::kUnavailable));
  });
  Run();
}

TEST_F(StreamTest, WritingToAClosedPeerIsUnavailable) {
  MakeStreams();
  ShakeHands();
  client_->Close();
  Spawn([&]() -> asio::awaitable<void> {
    EXPECT_THAT(co_await WriteAll(*server_, std::string(10'000'000, 'x')),
                StatusIs(absl::StatusCode::kUnavailable));
  });
  Run();
}

TEST_F(StreamTest, CloseEndsWaits) {
  MakeStreams();
  ShakeHands();
  bool ended = false;
  Spawn([&]() -> asio::awaitable<void> {
    EXPECT_THAT(co_await server_->WaitReadable(), StatusIs(absl::StatusCode::kUnavailable));
    ended = true;
  });
  asio::post(io_, [&] { server_->Close(); });
  Run();
  EXPECT_TRUE(ended);
}

TEST_F(StreamTest, ThePeersCertificateIsReadAndVerified) {
  MakeStreams();
  ShakeHands();
  EXPECT_EQ(client_->PeerPin(), identity::PinOfPem(credentials_.chain).value());
  EXPECT_EQ(client_->PeerChainPem(), credentials_.chain);
  EXPECT_EQ(server_->PeerPin(), "");
  ASSERT_OK_AND_ASSIGN(const auto facts, VerifyPeer(*client_, ca_.certificate_pem(), clock_.Now()));
  EXPECT_EQ(facts.identity.name, "edge1");
  EXPECT_OK(VerifyPin(*client_, facts.pin));
  EXPECT_THAT(VerifyPin(*client_, std::string(64, '0')),
              StatusIs(absl::StatusCode::kUnauthenticated));
  EXPECT_FALSE(VerifyPin(*server_, "").ok());
  EXPECT_THAT(VerifyPeer(*server_, ca_.certificate_pem(), clock_.Now()),
              StatusIs(absl::StatusCode::kUnauthenticated));
  const CertificateAuthority other = CertificateAuthority::Create(clock_);
  EXPECT_THAT(VerifyPeer(*client_, other.certificate_pem(), clock_.Now()),
              StatusIs(absl::StatusCode::kUnauthenticated));
}

TEST_F(StreamTest, AReloadShowsToTheNextConnectionAndABadOneChangesNothing) {
  const Credentials next = Issue("edge2");
  EXPECT_THAT(server_context_->Reload(next.chain, credentials_.key),
              StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_FALSE(server_context_->Reload("", "").ok());
  MakeStreams();
  ShakeHands();
  EXPECT_EQ(client_->PeerChainPem(), credentials_.chain);
  ASSERT_OK(server_context_->Reload(next.chain, next.key));
  MakeStreams();
  ShakeHands();
  EXPECT_EQ(client_->PeerChainPem(), next.chain);
}

TEST_F(StreamTest, InputIsDiscardedUntilTheOtherSideEnds) {
  MakeStreams();
  ShakeHands();
  ASSERT_OK(client_->TryWrite("unwanted"));
  std::array<char, 64> scratch;
  EXPECT_TRUE(server_->DiscardInput(absl::MakeSpan(scratch)));
  client_->Close();
  Spawn([&]() -> asio::awaitable<void> {
    EXPECT_OK(co_await server_->WaitReadable());
    EXPECT_FALSE(server_->DiscardInput(absl::MakeSpan(scratch)));
  });
  Run();
}

}  // namespace
}  // namespace convergia::tls
