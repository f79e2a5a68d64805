#include "common/line/packet.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/limits.h"

namespace convergia::line {
namespace {

bool IsIdByte(char c) { return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-'; }

bool IsId(absl::string_view text) {
  return !text.empty() && text.size() <= limits::kRequestIdBytesMax &&
         absl::ascii_isdigit(text.front()) && std::all_of(text.begin(), text.end(), IsIdByte);
}

bool IsWord(absl::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), absl::ascii_isalpha);
}

// What stands before the first SP; `*rest` is what stands behind it, and `*more` whether there was
// one.
absl::string_view TakeToSpace(absl::string_view text, absl::string_view* rest, bool* more) {
  const size_t space = text.find(' ');
  *more = space != absl::string_view::npos;
  *rest = *more ? text.substr(space + 1) : absl::string_view();
  return text.substr(0, space);
}

}  // namespace

absl::StatusOr<Request> ParseRequest(absl::string_view packet, absl::string_view* id) {
  if (id != nullptr) *id = absl::string_view();
  Request request;
  absl::string_view rest;
  bool more = false;
  absl::string_view first = TakeToSpace(packet, &rest, &more);
  if (!first.empty() && absl::ascii_isdigit(first.front())) {
    if (!IsId(first)) {
      return Fail(FailCode::kBadPacket,
                  absl::StrCat("an id has up to ", limits::kRequestIdBytesMax,
                               " characters: a digit, then letters, digits and . _ -"));
    }
    if (id != nullptr) *id = first;
    if (!more) return Fail(FailCode::kBadPacket, "after the id comes a space and a command");
    request.id = first;
    first = TakeToSpace(rest, &rest, &more);
  }
  if (!IsWord(first)) {
    return Fail(FailCode::kBadPacket,
                "a packet begins with a command, as in PING, or with an id and a command, as in 1 "
                "PING; a space, then the data, may follow");
  }
  request.word = first;
  request.data = rest;
  request.has_data = more;
  return request;
}

std::optional<std::pair<absl::string_view, absl::string_view>> ParseBareSignIn(
    absl::string_view packet) {
  const size_t newline = packet.find('\n');
  if (newline == absl::string_view::npos) return std::nullopt;
  const absl::string_view name = packet.substr(0, newline);
  if (name.find(' ') != absl::string_view::npos) return std::nullopt;
  return std::make_pair(name, packet.substr(newline + 1));
}

bool SplitFields(absl::string_view data, bool has_data, absl::Span<absl::string_view> fields) {
  if (fields.empty()) return !has_data;
  if (!has_data) return false;
  for (size_t i = 0; i + 1 < fields.size(); ++i) {
    const size_t newline = data.find('\n');
    if (newline == absl::string_view::npos) return false;
    fields[i] = data.substr(0, newline);
    data.remove_prefix(newline + 1);
  }
  fields.back() = data;
  return true;
}

size_t CountFields(absl::string_view data, bool has_data) {
  return has_data ? 1 + std::count(data.begin(), data.end(), '\n') : 0;
}

}  // namespace convergia::line
