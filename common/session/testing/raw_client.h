#pragma once

#include <openssl/types.h>

#include <string>

#include "absl/strings/string_view.h"

namespace convergia::session {

// A client for tests: bytes over one connection, blocking, on a real socket. Every wait is bounded;
// bytes that do not come in time fail the test.
class RawClient {
 public:
  // Connects to "host:port". Then Handshake(), or plain bytes.
  explicit RawClient(absl::string_view address);
  virtual ~RawClient();
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;

  // False if the server does not want to. Then, or before it, only the Plain functions work.
  bool Handshake();

  // Bytes exactly as they are. False if the connection is lost.
  bool Send(absl::string_view bytes);
  bool SendPlain(absl::string_view bytes);

  // The next `count` bytes; fewer if the server closed first.
  std::string Read(size_t count);
  // True once the server has closed its end, whatever plain bytes come before.
  bool ReadPlainToEnd();

  // Closes without a word.
  void Close();
  // Ends our direction in an orderly way.
  void ShutdownSend();

  // How much the kernel keeps for us; small makes a slow reader soon.
  void SetReceiveBuffer(int bytes);

 protected:
  // Sets `*c` to the next byte; false if the server closed.
  bool ReadByte(char* c);

 private:
  bool ReadMore();

  int fd_ = -1;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  std::string buffer_;  // Received and not given out.
  size_t taken_ = 0;    // Of buffer_.
};

}  // namespace convergia::session
