// Whatever a packet holds, its parts lie inside it, and put together again they are the packet.

#include <glog/logging.h>

#include <array>
#include <cstdint>
#include <string>

#include "common/base/limits.h"
#include "common/line/framer.h"
#include "common/line/packet.h"
#include "common/line/reply.h"
#include "common/line/rows.h"

namespace convergia::line {
namespace {

void CheckInside(absl::string_view part, absl::string_view whole) {
  if (part.empty()) return;
  CHECK(part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

std::string Unframed(std::string wire) {
  Framer framer(limits::kPacketBytesMax);
  absl::Span<char> rest = absl::MakeSpan(wire);
  absl::string_view packet;
  CHECK(framer.Pull(&rest, &packet) == Framer::Next::kPacket);
  CHECK(rest.empty());
  return std::string(packet);
}

void CheckFields(const Request& request) {
  std::array<absl::string_view, 3> fields;
  const bool enough = CountFields(request.data, request.has_data) >= fields.size();
  CHECK_EQ(SplitFields(request.data, request.has_data, absl::MakeSpan(fields)), enough);
  if (!enough) return;
  for (const absl::string_view field : fields) CheckInside(field, request.data);
  std::string wire;
  AppendRequest(request.id, request.word, fields, &wire);
  std::string same;
  AppendRequest(request.id, request.word, {request.data}, &same);
  CHECK_EQ(wire, same);
}

void CheckRequest(absl::string_view packet) {
  absl::string_view id;
  const absl::StatusOr<Request> request = ParseRequest(packet, &id);
  CheckInside(id, packet);
  CHECK_LE(id.size(), limits::kRequestIdBytesMax);
  if (!request.ok()) return;
  CHECK(id == request->id);
  CheckInside(request->word, packet);
  CheckInside(request->data, packet);
  CheckFields(*request);
  std::string wire;
  if (request->has_data) {
    AppendRequest(request->id, request->word, {request->data}, &wire);
  } else {
    AppendRequest(request->id, request->word, {}, &wire);
  }
  CHECK_EQ(Unframed(wire), packet);
}

void CheckServerPacket(absl::string_view packet) {
  const absl::StatusOr<ServerPacket> parsed = ParseServerPacket(packet);
  if (!parsed.ok()) return;
  CheckInside(parsed->id, packet);
  CheckInside(parsed->word, packet);
  CheckInside(parsed->data, packet);
  CheckInside(parsed->text, packet);
  for (const auto& row : ParseRows(parsed->data)) {
    for (const absl::string_view column : row) CheckInside(column, packet);
  }
  CheckInside(ValueInRows(parsed->data, "ticket"), packet);
}

}  // namespace
}  // namespace convergia::line

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const absl::string_view packet(reinterpret_cast<const char*>(data), size);
  convergia::line::CheckRequest(packet);
  convergia::line::CheckServerPacket(packet);
  if (const auto parts = convergia::line::ParseBareSignIn(packet)) {
    CHECK_EQ(parts->first.size() + 1 + parts->second.size(), packet.size());
  }
  return 0;
}
