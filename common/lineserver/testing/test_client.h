#pragma once

#include <string>

#include "absl/strings/string_view.h"
#include "common/session/testing/raw_client.h"

namespace convergia::lineserver {

// A client of the line protocol for tests. Every wait is bounded.
class TestClient : public session::RawClient {
 public:
  using RawClient::RawClient;

  // The next packet, unescaped and without its LF; "<closed>" if the server closed first.
  std::string ReadPacket();

  // Send() and ReadPacket().
  std::string Ask(absl::string_view bytes);

  // Reads packets until the server closes, then closes too. Returns the last packet, or "" if none
  // came.
  std::string ReadToEnd();
};

}  // namespace convergia::lineserver
