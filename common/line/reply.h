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
// Writers append one whole packet to `*out`, escaped and with its LF, and touch nothing else of it,
// so many packets can be gathered for one write.
namespace convergia::line {

// "~" and LF get their "~"; all other bytes stay.
void AppendEscaped(absl::string_view text, std::string* out);

// `id` is empty if the request had none. Empty `data` is the same as no data.
void AppendOk(absl::string_view id, std::string* out);
void AppendOk(absl::string_view id, absl::string_view data, std::string* out);

// `status` is not OK. Its text is cut at kFailTextBytesMax.
inline constexpr size_t kFailTextBytesMax = 1024;
void AppendFail(absl::string_view id, const absl::Status& status, std::string* out);

void AppendPush(absl::string_view word, absl::string_view data, std::string* out);

// The client's side. No fields means no data; `id` may be empty.
void AppendRequest(absl::string_view id, absl::string_view word,
                   absl::Span<const absl::string_view> fields, std::string* out);

// One packet from a server; the views point into it.
struct ServerPacket {
  enum class Kind { kOk, kFail, kPush };
  Kind kind = Kind::kOk;
  absl::string_view id;                 // Answers only; empty if the request had none.
  absl::string_view word;               // A push's word.
  absl::string_view data;               // Of OK and of a push.
  FailCode code = FailCode::kInternal;  // Of FAIL; kInternal if this client does not know it.
  absl::string_view text;               // Of FAIL.
};

// Errors: FailCode::kBadPacket.
absl::StatusOr<ServerPacket> ParseServerPacket(absl::string_view packet);

}  // namespace convergia::line
