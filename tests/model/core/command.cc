#include "tests/model/core/command.h"

#include <algorithm>
#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace convergia::testing {
namespace {

constexpr size_t kShownBytes = 60;

std::string Short(absl::string_view text) {
  const std::string shown = absl::CHexEscape(text.substr(0, kShownBytes));
  if (text.size() <= kShownBytes) return shown;
  return absl::StrCat(shown, "...(", text.size(), " bytes)");
}

// Applies `change` to each row of `data`, and drops the rows for which it returns false.
template <typename Change>
std::string EachRow(absl::string_view data, const Change& change) {
  std::vector<std::string> kept;
  for (const absl::string_view row : absl::StrSplit(data, '\n')) {
    std::vector<std::string> columns = absl::StrSplit(row, '\t');
    if (change(&columns)) kept.push_back(absl::StrJoin(columns, "\t"));
  }
  return absl::StrJoin(kept, "\n");
}

}  // namespace

std::string Command::Packet() const {
  return fields.empty() ? word : absl::StrCat(word, " ", absl::StrJoin(fields, "\n"));
}

std::string Command::Shown() const {
  std::string shown = word;
  for (const std::string& field : fields) absl::StrAppend(&shown, " ", Short(field));
  return shown;
}

std::string Answer::Shown() const {
  return data.empty() ? code : absl::StrCat(code, " ", Short(data));
}

Answer ParseAnswer(absl::string_view packet) {
  if (absl::ConsumePrefix(&packet, "FAIL ")) {
    return Fails(packet.substr(0, packet.find(' ')));
  }
  if (packet == "OK") return Ok();
  if (absl::ConsumePrefix(&packet, "OK ")) return Ok(std::string(packet));
  return Fails(absl::StrCat("no answer: ", Short(packet)));
}

Answer Normalised(const Command& command, Answer answer, absl::string_view prefix) {
  if (!answer.ok() || answer.data.empty()) return answer;
  if (command.word == "LISTFOLDER") {
    const bool is_root = command.fields.front() == "/";
    answer.data = EachRow(answer.data, [&](std::vector<std::string>* columns) {
      if (is_root && !absl::StartsWith(columns->front(), prefix)) return false;
      columns->pop_back();
      return true;
    });
  } else if (command.word == "GETINFO") {
    answer.data = EachRow(answer.data, [](std::vector<std::string>* columns) {
      const std::string& key = columns->front();
      return key != "created" && key != "modified" && key != "volume" && key != "id" &&
             key != "version" && key != "hash";
    });
  } else if (command.word == "LISTOFFLINEMESSAGES") {
    answer.data = EachRow(answer.data, [](std::vector<std::string>* columns) {
      columns->pop_back();
      return true;
    });
  }
  return answer;
}

bool Agrees(const Command& command, const Answer& expected, const Answer& seen) {
  const bool is_read = command.word == "READFILE" || command.word == "READOFFLINEMESSAGE";
  if (!is_read || !expected.ok() || !seen.ok()) return expected == seen;
  return seen.data.empty() == expected.data.empty() && absl::StartsWith(expected.data, seen.data);
}

std::optional<uint64_t> ToNumber(absl::string_view text) {
  uint64_t number = 0;
  const bool is_decimal = !text.empty() && std::all_of(text.begin(), text.end(), [](char digit) {
    return '0' <= digit && digit <= '9';
  });
  if (!is_decimal || !absl::SimpleAtoi(text, &number)) return std::nullopt;
  return number;
}

}  // namespace convergia::testing
