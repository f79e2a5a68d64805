#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

// What a client's packet means, once framer.h has cut it out of the stream.
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
  bool has_data = false;  // There was a SP after the word, even with nothing behind it.
};

// Reads `packet`, which is unescaped and without its LF. `*id`, if given, is the id that an answer
// should carry, also when the rest is wrong; empty if none could be read.
//
// Errors: FailCode::kBadPacket, saying which rule was broken.
absl::StatusOr<Request> ParseRequest(absl::string_view packet, absl::string_view* id = nullptr);

// The bare sign-in packet: "username LF secret", told from a request by having no SP before its
// first LF. First the name, then the secret; neither is checked. nullopt if `packet` is no such.
std::optional<std::pair<absl::string_view, absl::string_view>> ParseBareSignIn(
    absl::string_view packet);

// Splits into exactly `fields.size()` fields, the last taking the rest with its LFs. False if there
// are too few; with no fields wanted, false if there is any data. (There can be no "too many" but
// that one: a command whose last field may hold no LF has to look.)
bool SplitFields(absl::string_view data, bool has_data, absl::Span<absl::string_view> fields);

// How many fields `data` has if each LF separates two; 0 without data. For optional fields.
size_t CountFields(absl::string_view data, bool has_data);

}  // namespace convergia::line
