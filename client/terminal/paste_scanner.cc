#include "client/terminal/paste_scanner.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/output/cells.h"

namespace convergia::client {
namespace {

constexpr absl::string_view kBegin = "\033[200~";
constexpr absl::string_view kEnd = "\033[201~";

std::string TextOf(absl::string_view pasted) {
  // Terminals send CR for the end of a line, as for Enter.
  const std::string lines = absl::StrReplaceAll(pasted, {{"\r\n", "\n"}, {"\r", "\n"}});
  std::string text;
  for (absl::string_view rest = lines; !rest.empty();) {
    uint32_t code = 0;
    const size_t length = ReadUtf8(rest, &code);
    const bool is_control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    if (length > 0 && (!is_control || code == '\n' || code == '\t')) {
      absl::StrAppend(&text, rest.substr(0, length));
    }
    rest.remove_prefix(std::max<size_t>(length, 1));
  }
  return text;
}

}  // namespace

void PasteScanner::Add(char byte, std::string* typed) {
  if (!in_paste_) {
    begun_.push_back(byte);
    if (!absl::StartsWith(kBegin, begun_)) {
      // This byte may begin a mark; those before it do not.
      begun_.pop_back();
      typed->append(std::exchange(begun_, ""));
      (kBegin.front() == byte ? begun_ : *typed).push_back(byte);
    }
    in_paste_ = begun_ == kBegin;
    if (in_paste_) begun_.clear();
    return;
  }
  tail_.push_back(byte);
  if (tail_ == kEnd) {
    whole_ = TextOf(paste_);
    paste_.clear();
    tail_.clear();
    in_paste_ = false;
  } else if (tail_.size() == kEnd.size()) {
    if (paste_.size() < kBytesMax) paste_.push_back(tail_.front());
    tail_.erase(0, 1);
  }
}

std::optional<std::string> PasteScanner::TakePasted() {
  return std::exchange(whole_, std::nullopt);
}

}  // namespace convergia::client
