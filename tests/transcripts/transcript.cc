#include "tests/transcripts/transcript.h"

#include <regex>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/base/status_macros.h"

namespace convergia::testing {
namespace {

absl::Status ParseHeader(absl::string_view line, Transcript* transcript) {
  for (const absl::string_view word : absl::StrSplit(line, ' ', absl::SkipEmpty())) {
    const std::pair<absl::string_view, absl::string_view> setting =
        absl::StrSplit(word, absl::MaxSplits('=', 1));
    if (setting.first == "edges" && absl::SimpleAtoi(setting.second, &transcript->edges)) continue;
    if (setting.first == "accounts") {
      transcript->accounts = absl::StrSplit(setting.second, ',');
      continue;
    }
    if (word == "storage") {
      transcript->storage = true;
      continue;
    }
    if (word != "cluster") return absl::InvalidArgumentError(absl::StrCat("what is ", word, "?"));
  }
  return absl::OkStatus();
}

bool IsHexDigit(char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); }

}  // namespace

absl::StatusOr<Transcript> ParseTranscript(absl::string_view text) {
  Transcript transcript;
  Step step;
  bool in_results = false;
  const auto end_step = [&] {
    if (!step.commands.empty()) transcript.steps.push_back(std::move(step));
    step = Step();
    in_results = false;
  };
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    if (line.empty()) {
      end_step();
    } else if (line == "----") {
      in_results = true;
    } else if (absl::StartsWith(line, "cluster ")) {
      CVG_RETURN_IF_ERROR(ParseHeader(line, &transcript));
      transcript.comments = std::move(step.comments);
      end_step();
    } else if (line[0] == '#') {
      absl::StrAppend(&step.comments, line, "\n");
    } else {
      (in_results ? step.results : step.commands).emplace_back(line);
    }
  }
  end_step();
  if (transcript.steps.empty()) return absl::InvalidArgumentError("a transcript without a step");
  return transcript;
}

std::string PrintTranscript(const Transcript& transcript) {
  std::string text = absl::StrCat(transcript.comments, "cluster edges=", transcript.edges,
                                  " accounts=", absl::StrJoin(transcript.accounts, ","),
                                  transcript.storage ? " storage" : "", "\n");
  for (const Step& step : transcript.steps) {
    absl::StrAppend(&text, "\n", step.comments, absl::StrJoin(step.commands, "\n"), "\n----\n");
    for (const std::string& result : step.results) absl::StrAppend(&text, result, "\n");
  }
  return text;
}

std::string ToText(absl::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    if (c == '\n') {
      text += "\\n";
    } else if (c == '\t') {
      text += "\\t";
    } else if (c == '\r') {
      text += "\\r";
    } else if (c == '\\') {
      text += "\\\\";
    } else if (absl::ascii_isprint(static_cast<unsigned char>(c))) {
      text += c;
    } else {
      absl::StrAppendFormat(&text, "\\x%02x", static_cast<unsigned char>(c));
    }
  }
  return text;
}

std::string FromText(absl::string_view text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 == text.size()) {
      bytes += text[i];
      continue;
    }
    const char kind = text[++i];
    const bool is_hex =
        kind == 'x' && i + 2 < text.size() && IsHexDigit(text[i + 1]) && IsHexDigit(text[i + 2]);
    if (is_hex) {
      bytes += static_cast<char>(std::stoi(std::string(text.substr(i + 1, 2)), nullptr, 16));
      i += 2;
    } else {
      bytes += kind == 'n' ? '\n' : kind == 't' ? '\t' : kind == 'r' ? '\r' : kind;
    }
  }
  return bytes;
}

std::string WithoutChance(absl::string_view text) {
  std::string result(text);
  // A picture first: it is long, and by chance holds anything.
  const size_t picture = result.find("\\xff\\xd8\\xff");
  if (picture != std::string::npos) result = absl::StrCat(result.substr(0, picture), "<picture>");
  static const auto* const kRules = new std::vector<std::pair<std::regex, const char*>>{
      {std::regex(R"(cvt2\.[A-Za-z0-9._-]+)"), "<ticket>"},
      {std::regex(R"(OK [0-9a-f]{16,64}~\\n<picture>)"), "OK <registration>~\\n<picture>"},
      {std::regex(R"(~\\nhash\\t[0-9a-f]{64})"), "~\\nhash\\t<hash>"},
      {std::regex(R"(~\\nid\\t[0-9]+)"), "~\\nid\\t<id>"},
      {std::regex(R"(~\\nvolume\\t[0-9]+)"), "~\\nvolume\\t<volume>"},
      {std::regex(R"((^|[^0-9a-f])[0-9a-f]{64}(?![0-9a-f]))"), "$1<pin>"},
      {std::regex(R"(127\.0\.0\.1:[0-9]+)"), "<address>"},
      {std::regex(R"((^|[^0-9])1[0-9]{12}(?![0-9]))"), "$1<time>"},
      {std::regex(R"(~\\nsession\\t[A-Za-z0-9._-]+)"), "~\\nsession\\t<session>"},
      {std::regex(R"(~\\nversion\\t[A-Za-z0-9._-]+)"), "~\\nversion\\t<version>"},
  };
  for (const auto& [pattern, name] : *kRules) result = std::regex_replace(result, pattern, name);
  return result;
}

}  // namespace convergia::testing
