#include "client/profile/trust.h"

#include <algorithm>
#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/transport/dial.h"
#include "client/transport/stop.h"
#include "common/base/fail.h"
#include "common/identity/certificate.h"
#include "common/tls/context.h"
#include "common/tls/stream.h"

namespace convergia::client {
namespace {

constexpr absl::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr size_t kFingerprintDigits = 64;

asio::awaitable<absl::StatusOr<std::string>> Fetch(Address address, absl::Duration timeout) {
  StopSource stop;
  auto socket = co_await Dial(address, timeout, stop);
  if (!socket.ok()) co_return socket.status();
  const auto executor = socket->get_executor();
  const auto context = tls::TlsContext::Client();
  tls::TlsStream stream(*std::move(socket), *context);
  absl::Status status;
  {
    const Watchdog watchdog(executor, stop, timeout, [&stream] { stream.Close(); });
    status = co_await stream.Handshake();
  }
  if (!status.ok()) {
    co_return Fail(FailCode::kUnavailable,
                   absl::StrCat(address.ToString(), " does not speak TLS: ", status.message(),
                                "; is this the management server's port for clients?"));
  }
  co_return stream.PeerChainPem();
}

absl::Status NotOurs(absl::string_view why) {
  return Fail(FailCode::kDenied,
              absl::StrCat("this is not a management server of Convergia: ", why));
}

}  // namespace

absl::StatusOr<std::string> FetchChain(const Address& address, absl::Duration timeout) {
  asio::io_context io(1);
  absl::StatusOr<std::string> chain;
  asio::co_spawn(io, Fetch(address, timeout),
                 [&chain](std::exception_ptr, absl::StatusOr<std::string> fetched) {
                   chain = std::move(fetched);
                 });
  io.run();
  return chain;
}

absl::StatusOr<std::string> CaOfChain(absl::string_view chain_pem, absl::Time now) {
  const size_t last = chain_pem.rfind(kBegin);
  if (last == absl::string_view::npos) return NotOurs("it shows no certificate");
  std::string ca(chain_pem.substr(last));
  const auto facts = identity::VerifyChain(chain_pem, ca, now);
  if (!facts.ok()) return NotOurs(facts.status().message());
  if (facts->identity.role != Role::kMgmt) {
    return NotOurs(absl::StrCat("it is a node of the role ", RoleWord(facts->identity.role)));
  }
  return ca;
}

absl::StatusOr<std::string> ParseFingerprint(absl::string_view text) {
  const std::string digits =
      absl::AsciiStrToLower(absl::StrReplaceAll(text, {{":", ""}, {" ", ""}}));
  if (digits.size() != kFingerprintDigits ||
      !std::all_of(digits.begin(), digits.end(), absl::ascii_isxdigit)) {
    return Fail(FailCode::kBadField, "a fingerprint has 64 hexadecimal digits (SHA-256)");
  }
  return digits;
}

}  // namespace convergia::client
