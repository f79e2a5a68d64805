#include "tests/testing/line_client.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/base/clock.h"
#include "common/base/status_macros.h"

namespace convergia::testing {
namespace {

constexpr size_t kReadBytes = 64 * 1024;

absl::Status SystemError(absl::string_view what) {
  return absl::UnavailableError(absl::StrCat(what, ": ", std::strerror(errno)));
}

absl::Status TlsError(absl::string_view what) {
  char text[256];
  ERR_error_string_n(ERR_get_error(), text, sizeof(text));
  return absl::UnavailableError(absl::StrCat(what, ": ", text));
}

// An answer begins with OK or FAIL, after an id if it has one. Ids begin with a digit.
bool IsAnswer(absl::string_view packet) {
  if (!packet.empty() && absl::ascii_isdigit(packet[0])) {
    packet.remove_prefix(std::min(packet.find(' ') + 1, packet.size()));
  }
  return packet == "OK" || absl::StartsWith(packet, "OK ") || absl::StartsWith(packet, "FAIL ");
}

}  // namespace

std::string Unescape(absl::string_view wire) {
  std::string packet;
  for (size_t i = 0; i < wire.size(); ++i) {
    if (wire[i] == '~' && i + 1 < wire.size()) ++i;
    packet.push_back(wire[i]);
  }
  return packet;
}

std::string Escape(absl::string_view packet) {
  std::string wire;
  for (const char c : packet) {
    if (c == '~' || c == '\n') wire.push_back('~');
    wire.push_back(c);
  }
  return wire;
}

LineClient::~LineClient() {
  SSL_free(ssl_);
  SSL_CTX_free(context_);
  close(fd_);
}

absl::StatusOr<std::unique_ptr<LineClient>> LineClient::ConnectPlain(const std::string& address) {
  const size_t colon = address.rfind(':');
  int port = 0;
  sockaddr_in peer = {};
  peer.sin_family = AF_INET;
  if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &port) ||
      inet_pton(AF_INET, address.substr(0, colon).c_str(), &peer.sin_addr) != 1) {
    return absl::InvalidArgumentError(absl::StrCat("no IPv4 host:port: ", address));
  }
  peer.sin_port = htons(port);
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return SystemError("socket");
  std::unique_ptr<LineClient> client(new LineClient(fd));
  if (connect(fd, reinterpret_cast<sockaddr*>(&peer), sizeof(peer)) != 0) {
    return SystemError(absl::StrCat("connect to ", address));
  }
  const int one = 1;
  setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  return client;
}

absl::StatusOr<std::unique_ptr<LineClient>> LineClient::Connect(const std::string& address,
                                                                const std::string& ca_file) {
  CVG_ASSIGN_OR_RETURN(std::unique_ptr<LineClient> client, ConnectPlain(address));
  CVG_RETURN_IF_ERROR(client->Handshake(ca_file));
  CVG_ASSIGN_OR_RETURN(const std::string greeting, client->Next());
  if (!absl::StartsWith(greeting, "INFO ")) {
    return absl::UnavailableError(absl::StrCat("greeted with: ", greeting));
  }
  client->greeting_ = greeting.substr(5);
  return client;
}

absl::Status LineClient::Handshake(const std::string& ca_file) {
  context_ = SSL_CTX_new(TLS_client_method());
  if (!ca_file.empty()) {
    SSL_CTX_set_verify(context_, SSL_VERIFY_PEER, nullptr);
    if (SSL_CTX_load_verify_locations(context_, ca_file.c_str(), nullptr) != 1) {
      return TlsError(ca_file);
    }
  }
  SSL_CTX_set_mode(context_, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                 SSL_MODE_RELEASE_BUFFERS);
  ssl_ = SSL_new(context_);
  SSL_set_fd(ssl_, fd_);
  const absl::Duration end = RealClock::Get().Elapsed() + patience_;
  while (true) {
    ERR_clear_error();
    const int result = SSL_connect(ssl_);
    if (result == 1) return absl::OkStatus();
    const int why = SSL_get_error(ssl_, result);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) return TlsError("handshake");
    CVG_RETURN_IF_ERROR(WaitForSocket(why == SSL_ERROR_WANT_WRITE, end));
  }
}

absl::Status LineClient::WaitForSocket(bool for_writing, absl::Duration end) {
  const absl::Duration left = end - RealClock::Get().Elapsed();
  pollfd waits = {fd_, static_cast<int16_t>(POLLIN | (for_writing ? POLLOUT : 0)), 0};
  const int milliseconds = std::max<int64_t>(0, absl::ToInt64Milliseconds(left));
  if (poll(&waits, 1, milliseconds) > 0) return absl::OkStatus();
  return absl::DeadlineExceededError("the server did not answer in time");
}

absl::Status LineClient::WriteOnce() {
  while (!to_send_.empty()) {
    ERR_clear_error();
    const ssize_t sent = ssl_ != nullptr
                             ? SSL_write(ssl_, to_send_.data(), to_send_.size())
                             : send(fd_, to_send_.data(), to_send_.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      to_send_.erase(0, sent);
      continue;
    }
    const int why = ssl_ != nullptr ? SSL_get_error(ssl_, sent) : SSL_ERROR_NONE;
    const bool later = ssl_ != nullptr ? why == SSL_ERROR_WANT_WRITE || why == SSL_ERROR_WANT_READ
                                       : errno == EAGAIN || errno == EWOULDBLOCK;
    return later ? absl::OkStatus() : SystemError("write");
  }
  return absl::OkStatus();
}

absl::Status LineClient::ReadOnce() {
  char bytes[kReadBytes];
  while (!closed_) {
    ERR_clear_error();
    const ssize_t count =
        ssl_ != nullptr ? SSL_read(ssl_, bytes, sizeof(bytes)) : recv(fd_, bytes, sizeof(bytes), 0);
    if (count > 0) {
      arrived_.append(bytes, count);
      continue;
    }
    const int why = ssl_ != nullptr ? SSL_get_error(ssl_, count) : SSL_ERROR_NONE;
    const bool later = ssl_ != nullptr ? why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE
                                       : count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (later) break;
    closed_ = true;
  }
  return absl::OkStatus();
}

absl::Status LineClient::Pump() {
  const absl::Status written = WriteOnce();
  CVG_RETURN_IF_ERROR(ReadOnce());
  return written;
}

bool LineClient::CutPacket(std::string* packet) {
  while (scanned_ < arrived_.size()) {
    if (arrived_[scanned_] == '~') {
      if (scanned_ + 1 == arrived_.size()) return false;
      scanned_ += 2;
    } else if (arrived_[scanned_] == '\n') {
      *packet = Unescape(absl::string_view(arrived_).substr(0, scanned_));
      arrived_.erase(0, scanned_ + 1);
      scanned_ = 0;
      return true;
    } else {
      ++scanned_;
    }
  }
  return false;
}

bool LineClient::TakeArrived(std::string* packet) { return CutPacket(packet); }

void LineClient::Queue(absl::string_view packet) {
  absl::StrAppend(&to_send_, Escape(packet), "\n");
}

absl::Status LineClient::Write(absl::string_view bytes) {
  absl::StrAppend(&to_send_, bytes);
  const absl::Duration end = RealClock::Get().Elapsed() + patience_;
  while (true) {
    CVG_RETURN_IF_ERROR(WriteOnce());
    if (to_send_.empty()) return absl::OkStatus();
    CVG_RETURN_IF_ERROR(WaitForSocket(/*for_writing=*/true, end));
    CVG_RETURN_IF_ERROR(ReadOnce());  // Otherwise both sides could wait for the other one to read.
    if (closed_) return absl::OutOfRangeError("the server has closed");
  }
}

absl::Status LineClient::Send(absl::string_view packet) {
  return Write(absl::StrCat(Escape(packet), "\n"));
}

absl::StatusOr<std::string> LineClient::Next() {
  const absl::Duration end = RealClock::Get().Elapsed() + patience_;
  std::string packet;
  while (!CutPacket(&packet)) {
    if (closed_) return absl::OutOfRangeError("the server has closed");
    CVG_RETURN_IF_ERROR(ReadOnce());
    if (CutPacket(&packet)) break;
    if (!closed_) CVG_RETURN_IF_ERROR(WaitForSocket(/*for_writing=*/false, end));
  }
  return packet;
}

absl::StatusOr<std::string> LineClient::NextAnswer() {
  while (answers_.empty()) {
    CVG_ASSIGN_OR_RETURN(std::string packet, Next());
    (IsAnswer(packet) ? answers_ : pushes_).push_back(std::move(packet));
  }
  std::string answer = std::move(answers_.front());
  answers_.pop_front();
  return answer;
}

absl::StatusOr<std::string> LineClient::NextPush() {
  while (true) {
    if (pushes_.empty()) {
      CVG_ASSIGN_OR_RETURN(std::string packet, Next());
      (IsAnswer(packet) ? answers_ : pushes_).push_back(std::move(packet));
      continue;
    }
    std::string push = std::move(pushes_.front());
    pushes_.pop_front();
    if (push != "PING" && !absl::StartsWith(push, "INFO ")) return push;
  }
}

bool LineClient::TakePush(std::string* push) {
  if (pushes_.empty()) return false;
  *push = std::move(pushes_.front());
  pushes_.pop_front();
  return true;
}

absl::StatusOr<std::string> LineClient::Ask(absl::string_view packet) {
  CVG_RETURN_IF_ERROR(Send(packet));
  return NextAnswer();
}

bool LineClient::IsClosedByServer() {
  const absl::Duration end = RealClock::Get().Elapsed() + patience_;
  while (!closed_) {
    if (!ReadOnce().ok()) return false;
    arrived_.clear();
    scanned_ = 0;
    if (!closed_ && !WaitForSocket(/*for_writing=*/false, end).ok()) return false;
  }
  return true;
}

std::string LineClient::ServerPin() const {
  X509* const certificate = SSL_get1_peer_certificate(ssl_);
  unsigned char* der = nullptr;
  const int bytes = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  unsigned char hash[32];
  unsigned int hash_bytes = sizeof(hash);
  EVP_Digest(der, bytes, hash, &hash_bytes, EVP_sha256(), nullptr);
  OPENSSL_free(der);
  X509_free(certificate);
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(hash), hash_bytes));
}

}  // namespace convergia::testing
