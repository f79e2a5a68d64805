#include "client/output/table.h"

#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <utility>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "client/output/cells.h"
#include "client/output/text.h"

namespace convergia::client {
namespace {

constexpr size_t kGap = 2;  // Spaces between two columns.

bool IsHeading(const Table::Column& column) { return !column.heading.empty(); }

// A column without any text takes no room. Nothing is added behind the last cell that has text.
std::string Line(const std::vector<std::string>& cells, const std::vector<size_t>& widths,
                 const std::vector<Table::Column>& columns) {
  size_t count = cells.size();
  while (count > 0 && cells[count - 1].empty()) --count;
  std::string line;
  for (size_t i = 0; i < count; ++i) {
    if (widths[i] == 0) continue;
    const std::string padding(widths[i] - CellsOf(cells[i]), ' ');
    const bool is_right = columns[i].align == Table::Align::kRight;
    if (!line.empty()) line.append(kGap, ' ');
    absl::StrAppend(&line, is_right ? padding : "", cells[i],
                    is_right || i + 1 == count ? "" : padding);
  }
  return absl::StrCat(line, "\n");
}

}  // namespace

Table::Table(std::vector<Column> columns) : columns_(std::move(columns)) {
  if (!absl::c_any_of(columns_, IsHeading)) return;
  std::vector<std::string> headings;
  for (const Column& column : columns_) headings.push_back(column.heading);
  Add(std::move(headings));
}

void Table::Add(std::vector<std::string> cells) {
  cells.resize(columns_.size());
  rows_.push_back(std::move(cells));
}

std::string Table::Text(bool for_terminal) const {
  std::vector<std::vector<std::string>> rows = rows_;
  std::vector<size_t> widths(columns_.size());
  for (std::vector<std::string>& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) {
      row[i] = for_terminal ? PrintableName(row[i]) : absl::StrReplaceAll(row[i], {{"\n", "?"}});
      widths[i] = std::max(widths[i], CellsOf(row[i]));
    }
  }
  std::string text;
  for (const std::vector<std::string>& row : rows) {
    absl::StrAppend(&text, Line(row, widths, columns_));
  }
  return text;
}

void Print(const Table& table) {
  std::cout << table.Text(isatty(STDOUT_FILENO) == 1) << std::flush;
}

}  // namespace convergia::client
