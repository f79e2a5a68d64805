#pragma once

#include <string>
#include <vector>

namespace convergia::client {

// Rows as all commands print them: columns lined up, two spaces apart, wide characters counted by
// their cells (cells.h). A line is as long as it needs to be: it is never cut or wrapped. Not
// thread-safe.
class Table {
 public:
  enum class Align { kLeft, kRight };
  struct Column {
    std::string heading;
    Align align = Align::kLeft;
  };

  // The headings are the first line; without any heading there is no such line.
  explicit Table(std::vector<Column> columns);

  // One row: a cell for each column, or fewer.
  void Add(std::vector<std::string> cells);

  // The lines. A line break in a cell becomes "?". With `for_terminal`, so does everything else
  // that a terminal would obey.
  std::string Text(bool for_terminal) const;

 private:
  const std::vector<Column> columns_;
  std::vector<std::vector<std::string>> rows_;
};

// Writes `table` to standard output.
void Print(const Table& table);

}  // namespace convergia::client
