#include "common/line/reply.h"

#include "absl/strings/str_cat.h"
#include "common/line/packet.h"
#include "common/line/scan.h"

namespace convergia::line {
namespace {

void AppendId(absl::string_view id, std::string* out) {
  if (!id.empty()) absl::StrAppend(out, id, " ");
}

absl::Status BadServerPacket() {
  return Fail(FailCode::kBadPacket,
              "the server sent something that is not this protocol; is the address right?");
}

// `rest` is what follows "FAIL ".
absl::Status ReadFail(absl::string_view rest, ServerPacket* parsed) {
  const size_t space = rest.find(' ');
  const absl::string_view code = rest.substr(0, space);
  if (code.empty()) return BadServerPacket();
  parsed->kind = ServerPacket::Kind::kFail;
  parsed->code = FailCodeFromWord(code).value_or(FailCode::kInternal);
  if (space != absl::string_view::npos) parsed->text = rest.substr(space + 1);
  return absl::OkStatus();
}

}  // namespace

void AppendEscaped(absl::string_view text, std::string* out) {
  const char* read = text.data();
  const char* const end = read + text.size();
  while (read != end) {
    const char* const special = FindSpecial(read, end);
    out->append(read, special - read);
    if (special == end) return;
    const char pair[2] = {'~', *special};
    out->append(pair, 2);
    read = special + 1;
  }
}

void AppendOk(absl::string_view id, std::string* out) {
  AppendId(id, out);
  out->append("OK\n");
}

void AppendOk(absl::string_view id, absl::string_view data, std::string* out) {
  if (data.empty()) return AppendOk(id, out);
  AppendId(id, out);
  out->append("OK ");
  AppendEscaped(data, out);
  out->push_back('\n');
}

void AppendFail(absl::string_view id, const absl::Status& status, std::string* out) {
  AppendId(id, out);
  absl::StrAppend(out, "FAIL ", FailCodeWord(FailCodeOf(status)), " ");
  AppendEscaped(status.message().substr(0, kFailTextBytesMax), out);
  out->push_back('\n');
}

void AppendPush(absl::string_view word, absl::string_view data, std::string* out) {
  out->append(word.data(), word.size());
  if (!data.empty()) {
    out->push_back(' ');
    AppendEscaped(data, out);
  }
  out->push_back('\n');
}

void AppendRequest(absl::string_view id, absl::string_view word,
                   absl::Span<const absl::string_view> fields, std::string* out) {
  AppendId(id, out);
  out->append(word.data(), word.size());
  for (size_t i = 0; i < fields.size(); ++i) {
    out->append(i == 0 ? " " : "~\n");
    AppendEscaped(fields[i], out);
  }
  out->push_back('\n');
}

absl::StatusOr<ServerPacket> ParseServerPacket(absl::string_view packet) {
  const absl::StatusOr<Request> parts = ParseRequest(packet);
  if (!parts.ok()) return BadServerPacket();
  ServerPacket parsed;
  parsed.id = parts->id;
  if (parts->word == "OK") {
    parsed.data = parts->data;
    return parsed;
  }
  if (parts->word == "FAIL") {
    if (absl::Status status = ReadFail(parts->data, &parsed); !status.ok()) return status;
    return parsed;
  }
  if (!parts->id.empty()) return BadServerPacket();
  parsed.kind = ServerPacket::Kind::kPush;
  parsed.word = parts->word;
  parsed.data = parts->data;
  return parsed;
}

}  // namespace convergia::line
