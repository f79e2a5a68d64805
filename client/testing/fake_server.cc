#include "client/testing/fake_server.h"

#include <glog/logging.h>

#include <algorithm>
#include <array>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/limits.h"
#include "common/identity/key.h"
#include "common/line/framer.h"
#include "common/line/packet.h"
#include "common/line/reply.h"

namespace convergia::client {

struct FakeServer::Session {
  Session(asio::ip::tcp::socket socket, const tls::TlsContext& context)
      : stream(std::move(socket), context) {}

  // Tests send little, so a write to the socket never waits.
  void Write(absl::string_view bytes) {
    if (closed) return;
    while (!bytes.empty()) {
      const absl::StatusOr<size_t> count = stream.TryWrite(bytes);
      if (!count.ok()) return;
      CHECK_GT(*count, 0u) << "the test sends more than a socket holds";
      bytes.remove_prefix(*count);
    }
  }
  void Close() {
    if (!std::exchange(closed, true)) stream.Close();
  }

  tls::TlsStream stream;
  line::Framer framer{limits::kPacketBytesMax};
  bool ready = false;
  bool closed = false;
};

FakeServer::FakeServer(asio::io_context& io, const identity::CertificateAuthority& ca,
                       const identity::NodeIdentity& identity, Handler handler)
    : io_(io),
      name_(identity.name),
      handler_(std::move(handler)),
      acceptor_(io, {asio::ip::make_address("127.0.0.1"), 0}),
      endpoint_(acceptor_.local_endpoint()) {
  const identity::PrivateKey key = identity::PrivateKey::Generate(identity::KeyKind::kP256);
  const auto chain = ca.Issue(identity::MakeCsr(key, identity), identity, absl::Hours(1));
  CHECK(chain.ok()) << chain.status();
  auto context = tls::TlsContext::Server(*chain, key.ToPem());
  CHECK(context.ok()) << context.status();
  context_ = *std::move(context);
  pin_ = *identity::PinOfPem(*chain);
  asio::co_spawn(io_, AcceptLoop(), asio::detached);
}

FakeServer::~FakeServer() = default;

std::string FakeServer::address() const { return absl::StrCat("127.0.0.1:", endpoint_.port()); }

asio::awaitable<void> FakeServer::AcceptLoop() {
  while (true) {
    asio::error_code error;
    asio::ip::tcp::socket socket =
        co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (error) co_return;
    const auto session = std::make_shared<Session>(std::move(socket), *context_);
    sessions_.push_back(session);
    if (!mute_) asio::co_spawn(io_, Serve(this, session), asio::detached);
  }
}

asio::awaitable<void> FakeServer::Serve(FakeServer* server, std::shared_ptr<Session> session) {
  if (const absl::Status status = co_await session->stream.Handshake();
      !status.ok() || session->closed) {
    session->Close();
    co_return;
  }
  session->ready = true;
  session->Write(absl::StrCat("INFO protocol\t1~\nserver\t", server->name_, "\n"));
  std::array<char, 4096> buffer;
  while (!session->closed) {
    const absl::StatusOr<size_t> count = session->stream.TryRead(absl::MakeSpan(buffer));
    if (!count.ok()) break;
    if (*count == 0) {
      if (!(co_await session->stream.WaitReadable()).ok()) break;
      continue;
    }
    absl::Span<char> bytes = absl::MakeSpan(buffer).first(*count);
    absl::string_view packet;
    while (!session->closed &&
           session->framer.Pull(&bytes, &packet) == line::Framer::Next::kPacket) {
      server->OnPacket(*session, packet);
    }
  }
  session->Close();
}

void FakeServer::OnPacket(Session& session, absl::string_view packet) {
  const absl::StatusOr<line::Request> request = line::ParseRequest(packet);
  CHECK(request.ok()) << request.status();
  requests_.push_back(absl::StrCat(request->word, request->has_data ? " " : "", request->data));
  if (frozen_) return;
  std::string out;
  if (request->word == "PING" || request->word == "QUIT") {
    line::AppendOk(request->id, &out);
    session.Write(out);
    if (request->word == "QUIT") session.Close();
    return;
  }
  const Answer answer = handler_(request->word, request->data);
  if (!answer.has_value()) return;
  if (answer->ok()) {
    line::AppendOk(request->id, **answer, &out);
  } else {
    line::AppendFail(request->id, answer->status(), &out);
  }
  session.Write(out);
}

int FakeServer::CountRequests(absl::string_view word) const {
  return std::count_if(requests_.begin(), requests_.end(), [word](const std::string& request) {
    return request == word || absl::StartsWith(request, absl::StrCat(word, " "));
  });
}

void FakeServer::Push(absl::string_view word, absl::string_view data) {
  std::string out;
  line::AppendPush(word, data, &out);
  SendRaw(out);
}

void FakeServer::SendRaw(absl::string_view bytes) {
  for (const auto& session : sessions_) {
    if (session->ready) session->Write(bytes);
  }
}

void FakeServer::CloseAll() {
  for (const auto& session : sessions_) session->Close();
}

size_t FakeServer::connections() const {
  return std::count_if(sessions_.begin(), sessions_.end(),
                       [](const auto& session) { return !session->closed; });
}

void FakeServer::StopListening() { acceptor_.close(); }

}  // namespace convergia::client
