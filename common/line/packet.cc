#include "common/line/packet.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/base/fail.h"
#include "common/base/limits.h"

namespace convergia::line {
namespace {

bool IsIdByte(char c) { return absl::ascii_isalnum(c) || c == '.' || c == '_' || c == '-'; }

// Takes the bytes at the front of `*text` for which `is_part` holds, and the SP behind them, if
// there is one. False if something else than a SP or the end stands there.
template <typename IsPart>
bool TakeToken(absl::string_view* text, IsPart is_part, absl::string_view* token, bool* has_space) {
  size_t length = 0;
  while (length < text->size() && is_part((*text)[length])) ++length;
  *token = text->substr(0, length);
  *has_space = length < text->size();
  if (*has_space && (*text)[length] != ' ') return false;
  text->remove_prefix(length + (*has_space ? 1 : 0));
  return true;
}

absl::Status BadId() {
  return Fail(FailCode::kBadPacket,
              absl::StrCat("an id has up to ", limits::kRequestIdBytesMax,
                           " characters: a digit, then letters, digits and . _ -"));
}

absl::Status BadWord() {
  return Fail(FailCode::kBadPacket,
              "a packet begins with a command, as in PING, or with an id and a command, as in 1 "
              "PING; a space, then the data, may follow");
}

}  // namespace

absl::StatusOr<Request> ParseRequest(absl::string_view packet, absl::string_view* id) {
  if (id != nullptr) *id = absl::string_view();
  absl::StatusOr<Request> result(absl::in_place);
  Request& request = *result;
  bool has_space = false;
  if (!packet.empty() && absl::ascii_isdigit(packet.front())) {
    if (!TakeToken(&packet, IsIdByte, &request.id, &has_space) ||
        request.id.size() > limits::kRequestIdBytesMax) {
      return BadId();
    }
    if (id != nullptr) *id = request.id;
    if (!has_space) return Fail(FailCode::kBadPacket, "after the id comes a space and a command");
  }
  const auto is_letter = [](char c) { return absl::ascii_isalpha(c); };
  if (!TakeToken(&packet, is_letter, &request.word, &request.has_data) || request.word.empty()) {
    return BadWord();
  }
  request.data = packet;
  return result;
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
