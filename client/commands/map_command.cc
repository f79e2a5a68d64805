#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/commands/commands.h"
#include "client/commands/table.h"
#include "client/commands/text.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/line/rows.h"

namespace convergia::client {
namespace {

enum Column { kId, kName, kType, kStatus, kNotes, kConnected, kColumns };
using Row = std::vector<std::string>;

// More rows than this are a map nobody reads; `truncated` says so.
constexpr size_t kRowsMax = 1'000'000;

struct Arguments {
  bool tab = false;
  bool servers = false;
};

absl::StatusOr<std::vector<Row>> FetchMap(CommandContext& context) {
  std::vector<Row> map;
  std::string after;
  while (map.size() < kRowsMax) {
    CVG_ASSIGN_OR_RETURN(
        const std::string data,
        context.AskManagement("GETSERVERMAP", {after, absl::StrCat(limits::kListRowsMax)}));
    const auto rows = line::ParseRows(data);
    for (const auto& row : rows) {
      map.emplace_back(row.begin(), row.end());
      map.back().resize(kColumns);
    }
    if (rows.size() < limits::kListRowsMax || map.back()[kId] == after) break;
    after = map.back()[kId];
  }
  return map;
}

// "n1,n2" -> "mgmt, edge1".
std::string Names(const std::string& ids,
                  const absl::flat_hash_map<std::string, std::string>& names) {
  std::vector<std::string> connected;
  for (const absl::string_view id : absl::StrSplit(ids, ',', absl::SkipEmpty())) {
    const auto it = names.find(id);
    connected.push_back(it == names.end() ? std::string(id) : it->second);
  }
  return absl::StrJoin(connected, ", ");
}

void PrintTable(const std::vector<Row>& map) {
  absl::flat_hash_map<std::string, std::string> names;
  for (const Row& row : map) names[row[kId]] = row[kName];
  Table table({{"NAME"}, {"TYPE"}, {"STATUS"}, {"CONNECTED TO"}, {"NOTES"}});
  for (const Row& row : map) {
    table.Add({row[kName], row[kType], row[kStatus], Names(row[kConnected], names), row[kNotes]});
  }
  Print(table);
}

absl::Status Map(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(std::vector<Row> map, FetchMap(context));
  if (arguments.servers) {
    map.erase(std::remove_if(map.begin(), map.end(),
                             [](const Row& row) { return row[kType] == "client"; }),
              map.end());
  }
  if (!arguments.tab) {
    PrintTable(map);
    return absl::OkStatus();
  }
  for (const Row& row : map) {
    std::cout << absl::StrJoin(row, "\t", [](std::string* out, const std::string& cell) {
      absl::StrAppend(out, Printable(cell));
    }) << "\n";
  }
  std::cout << std::flush;
  return absl::OkStatus();
}

}  // namespace

void AddMapCommand(CLI::App& app, CommandLine* line) {
  const auto arguments = std::make_shared<Arguments>();
  CLI::App* command = app.add_subcommand("map", "Show the servers and who is online");
  command->add_flag("--tab", arguments->tab,
                    "Rows for scripts: id, name, type, status, notes, connected ids");
  command->add_flag("--servers", arguments->servers, "Servers alone");
  command->callback([line, arguments] {
    line->run = [arguments](CommandContext& context) { return Map(context, *arguments); };
  });
}

}  // namespace convergia::client
