#include "common/lineserver/testing/test_client.h"

#include <utility>

namespace convergia::lineserver {
namespace {

constexpr absl::string_view kClosed = "<closed>";

}  // namespace

std::string TestClient::ReadPacket() {
  std::string packet;
  bool is_escaped = false;
  char c = 0;
  while (ReadByte(&c)) {
    if (!is_escaped && c == '\n') return packet;
    if (!is_escaped && c == '~') {
      is_escaped = true;
      continue;
    }
    is_escaped = false;
    packet.push_back(c);
  }
  return std::string(kClosed);
}

std::string TestClient::Ask(absl::string_view bytes) {
  return Send(bytes) ? ReadPacket() : std::string(kClosed);
}

std::string TestClient::ReadToEnd() {
  std::string last;
  while (true) {
    std::string packet = ReadPacket();
    if (packet == kClosed) {
      Close();  // As the real client does.
      return last;
    }
    last = std::move(packet);
  }
}

}  // namespace convergia::lineserver
