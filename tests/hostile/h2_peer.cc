#include "tests/hostile/h2_peer.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/net/host_port.h"

namespace convergia::testing {
namespace {

constexpr int kPatienceMilliseconds = 30'000;
constexpr size_t kFrameHeadBytes = 9;
constexpr unsigned char kAlpn[] = {2, 'h', '2'};

void AppendInteger(uint32_t value, int bytes, std::string* out) {
  for (int i = bytes - 1; i >= 0; --i) out->push_back(static_cast<char>(value >> (8 * i)));
}

uint32_t ReadInteger(absl::string_view bytes) {
  uint32_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<uint8_t>(byte);
  return value;
}

}  // namespace

std::string FrameHead(size_t payload_bytes, FrameType type, uint8_t flags, uint32_t stream) {
  std::string head;
  AppendInteger(static_cast<uint32_t>(payload_bytes), 3, &head);
  head.push_back(static_cast<char>(type));
  head.push_back(static_cast<char>(flags));
  AppendInteger(stream, 4, &head);
  return head;
}

std::string FrameOf(FrameType type, uint8_t flags, uint32_t stream, absl::string_view payload) {
  return absl::StrCat(FrameHead(payload.size(), type, flags, stream), payload);
}

std::string LiteralLength(size_t bytes) {
  constexpr size_t kPrefixMax = 127;
  if (bytes < kPrefixMax) return std::string(1, static_cast<char>(bytes));
  std::string out(1, static_cast<char>(kPrefixMax));
  for (bytes -= kPrefixMax; bytes >= 128; bytes /= 128) {
    out.push_back(static_cast<char>(bytes % 128 + 128));
  }
  out.push_back(static_cast<char>(bytes));
  return out;
}

std::string LiteralHeader(absl::string_view name, absl::string_view value) {
  return absl::StrCat(absl::string_view("\0", 1), LiteralLength(name.size()), name,
                      LiteralLength(value.size()), value);
}

std::string Preface() {
  return absl::StrCat("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", FrameOf(FrameType::kSettings, 0, 0, ""));
}

std::string CallHeaders(absl::string_view path) {
  return absl::StrCat(LiteralHeader(":method", "POST"), LiteralHeader(":scheme", "https"),
                      LiteralHeader(":path", path), LiteralHeader(":authority", "convergia"),
                      LiteralHeader("te", "trailers"),
                      LiteralHeader("content-type", "application/grpc"));
}

int ConnectTo(const std::string& address) {
  const auto where = HostPort::Parse(address);
  if (!where.ok()) return -1;
  sockaddr_in far = {};
  far.sin_family = AF_INET;
  far.sin_port = htons(where->port);
  if (inet_pton(AF_INET, where->host.c_str(), &far.sin_addr) != 1) return -1;
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return -1;
  if (connect(fd, reinterpret_cast<sockaddr*>(&far), sizeof(far)) == 0) return fd;
  close(fd);
  return -1;
}

bool AwaitTcpClosed(int fd) {
  char bytes[4096];
  while (true) {
    pollfd wait = {.fd = fd, .events = POLLIN};
    if (poll(&wait, 1, kPatienceMilliseconds) <= 0) return false;
    if (recv(fd, bytes, sizeof(bytes), 0) <= 0) return true;
  }
}

absl::StatusOr<std::unique_ptr<H2Peer>> H2Peer::Dial(const std::string& address,
                                                     const Certificate& certificate) {
  const int fd = ConnectTo(address);
  if (fd < 0) return absl::UnavailableError(absl::StrCat("nobody listens at ", address));
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  SSL* const ssl = SSL_new(context);
  std::unique_ptr<H2Peer> peer(new H2Peer(fd, context, ssl));
  SSL_set_fd(ssl, fd);
  SSL_set_alpn_protos(ssl, kAlpn, sizeof(kAlpn));
  SSL_set_mode(ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (!certificate.chain.empty() &&
      (SSL_use_certificate_chain_file(ssl, certificate.chain.c_str()) != 1 ||
       SSL_use_PrivateKey_file(ssl, certificate.key.c_str(), SSL_FILETYPE_PEM) != 1)) {
    return absl::InvalidArgumentError(absl::StrCat("cannot use ", certificate.chain));
  }
  fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
  while (true) {
    const int result = SSL_connect(ssl);
    if (result == 1) return peer;
    const int error = SSL_get_error(ssl, result);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
      return absl::UnavailableError("the server ended the handshake");
    }
    if (!peer->Wait(error == SSL_ERROR_WANT_WRITE)) {
      return absl::UnavailableError("the handshake does not end");
    }
  }
}

H2Peer::H2Peer(int fd, SSL_CTX* context, SSL* ssl) : fd_(fd), context_(context), ssl_(ssl) {}

H2Peer::~H2Peer() {
  SSL_free(ssl_);
  SSL_CTX_free(context_);
  close(fd_);
}

bool H2Peer::Wait(bool for_write) {
  pollfd wait = {.fd = fd_, .events = static_cast<int16_t>(for_write ? POLLIN | POLLOUT : POLLIN)};
  return poll(&wait, 1, kPatienceMilliseconds) > 0;
}

void H2Peer::ReadAll() {
  char bytes[16 * 1024];
  while (!closed_) {
    const int count = SSL_read(ssl_, bytes, sizeof(bytes));
    if (count > 0) {
      unread_.append(bytes, static_cast<size_t>(count));
      TakeFrames();
      continue;
    }
    const int error = SSL_get_error(ssl_, count);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return;
    closed_ = true;
  }
}

void H2Peer::TakeFrames() {
  size_t at = 0;
  while (unread_.size() - at >= kFrameHeadBytes) {
    const auto byte = [&](size_t i) { return static_cast<uint8_t>(unread_[at + i]); };
    const size_t size = kFrameHeadBytes + (byte(0) << 16 | byte(1) << 8 | byte(2));
    if (unread_.size() - at < size) break;
    seen_ |= 1u << (byte(3) % 32);
    const uint32_t stream = ReadInteger(absl::string_view(unread_).substr(at + 5, 4));
    TakeWindows(static_cast<FrameType>(byte(3)), stream,
                absl::string_view(unread_).substr(at + kFrameHeadBytes, size - kFrameHeadBytes));
    at += size;
  }
  unread_.erase(0, at);
}

void H2Peer::TakeWindows(FrameType type, uint32_t stream, absl::string_view payload) {
  constexpr uint32_t kInitialWindowSize = 4;
  if (type == FrameType::kWindowUpdate && payload.size() == 4) {
    (stream == 0 ? window_ : more_window_[stream]) += ReadInteger(payload);
  }
  if (type != FrameType::kSettings) return;
  for (; payload.size() >= 6; payload.remove_prefix(6)) {
    if (ReadInteger(payload.substr(0, 2)) == kInitialWindowSize) {
      first_window_ = ReadInteger(payload.substr(2, 4));
    }
  }
}

size_t H2Peer::SendPiece(uint32_t stream, absl::string_view data) {
  const int64_t window = std::min(window_, first_window_ + more_window_[stream]);
  if (window <= 0) return 0;
  data = data.substr(0, static_cast<size_t>(window));
  if (!Send(FrameOf(FrameType::kData, 0, stream, data))) return 0;
  window_ -= static_cast<int64_t>(data.size());
  more_window_[stream] -= static_cast<int64_t>(data.size());
  return data.size();
}

size_t H2Peer::SendData(const std::vector<uint32_t>& streams, absl::string_view head,
                        size_t bytes) {
  constexpr int kQuietMilliseconds = 2'000;  // If a server grants no window for so long, it will
                                             // grant none.
  const std::string piece(16 * 1024, 'd');
  std::map<uint32_t, size_t> left;
  for (const uint32_t stream : streams) {
    SendPiece(stream, head);
    left[stream] = bytes;
  }
  size_t total = 0;
  while (!closed_) {
    size_t went = 0;
    for (auto& [stream, rest] : left) {
      if (rest == 0) continue;
      const size_t count = SendPiece(stream, absl::string_view(piece).substr(0, rest));
      rest -= count;
      went += count;
    }
    total += went;
    if (went > 0) continue;
    pollfd wait = {.fd = fd_, .events = POLLIN};
    if (poll(&wait, 1, kQuietMilliseconds) <= 0) break;
    ReadAll();
  }
  return total;
}

bool H2Peer::Send(absl::string_view bytes) {
  while (!bytes.empty()) {
    ReadAll();
    if (closed_) return false;
    const int count = SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()));
    if (count > 0) {
      bytes.remove_prefix(static_cast<size_t>(count));
      continue;
    }
    const int error = SSL_get_error(ssl_, count);
    if (error != SSL_ERROR_WANT_READ && error != SSL_ERROR_WANT_WRITE) {
      closed_ = true;
    } else if (!Wait(/*for_write=*/true)) {
      return false;
    }
  }
  return true;
}

bool H2Peer::AwaitClosed() {
  while (true) {
    ReadAll();
    if (closed_) return true;
    if (!Wait(/*for_write=*/false)) return false;
  }
}

bool H2Peer::AwaitFrame(FrameType type) {
  while (true) {
    ReadAll();
    if (Saw(type)) return true;
    if (closed_ || !Wait(/*for_write=*/false)) return false;
  }
}

}  // namespace convergia::testing
