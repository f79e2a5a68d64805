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

// The frames of HTTP/2 (RFC 9113).
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
// A frame's first nine bytes, whatever follows.
std::string FrameHead(size_t payload_bytes, FrameType type, uint8_t flags, uint32_t stream);
// A header that uses no table and no compression (HPACK, RFC 7541).
std::string LiteralHeader(absl::string_view name, absl::string_view value);
// What HPACK writes before a string of `bytes` bytes.
std::string LiteralLength(size_t bytes);
// The client's first bytes, with an empty SETTINGS.
std::string Preface();
// The header block of a call of `path`.
std::string CallHeaders(absl::string_view path);

// Someone who speaks HTTP/2 over TLS byte by byte, and not always well. Reads all that comes while
// it writes. Every wait is bounded. Not thread-safe.
class H2Peer {
 public:
  // PEM files; empty: no certificate.
  struct Certificate {
    std::string chain, key;
  };

  // With a TLS handshake that is done, as far as the client can tell.
  //
  // Errors: kUnavailable.
  static absl::StatusOr<std::unique_ptr<H2Peer>> Dial(const std::string& address,
                                                      const Certificate& certificate);
  ~H2Peer();

  // False once the server has closed.
  bool Send(absl::string_view bytes);

  // Sends the few bytes of `head` on each of `streams`, then `bytes` of data in turns, as far and
  // as fast as the server's windows let it, and leaves them unfinished; how many bytes went. Each
  // stream was opened before.
  size_t SendData(const std::vector<uint32_t>& streams, absl::string_view head, size_t bytes);

  // Reads until the server closes; false if it does not.
  bool AwaitClosed();
  // Reads until a frame of this type has come, now or before; false if none does.
  bool AwaitFrame(FrameType type);
  bool Saw(FrameType type) const { return (seen_ & (1u << static_cast<unsigned>(type))) != 0; }

 private:
  H2Peer(int fd, SSL_CTX* context, SSL* ssl);
  // Waits for the socket. False after too long.
  bool Wait(bool for_write);
  void ReadAll();
  void TakeFrames();
  void TakeWindows(FrameType type, uint32_t stream, absl::string_view payload);
  // The next piece of a stream on which `data` is to go; how many bytes went.
  size_t SendPiece(uint32_t stream, absl::string_view data);

  const int fd_;
  SSL_CTX* const context_;
  SSL* const ssl_;
  bool closed_ = false;
  uint32_t seen_ = 0;              // A bit for each type of frame.
  std::string unread_;             // Bytes of a frame that is not whole.
  int64_t window_ = 65'535;        // Of the connection.
  int64_t first_window_ = 65'535;  // Of each stream, and what was granted beside it.
  std::map<uint32_t, int64_t> more_window_;
};

// A TCP connection to "host:port", and nothing said. -1: refused.
int ConnectTo(const std::string& address);
// Reads from `fd` until the other side closes; false if it does not.
bool AwaitTcpClosed(int fd);

}  // namespace convergia::testing
