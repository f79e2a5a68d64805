#include "common/session/testing/raw_client.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <csignal>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace convergia::session {
namespace {

constexpr int kWaitSecondsMax = 20;

}  // namespace

RawClient::RawClient(absl::string_view address) {
  std::signal(SIGPIPE, SIG_IGN);
  const std::vector<std::string> parts = absl::StrSplit(address, ':');
  sockaddr_in peer = {};
  peer.sin_family = AF_INET;
  int port = 0;
  EXPECT_TRUE(absl::SimpleAtoi(parts[1], &port));
  peer.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, parts[0].c_str(), &peer.sin_addr);
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const timeval wait = {.tv_sec = kWaitSecondsMax, .tv_usec = 0};
  setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
  setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait));
  const int on = 1;
  setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  EXPECT_EQ(connect(fd_, reinterpret_cast<sockaddr*>(&peer), sizeof(peer)), 0);
}

RawClient::~RawClient() {
  Close();
  SSL_CTX_free(context_);
}

void RawClient::SetReceiveBuffer(int bytes) {
  setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

bool RawClient::Handshake() {
  context_ = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_verify(context_, SSL_VERIFY_NONE, nullptr);
  ssl_ = SSL_new(context_);
  SSL_set_fd(ssl_, fd_);
  ERR_clear_error();
  return SSL_connect(ssl_) == 1;
}

bool RawClient::Send(absl::string_view bytes) {
  ERR_clear_error();
  return SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size())) ==
         static_cast<int>(bytes.size());
}

bool RawClient::SendPlain(absl::string_view bytes) {
  return send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
}

bool RawClient::ReadMore() {
  buffer_.erase(0, taken_);
  taken_ = 0;
  char bytes[16 * 1024];
  ERR_clear_error();
  const int count = SSL_read(ssl_, bytes, sizeof(bytes));
  if (count <= 0) {
    EXPECT_NE(SSL_get_error(ssl_, count), SSL_ERROR_WANT_READ) << "the server says nothing";
    return false;
  }
  buffer_.append(bytes, static_cast<size_t>(count));
  return true;
}

bool RawClient::ReadByte(char* c) {
  if (taken_ == buffer_.size() && !ReadMore()) return false;
  *c = buffer_[taken_++];
  return true;
}

std::string RawClient::Read(size_t count) {
  std::string bytes;
  char c = 0;
  while (bytes.size() < count && ReadByte(&c)) bytes.push_back(c);
  return bytes;
}

bool RawClient::ReadPlainToEnd() {
  char bytes[4096];
  while (true) {
    const ssize_t count = recv(fd_, bytes, sizeof(bytes), 0);
    if (count > 0) continue;
    return count == 0 || errno == ECONNRESET;
  }
}

void RawClient::Close() {
  if (fd_ < 0) return;
  SSL_free(ssl_);
  ssl_ = nullptr;
  close(fd_);
  fd_ = -1;
}

void RawClient::ShutdownSend() {
  SSL_shutdown(ssl_);
  shutdown(fd_, SHUT_WR);
}

}  // namespace convergia::session
