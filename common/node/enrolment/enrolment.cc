#include "common/node/enrolment/enrolment.h"

#include <asio/co_spawn.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <exception>
#include <memory>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/net/host_port.h"
#include "common/base/status_macros.h"
#include "common/identity/files.h"
#include "common/identity/join_token.h"
#include "common/line/framer.h"
#include "common/line/packet.h"
#include "common/line/reply.h"
#include "common/tls/context.h"
#include "common/tls/dial.h"
#include "common/tls/stream.h"
#include "common/tls/verify.h"

namespace convergia::node {
namespace {

using asio::ip::tcp;

constexpr absl::Duration kDialTimeout = absl::Seconds(5);    // For all addresses of a host name.
constexpr absl::Duration kEnrolTimeout = absl::Seconds(10);  // For the whole conversation.
constexpr size_t kAnswerBytesMax = 64 * 1024;
constexpr size_t kReadBytes = 4096;

// One conversation with a line port of mgmt.
class Enroller {
 public:
  Enroller(HostPort where, identity::JoinToken token, absl::Time now, tls::Resolver resolver)
      : where_(std::move(where)),
        token_(std::move(token)),
        now_(now),
        resolver_(std::move(resolver)) {}

  asio::awaitable<absl::StatusOr<Admission>> Run(std::string request) {
    absl::StatusOr<tcp::socket> socket = co_await tls::Dial(where_, kDialTimeout, resolver_);
    if (!socket.ok()) co_return absl::UnavailableError(socket.status().message());
    tls::TlsStream stream(*std::move(socket), *context_);
    const absl::Status shaken = co_await stream.Handshake();
    if (!shaken.ok()) co_return absl::UnavailableError(shaken.message());
    CVG_CO_ASSIGN_OR_RETURN(std::string ca_pem, FindCa(stream));
    CVG_CO_RETURN_IF_ERROR(co_await Write(&stream, request));
    absl::StatusOr<Admission> admission = co_await ReadAnswer(&stream);
    if (admission.ok()) admission->ca_pem = std::move(ca_pem);
    stream.Close();
    co_return admission;
  }

 private:
  // The CA that the token names, after a check that it signed a mgmt's certificate at the other
  // end.
  absl::StatusOr<std::string> FindCa(const tls::TlsStream& stream) const {
    const absl::StatusOr<std::string> ca =
        identity::FindByFingerprint(stream.PeerChainPem(), token_.ca_fingerprint);
    if (!ca.ok()) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the server at ", where_.ToString(),
          " is not of the cluster that made the join token: none of its certificates "
          "has the fingerprint ",
          token_.ca_fingerprint, "; check the address, or whether somebody is in between"));
    }
    const auto facts = tls::VerifyPeer(stream, *ca, now_);
    if (!facts.ok() || facts->identity.role != Role::kMgmt) {
      return absl::FailedPreconditionError(absl::StrCat(
          "the server at ", where_.ToString(), " is no management server of this cluster",
          facts.ok() ? "" : absl::StrCat(": ", facts.status().message())));
    }
    return *ca;
  }

  static asio::awaitable<absl::Status> Write(tls::TlsStream* stream, absl::string_view bytes) {
    while (!bytes.empty()) {
      CVG_CO_ASSIGN_OR_RETURN(const size_t count, stream->TryWrite(bytes));
      bytes.remove_prefix(count);
      if (count == 0) {
        CVG_CO_RETURN_IF_ERROR(co_await stream->WaitWritable());
      }
    }
    co_return absl::OkStatus();
  }

  // Skips the pushed packets before the answer.
  static asio::awaitable<absl::StatusOr<Admission>> ReadAnswer(tls::TlsStream* stream) {
    line::Framer framer(kAnswerBytesMax);
    std::string buffer(kReadBytes, '\0');
    while (true) {
      const absl::StatusOr<size_t> count =
          stream->TryRead(absl::MakeSpan(buffer.data(), buffer.size()));
      if (!count.ok()) co_return absl::UnavailableError("it closed without an answer");
      if (*count == 0) {
        CVG_CO_RETURN_IF_ERROR(co_await stream->WaitReadable());
      }
      absl::Span<char> bytes = absl::MakeSpan(buffer.data(), *count);
      absl::string_view packet;
      while (true) {
        const line::Framer::Next next = framer.Pull(&bytes, &packet);
        if (next == line::Framer::Next::kNeedMore) break;
        if (next == line::Framer::Next::kTooLong) {
          co_return absl::FailedPreconditionError("its answer is too long to be one");
        }
        CVG_CO_ASSIGN_OR_RETURN(const line::ServerPacket answer, line::ParseServerPacket(packet));
        if (answer.kind == line::ServerPacket::Kind::kFail) {
          co_return Fail(answer.code, answer.text);
        }
        if (answer.kind == line::ServerPacket::Kind::kOk) co_return ReadAdmission(answer.data);
      }
    }
  }

  static absl::StatusOr<Admission> ReadAdmission(absl::string_view data) {
    absl::string_view fields[3];
    Admission admission;
    if (!line::SplitFields(data, !data.empty(), absl::MakeSpan(fields)) ||
        !absl::SimpleAtoi(fields[0], &admission.node)) {
      return absl::FailedPreconditionError(
          "its answer to ENROL is none: is it of a newer version?");
    }
    admission.grpc_addresses = absl::StrSplit(fields[1], ',', absl::SkipEmpty());
    admission.chain_pem = std::string(fields[2]);
    return admission;
  }

  const HostPort where_;
  const identity::JoinToken token_;
  const absl::Time now_;
  const tls::Resolver resolver_;
  const std::unique_ptr<tls::TlsContext> context_ = tls::TlsContext::Client();
};

absl::StatusOr<std::string> ReadToken(const std::string& token_file, Role role) {
  if (token_file.empty()) {
    return absl::FailedPreconditionError(
        "this node is not enrolled and its configuration names no join_token_file; an operator "
        "makes a token with Admin.CreateJoinToken");
  }
  CVG_ASSIGN_OR_RETURN(const std::string text, identity::ReadFileToString(token_file));
  CVG_ASSIGN_OR_RETURN(const identity::JoinToken token, identity::DecodeJoinToken(text));
  if (token.role != role) {
    return absl::FailedPreconditionError(absl::StrCat("the join token is for the role ",
                                                      RoleWord(token.role), ", this node is of ",
                                                      RoleWord(role), "; ask for another token"));
  }
  return text;
}

// Asks at each address in order. An answer of mgmt itself is final.
absl::StatusOr<Admission> AskOneOf(const std::vector<std::string>& addresses,
                                   const std::string& token, const std::string& name,
                                   const std::string& csr_pem, absl::Time now) {
  absl::Status worst;
  for (const std::string& address : addresses) {
    absl::StatusOr<Admission> admission = AskToEnrol(address, token, name, csr_pem, now);
    if (admission.ok()) return admission;
    const absl::Status& why = admission.status();
    if (!absl::IsUnavailable(why) && !absl::IsFailedPrecondition(why)) return why;
    // If one address may answer later and another has a foreign server, report the former.
    if (worst.ok() || !IsWorthRetrying(worst)) worst = why;
  }
  return worst;
}

}  // namespace

absl::StatusOr<Admission> AskToEnrol(const std::string& address, const std::string& token,
                                     const std::string& name, const std::string& csr_pem,
                                     absl::Time now, const tls::Resolver& resolver) {
  CVG_ASSIGN_OR_RETURN(const HostPort where, HostPort::Parse(address));
  CVG_ASSIGN_OR_RETURN(identity::JoinToken decoded, identity::DecodeJoinToken(token));
  std::string request;
  const absl::string_view fields[] = {absl::StripAsciiWhitespace(token), name, csr_pem};
  line::AppendRequest("1", "ENROL", fields, &request);
  Enroller enroller(where, std::move(decoded), now, resolver);
  asio::io_context io(1);
  absl::StatusOr<Admission> admission = absl::UnavailableError("it does not answer");
  asio::co_spawn(io, enroller.Run(std::move(request)),
                 [&admission](std::exception_ptr thrown, absl::StatusOr<Admission> result) {
                   if (thrown == nullptr) admission = std::move(result);
                 });
  io.run_for(absl::ToChronoMilliseconds(kEnrolTimeout));
  if (absl::IsUnavailable(admission.status())) {
    return absl::UnavailableError(absl::StrCat(address, ": ", admission.status().message()));
  }
  return admission;
}

absl::Status EnrolOnce(const identity::NodeIdentity& identity, const std::string& token_file,
                       const NodeFiles& files, absl::Time now) {
  CVG_ASSIGN_OR_RETURN(const std::string text, ReadToken(token_file, identity.role));
  CVG_ASSIGN_OR_RETURN(const identity::JoinToken token, identity::DecodeJoinToken(text));
  // The key is on the disk before mgmt learns it. After a crash the certificate still has its key.
  CVG_ASSIGN_OR_RETURN(const identity::PrivateKey key, files.LoadOrMakeKey());
  CVG_ASSIGN_OR_RETURN(const Admission admission, AskOneOf(token.addresses, text, identity.name,
                                                           identity::MakeCsr(key, identity), now));
  CVG_RETURN_IF_ERROR(files.SaveCa(admission.ca_pem));
  CVG_RETURN_IF_ERROR(files.SaveMgmtAddresses(admission.grpc_addresses));
  return files.SaveCertificate(admission.chain_pem, identity, now).status();
}

bool IsWorthRetrying(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kUnavailable:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kResourceExhausted:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kInternal:
    case absl::StatusCode::kUnknown:
      return true;
    default:
      return false;
  }
}

}  // namespace convergia::node
