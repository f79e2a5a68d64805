#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>

#include "absl/strings/string_view.h"

namespace convergia::lineserver {

// A client for tests: blocking, one connection, over a real socket. Every wait is bounded; what
// does not come in time fails the test.
class TestClient {
 public:
  // Connects to "host:port". Then Handshake(), or plain bytes.
  explicit TestClient(absl::string_view address);
  ~TestClient();
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  // False if the server does not want to. Then, or before it, only the Plain functions work.
  bool Handshake();

  // Bytes exactly as they are. False if the connection is lost.
  bool Send(absl::string_view bytes);
  bool SendPlain(absl::string_view bytes);

  // The next packet, unescaped and without its LF; "<closed>" if the server closed first.
  std::string ReadPacket();

  // Send() and ReadPacket().
  std::string Ask(absl::string_view bytes);

  // Reads packets until the server closes, and closes too. The last packet, "" if there was none.
  std::string ReadToEnd();
  // True once the server has closed its end, whatever plain bytes come before.
  bool ReadPlainToEnd();

  // Closes without a word.
  void Close();
  // Ends our direction in an orderly way.
  void ShutdownSend();

  // How much the kernel keeps for us; small makes a slow reader soon.
  void SetReceiveBuffer(int bytes);

 private:
  bool ReadMore();

  int fd_ = -1;
  SSL_CTX* context_ = nullptr;
  SSL* ssl_ = nullptr;
  std::string buffer_;  // Received and not given out.
  size_t taken_ = 0;    // Of buffer_.
};

}  // namespace convergia::lineserver
