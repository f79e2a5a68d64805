#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "common/base/fail.h"

// Packets as they go on the wire, and what a client reads out of the server's.
//
//   answer = [id SP] "OK" [SP data]  /  [id SP] "FAIL" SP CODE SP text
//   push   = WORD [SP data]
//
// Writers append one whole packet to `*out`, with its LF, and leave the rest of `*out` as it is. So
// many packets can be gathered for one write. They escape data, texts and fields. They copy ids and
// words, which must have the form in packet.h.
namespace convergia::line {

// Appends `text` with a "~" before each "~" and LF.
void AppendEscaped(absl::string_view text, std::string* out);

// `id` is empty if the request had none. Empty `data` is the same as no data.
void AppendOk(absl::string_view id, std::string* out);
void AppendOk(absl::string_view id, absl::string_view data, std::string* out);

// `status` is not OK. Its text is cut after kFailTextBytesMax bytes, counted before escaping.
inline constexpr size_t kFailTextBytesMax = 1024;
void AppendFail(absl::string_view id, const absl::Status& status, std::string* out);

// Empty `data` is the same as no data.
void AppendPush(absl::string_view word, absl::string_view data, std::string* out);

// The client's side. `id` may be empty. Without fields the request has no data. Only the last field
// may have an LF: in another one it would separate two fields.
void AppendRequest(absl::string_view id, absl::string_view word,
                   absl::Span<const absl::string_view> fields, std::string* out);

// One packet from a server. The views point into the packet that was parsed.
struct ServerPacket {
  enum class Kind { kOk, kFail, kPush };
  Kind kind = Kind::kOk;
  absl::string_view id;                 // Answers only; empty if the request had none.
  absl::string_view word;               // A push's word.
  absl::string_view data;               // Of OK and of a push.
  FailCode code = FailCode::kInternal;  // Of FAIL; kInternal if its word is unknown here.
  absl::string_view text;               // Of FAIL.
};

// Reads `packet`, which is unescaped and without its LF.
//
// Errors: FailCode::kBadPacket.
absl::StatusOr<ServerPacket> ParseServerPacket(absl::string_view packet);

}  // namespace convergia::line
