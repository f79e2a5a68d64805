#include <iostream>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "client/commands/commands.h"
#include "client/output/json.h"
#include "client/output/table.h"
#include "client/output/text.h"
#include "common/base/fail.h"
#include "common/base/limits.h"
#include "common/base/status_macros.h"
#include "common/line/rows.h"

namespace convergia::client {
namespace {

enum Column { kId, kName, kType, kStatus, kNotes, kConnected, kColumns };
using Row = std::vector<std::string>;

constexpr size_t kRowsMax = 1'000'000;  // Of a whole map, in memory.
// The server cuts an answer at several times this.
constexpr size_t kFullBytes = limits::kPacketBytesMax / 8;

struct Arguments {
  bool tab = false;
  bool servers = false;
  bool json = false;
};

// The whole map. Errors: those of AskManagement(); kTooLong beyond kRowsMax.
absl::StatusOr<std::vector<Row>> FetchMap(CommandContext& context) {
  std::vector<Row> map;
  while (map.size() <= kRowsMax) {
    const std::string after = map.empty() ? "" : map.back()[kId];
    CVG_ASSIGN_OR_RETURN(
        const std::string data,
        context.AskManagement("GETSERVERMAP", {after, absl::StrCat(limits::kListRowsMax)}));
    const auto rows = line::ParseRows(data);
    if (rows.empty() || rows.back()[kId] == after) return map;
    for (const auto& row : rows) {
      map.emplace_back(row.begin(), row.end());
      map.back().resize(kColumns);
    }
    // Each answer costs a sign-in. One that is full neither of rows nor of bytes is the last.
    if (rows.size() < limits::kListRowsMax && data.size() < kFullBytes) return map;
  }
  return Fail(FailCode::kTooLong,
              absl::StrCat("the server map has more than ", kRowsMax, " rows; it is not shown"));
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

// As docs/CLIENT.md has it.
Json JsonOf(const std::vector<Row>& map) {
  Json array = Json::array();
  for (const Row& row : map) {
    array.push_back({{"id", row[kId]},
                     {"name", row[kName]},
                     {"type", row[kType]},
                     {"status", row[kStatus]},
                     {"notes", row[kNotes]},
                     {"connected", JsonOfNames(row[kConnected])}});
  }
  return array;
}

absl::Status Map(CommandContext& context, const Arguments& arguments) {
  CVG_ASSIGN_OR_RETURN(std::vector<Row> map, FetchMap(context));
  if (arguments.servers) {
    map.erase(std::remove_if(map.begin(), map.end(),
                             [](const Row& row) { return row[kType] == "client"; }),
              map.end());
  }
  if (arguments.json) {
    Print(JsonOf(map));
    return absl::OkStatus();
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

void AddMapCommand(Command program, CommandLine* line) {
  const auto arguments = std::make_shared<Arguments>();
  Command command = program.AddCommand("map", "Show the servers, and which users are online");
  const Option tab = command.AddFlag(
      "--tab", arguments->tab, "Columns with tabs: id, name, type, status, notes, connected ids");
  command.AddFlag("--json", arguments->json, kJsonHelp).Excludes(tab);
  command.AddFlag("--servers", arguments->servers, "Without users");
  command.OnParsed([line, arguments] {
    line->run = [arguments](CommandContext& context) { return Map(context, *arguments); };
  });
}

}  // namespace convergia::client
