#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace convergia::testing {

// The types of HTTP/2 frames (RFC 9113).
enum class FrameType : uint8_t {
  kData = 0,
  kHeaders = 1,
  kRstStream = 3,
  kSettings = 4,
  kPing = 6,
  kGoAway = 7,
  kWindowUpdate = 8,
  kContinuation = 9,
};
inline constexpr uint8_t kEndStream = 1;
inline constexpr uint8_t kEndHeaders = 4;

std::string FrameOf(FrameType type, uint8_t flags, uint32_t stream, absl::string_view payload);
// The nine bytes at the beginning of a frame; the payload need not follow.
std::string FrameHead(size_t payload_bytes, FrameType type, uint8_t flags, uint32_t stream);
// A header without table and compression (HPACK, RFC 7541).
std::string LiteralHeader(absl::string_view name, absl::string_view value);
// The HPACK prefix of a string of `bytes` bytes.
std::string LiteralLength(size_t bytes);
// The client's connection preface, with an empty SETTINGS.
std::string Preface();
// The header block for a call of `path`.
std::string CallHeaders(absl::string_view path);

// An HTTP/2 client over TLS that can break the protocol, byte by byte. It reads everything that
// arrives while it writes. Every wait is bounded. Not thread-safe.
class H2Peer {
 public:
  // PEM files; empty: no certificate.
  struct Certificate {
    std::string chain, key;
  };

  // Connects and completes the TLS handshake, as far as the client can tell.
  //
  // Errors: kUnavailable.
  static absl::StatusOr<std::unique_ptr<H2Peer>> Dial(const std::string& address,
                                                      const Certificate& certificate);
  ~H2Peer();

  // False if the server has closed.
  bool Send(absl::string_view bytes);

  // Sends `head` on each of `streams`, then `bytes` of data, one piece for each stream in turn, as
  // far as the server's windows allow. It leaves the streams unfinished, and returns the number of
  // bytes sent. Each stream must be open.
  size_t SendData(const std::vector<uint32_t>& streams, absl::string_view head, size_t bytes);

  // Reads until the server closes; false if it does not in time.
  bool AwaitClosed();
  // True if a frame of this type came earlier, or comes in time.
  bool AwaitFrame(FrameType type);
  bool Saw(FrameType type) const { return (seen_ & (1u << static_cast<unsigned>(type))) != 0; }

 private:
  H2Peer(int fd, SSL_CTX* context, SSL* ssl);
  // Waits for the socket; false after a time-out.
  bool Wait(bool for_write);
  void ReadAll();
  void TakeFrames();
  void TakeWindows(FrameType type, uint32_t stream, absl::string_view payload);
  // Sends the next piece of `data` on a stream; returns the number of bytes sent.
  size_t SendPiece(uint32_t stream, absl::string_view data);

  const int fd_;
  SSL_CTX* const context_;
  SSL* const ssl_;
  bool closed_ = false;
  uint32_t seen_ = 0;              // One bit for each type of frame.
  std::string unread_;             // The bytes of an incomplete frame.
  int64_t window_ = 65'535;        // The connection's window.
  int64_t first_window_ = 65'535;  // Each stream's initial window; more_window_ has later grants.
  std::map<uint32_t, int64_t> more_window_;
};

// Opens a TCP connection to "host:port" and sends nothing. -1: refused.
int ConnectTo(const std::string& address);
// Reads from `fd` until the other side closes; false if it does not in time.
bool AwaitTcpClosed(int fd);

}  // namespace convergia::testing
