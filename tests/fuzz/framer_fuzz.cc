// Any bytes, cut anywhere, give what a decoder of one byte at a time gives.

#include <glog/logging.h>

#include <cstdint>
#include <string>
#include <vector>

#include "common/line/framer.h"

namespace convergia::line {
namespace {

struct Settings {
  size_t packet_bytes_max;
  bool drops_cr;
  size_t cut;  // Bytes per read.
};

// The grammar as the protocol's text puts it, with no thought of speed.
std::vector<std::string> Expected(const Settings& settings, const std::string& bytes) {
  std::vector<std::string> packets;
  std::string packet;
  bool escaped = false;
  bool plain_cr = false;
  for (const char byte : bytes) {
    if (!escaped && byte == '~') {
      escaped = true;
    } else if (!escaped && byte == '\n') {
      if (packet.size() > settings.packet_bytes_max) {
        packets.push_back("!" + packet.substr(0, Framer::kTooLongPrefixBytes));
      } else {
        if (settings.drops_cr && plain_cr) packet.pop_back();
        if (!packet.empty()) packets.push_back(" " + packet);
      }
      packet.clear();
      plain_cr = false;
    } else {
      packet.push_back(byte);
      plain_cr = !escaped && byte == '\r';
      escaped = false;
    }
  }
  return packets;
}

std::vector<std::string> Framed(const Settings& settings, const std::string& bytes) {
  Framer framer(settings.packet_bytes_max);
  framer.set_drops_cr(settings.drops_cr);
  std::vector<std::string> packets;
  for (size_t at = 0; at < bytes.size(); at += settings.cut) {
    std::string read = bytes.substr(at, settings.cut);
    absl::Span<char> rest = absl::MakeSpan(read);
    absl::string_view packet;
    while (true) {
      const Framer::Next next = framer.Pull(&rest, &packet);
      if (next == Framer::Next::kNeedMore) break;
      packets.push_back((next == Framer::Next::kTooLong ? "!" : " ") + std::string(packet));
    }
    CHECK(rest.empty());
    CHECK_LE(framer.partial_bytes(),
             std::max(settings.packet_bytes_max, Framer::kTooLongPrefixBytes));
  }
  return packets;
}

}  // namespace
}  // namespace convergia::line

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using convergia::line::Settings;
  if (size < 3) return 0;
  // The first three bytes choose; a limit of 0 stands for no packet at all and is never used.
  const Settings settings = {.packet_bytes_max = size_t{data[0]} + 1,
                             .drops_cr = (data[1] & 1) != 0,
                             .cut = size_t{data[2]} + 1};
  const std::string bytes(reinterpret_cast<const char*>(data + 3), size - 3);
  CHECK(Framed(settings, bytes) == Expected(settings, bytes));
  return 0;
}
