#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

// Splits a client's packet, which framer.h has cut out of the stream, into its parts.
//
//   packet = [id SP] WORD [SP data]
//   id     = DIGIT 0*31( ALPHA / DIGIT / "." / "_" / "-" )
//   WORD   = 1*ALPHA
//   data   = fields separated by LF; the last takes the rest
//
// All views point into the packet they were read from.
namespace convergia::line {

struct Request {
  absl::string_view id;    // Empty when the client gave none.
  absl::string_view word;  // As written: commands are upper case, so "ping" is an unknown command.
  absl::string_view data;
  bool has_data = false;  // There is a SP after the word, perhaps with nothing behind it.
};

// Reads `packet`, which is unescaped and without its LF. Sets `*id`, if given, to the id that an
// answer must carry, also if the rest is wrong; empty if no id could be read.
//
// Errors: FailCode::kBadPacket, saying which rule was broken.
absl::StatusOr<Request> ParseRequest(absl::string_view packet, absl::string_view* id = nullptr);

// Reads the bare sign-in packet: "username LF secret". It differs from a request by having no SP
// before its first LF. Returns name and secret, both unchecked; nullopt for any other packet.
std::optional<std::pair<absl::string_view, absl::string_view>> ParseBareSignIn(
    absl::string_view packet);

// Splits `data` into exactly `fields.size()` fields; the last takes the rest with its LFs. False if
// there are too few, or if no field is wanted and there is data. Too many fields are not noticed: a
// command whose last field may hold no LF has to check that.
bool SplitFields(absl::string_view data, bool has_data, absl::Span<absl::string_view> fields);

// The number of fields in `data` if each LF separates two; 0 without data. For optional fields.
size_t CountFields(absl::string_view data, bool has_data);

}  // namespace convergia::line
