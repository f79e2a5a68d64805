#pragma once

#include <initializer_list>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

// Lists in data: rows separated by LF, columns by TAB.
namespace convergia::line {

// Gathers rows into one data.
//
//   RowWriter rows;
//   rows.Add({"ticket", ticket});
//   AppendOk(id, rows.data(), &out);
class RowWriter {
 public:
  // One row of at least one column. Control characters become spaces: a TAB or an LF in a note must
  // not look like another column or row.
  void Add(std::initializer_list<absl::string_view> columns) {
    Add(absl::MakeConstSpan(columns.begin(), columns.size()));
  }
  void Add(absl::Span<const absl::string_view> columns);

  bool empty() const { return empty_; }
  const std::string& data() const { return data_; }

 private:
  std::string data_;
  bool empty_ = true;
};

// The rows of `data`, none if it is empty. The views point into it.
std::vector<std::vector<absl::string_view>> ParseRows(absl::string_view data);

// The second column of the first row whose first is `key`; empty if there is none. For answers that
// are rows of key TAB value.
absl::string_view ValueInRows(absl::string_view data, absl::string_view key);

}  // namespace convergia::line
