#pragma once

#include <openssl/types.h>

#include <string>

#include "absl/strings/string_view.h"

namespace convergia::session {

// A blocking client for tests: bytes over one real connection. Every wait is bounded. Bytes that do
// not come in time fail the test.
class RawClient {
 public:
  // Connects to "host:port". Handshake() or plain bytes follow.
  explicit RawClient(absl::string_view address);
  virtual ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // False if the server refuses. After that, and before Handshake(), only the Plain functions work.
  bool Handshake();

  // Sends the bytes unchanged. False if the connection is lost.
  bool Send(absl::string_view bytes);
  bool SendPlain(absl::string_view bytes);

  // The next `count` bytes; fewer if the server closed first.
  std::string Read(size_t count);
  // Reads and drops plain bytes. True once the server has closed its end.
  bool ReadPlainToEnd();

  // Closes without a TLS shutdown.
  void Close();
  // Ends our direction with a TLS shutdown.
  void ShutdownSend();

  // Sets the kernel's receive buffer. A small one soon blocks the sender.
  void SetReceiveBuffer(int bytes);

 protected:
  // Sets `*c` to the next byte; false if the server closed.
  bool ReadByte(char* c);

 private:
  bool ReadMore();

  int fd_ = -1;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  std::string buffer_;  // Received, not yet returned.
  size_t taken_ = 0;    // Bytes of buffer_ already returned.
};

}  // namespace convergia::session
