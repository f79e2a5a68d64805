#include "common/node/enrolment.h"

#include <grpcpp/client_context.h>

#include <asio/co_spawn.hpp>
#include <asio/connect.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/redirect_error.hpp>
#include <asio/use_awaitable.hpp>
#include <exception>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/base/host_port.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/identity/files.h"
#include "common/identity/join_token.h"
#include "common/rpc/credentials.h"
#include "common/rpc/deadline.h"
#include "common/rpc/status.h"
#include "common/tls/context.h"
#include "common/tls/stream.h"
#include "convergia/v1/cluster.grpc.pb.h"

namespace convergia::node {
namespace {

using asio::ip::tcp;

constexpr absl::Duration kEnrolTimeout = absl::Seconds(10);

asio::awaitable<absl::StatusOr<std::string>> Fetch(const HostPort& where,
                                                   const tls::TlsContext& context) {
  asio::error_code error;
  const auto executor = co_await asio::this_coro::executor;
  tcp::resolver resolver(executor);
  const tcp::resolver::results_type found = co_await resolver.async_resolve(
      where.host, std::to_string(where.port), asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return absl::UnavailableError(error.message());
  tcp::socket socket(executor);
  co_await asio::async_connect(socket, found, asio::redirect_error(asio::use_awaitable, error));
  if (error) co_return absl::UnavailableError(error.message());
  tls::TlsStream stream(std::move(socket), context);
  const absl::Status shaken = co_await stream.Handshake();
  if (!shaken.ok()) co_return absl::UnavailableError(shaken.message());
  std::string chain = stream.PeerChainPem();
  stream.Close();
  co_return chain;
}

absl::StatusOr<std::string> CallEnrol(const std::string& mgmt_address, const std::string& ca_pem,
                                      const v1::EnrolRequest& request) {
  const auto stub = v1::Cluster::NewStub(rpc::MakeEnrolChannel(mgmt_address, ca_pem));
  grpc::ClientContext context;
  context.set_deadline(rpc::DeadlineIn(kEnrolTimeout));
  v1::EnrolResponse response;
  CVG_RETURN_IF_ERROR(rpc::FromGrpcStatus(stub->Enrol(&context, request, &response)));
  return response.certificate_chain_pem();
}

absl::StatusOr<identity::JoinToken> ReadToken(const std::string& token_file, Role role) {
  if (token_file.empty()) {
    return absl::FailedPreconditionError(
        "this node is not enrolled and its configuration names no join_token_file; an operator "
        "makes "
        "a token with Admin.CreateJoinToken");
  }
  CVG_ASSIGN_OR_RETURN(const std::string text, identity::ReadFileToString(token_file));
  CVG_ASSIGN_OR_RETURN(identity::JoinToken token, identity::DecodeJoinToken(text));
  if (token.role != role) {
    return absl::FailedPreconditionError(absl::StrCat("the join token is for the role ",
                                                      RoleWord(token.role), ", this node is of ",
                                                      RoleWord(role), "; ask for another token"));
  }
  return token;
}

}  // namespace

absl::StatusOr<std::string> FetchServerChain(const std::string& address, absl::Duration timeout) {
  CVG_ASSIGN_OR_RETURN(const HostPort where, HostPort::Parse(address));
  const std::unique_ptr<tls::TlsContext> context = tls::TlsContext::Client();
  asio::io_context io(1);
  absl::StatusOr<std::string> chain = absl::UnavailableError("it does not answer");
  asio::co_spawn(io, Fetch(where, *context),
                 [&chain](std::exception_ptr thrown, absl::StatusOr<std::string> result) {
                   if (thrown == nullptr) chain = std::move(result);
                 });
  io.run_for(absl::ToChronoMilliseconds(timeout));
  return chain;
}

absl::Status EnrolOnce(const identity::NodeIdentity& identity, const std::string& mgmt_address,
                       const std::string& token_file, const NodeFiles& files, absl::Time now) {
  CVG_ASSIGN_OR_RETURN(const identity::JoinToken token, ReadToken(token_file, identity.role));
  CVG_ASSIGN_OR_RETURN(const std::string chain,
                       FetchServerChain(mgmt_address, limits::kRpcConnectTimeout));
  const absl::StatusOr<std::string> ca = identity::FindByFingerprint(chain, token.ca_fingerprint);
  if (!ca.ok()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the server at ", mgmt_address,
        " is not of the cluster that made the join token: none of "
        "its certificates has the fingerprint ",
        token.ca_fingerprint, "; check the address, or whether somebody is in between"));
  }
  // The key is on disk before mgmt knows it: what it signs must not be lost in a crash.
  CVG_ASSIGN_OR_RETURN(const identity::PrivateKey key, files.LoadOrMakeKey());
  v1::EnrolRequest request;
  request.set_token_secret(token.secret);
  request.set_name(identity.name);
  request.set_csr_pem(identity::MakeCsr(key, identity));
  CVG_ASSIGN_OR_RETURN(const std::string own_chain, CallEnrol(mgmt_address, *ca, request));
  CVG_RETURN_IF_ERROR(files.SaveCa(*ca));
  return files.SaveCertificate(own_chain, identity, now).status();
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
