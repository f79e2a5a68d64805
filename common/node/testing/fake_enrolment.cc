#include "common/node/testing/fake_enrolment.h"

#include <glog/logging.h>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>

#include "absl/strings/str_cat.h"
#include "common/base/net/host_port.h"
#include "common/line/framer.h"
#include "common/line/packet.h"
#include "common/line/reply.h"
#include "common/tls/stream.h"

namespace convergia::node {
namespace {

using asio::ip::tcp;

std::unique_ptr<tls::TlsContext> ContextOf(const std::string& chain, const std::string& key) {
  auto context = tls::TlsContext::Server(chain, key);
  CHECK(context.ok()) << context.status();
  return *std::move(context);
}

// One write is enough, because the packets fit into the buffer of any socket.
void WriteAll(tls::TlsStream* stream, absl::string_view bytes) {
  const absl::StatusOr<size_t> count = stream->TryWrite(bytes);
  CHECK(count.ok() && *count == bytes.size()) << count.status();
}

}  // namespace

FakeEnrolment::FakeEnrolment(const std::string& listen, const std::string& chain_pem,
                             const std::string& key_pem, Answer answer)
    : answer_(std::move(answer)), tls_(ContextOf(chain_pem, key_pem)) {
  const auto where = HostPort::Parse(listen);
  CHECK(where.ok()) << where.status();
  const tcp::endpoint endpoint(asio::ip::make_address(where->host), where->port);
  acceptor_.open(endpoint.protocol());
  acceptor_.set_option(tcp::acceptor::reuse_address(true));
  acceptor_.bind(endpoint);
  acceptor_.listen();
  address_ = absl::StrCat(where->host, ":", acceptor_.local_endpoint().port());
  asio::co_spawn(io_, Accept(), asio::detached);
  thread_ = std::thread([this] { io_.run(); });
}

FakeEnrolment::~FakeEnrolment() {
  io_.stop();
  thread_.join();
}

asio::awaitable<void> FakeEnrolment::Accept() {
  while (true) {
    asio::error_code error;
    tcp::socket socket =
        co_await acceptor_.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (!error) asio::co_spawn(io_, Serve(std::move(socket)), asio::detached);
  }
}

asio::awaitable<void> FakeEnrolment::Serve(tcp::socket socket) {
  tls::TlsStream stream(std::move(socket), *tls_);
  if (!(co_await stream.Handshake()).ok()) co_return;
  std::string out;
  line::AppendPush("INFO", "protocol\t1", &out);
  WriteAll(&stream, out);
  line::Framer framer(4096);
  std::string buffer(4096, '\0');
  while (true) {
    const auto count = stream.TryRead(absl::MakeSpan(buffer.data(), buffer.size()));
    if (!count.ok()) co_return;
    if (*count == 0 && !(co_await stream.WaitReadable()).ok()) co_return;
    absl::Span<char> bytes = absl::MakeSpan(buffer.data(), *count);
    absl::string_view packet;
    while (framer.Pull(&bytes, &packet) == line::Framer::Next::kPacket) {
      const auto request = line::ParseRequest(packet);
      CHECK(request.ok() && request->word == "ENROL") << packet;
      std::vector<absl::string_view> fields(3);
      CHECK(line::SplitFields(request->data, request->has_data, absl::MakeSpan(fields)));
      const auto answer = answer_(fields);
      out.clear();
      if (answer.ok()) {
        line::AppendOk(request->id, *answer, &out);
      } else {
        line::AppendFail(request->id, answer.status(), &out);
      }
      WriteAll(&stream, out);
    }
  }
}

}  // namespace convergia::node
