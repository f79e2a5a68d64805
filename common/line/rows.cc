#include "common/line/rows.h"

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"

namespace convergia::line {

void RowWriter::Add(absl::Span<const absl::string_view> columns) {
  if (!empty_) data_.push_back('\n');
  empty_ = false;
  for (size_t i = 0; i < columns.size(); ++i) {
    if (i > 0) data_.push_back('\t');
    for (const char c : columns[i]) data_.push_back(absl::ascii_iscntrl(c) ? ' ' : c);
  }
}

std::vector<std::vector<absl::string_view>> ParseRows(absl::string_view data) {
  std::vector<std::vector<absl::string_view>> rows;
  if (data.empty()) return rows;
  for (const absl::string_view row : absl::StrSplit(data, '\n')) {
    rows.push_back(absl::StrSplit(row, '\t'));
  }
  return rows;
}

absl::string_view ValueInRows(absl::string_view data, absl::string_view key) {
  for (const absl::string_view row : absl::StrSplit(data, '\n')) {
    const std::pair<absl::string_view, absl::string_view> columns =
        absl::StrSplit(row, absl::MaxSplits('\t', 1));
    if (columns.first == key) return columns.second.substr(0, columns.second.find('\t'));
  }
  return {};
}

}  // namespace convergia::line
