#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "tests/tidy/build_scan.h"
#include "tests/tidy/cxx_scan.h"
#include "tests/tidy/rules.h"
#include "tests/tidy/source_tree.h"

namespace convergia::tidy {
namespace {

// A newcomer reads the list of a folder at one glance, and the folder in one sitting.
constexpr size_t kUnitsMax = 15;

// "Some 2,000" lines, and a tenth more: the change that crosses 2,000 need not move files too, but
// soon one must.
constexpr int kRoomLinesMax = 2200;

constexpr absl::string_view kRoles[] = {"client", "datamgr", "dataserver", "edge", "mgmt"};

// A folder with C++: what stands in it, without its tests and without the folders below it.
struct Room {
  std::set<std::string> units;  // A source and its header are one.
  int lines = 0;
  bool has_build_file = false;
};

std::map<std::string, Room> RoomsOf(const SourceTree& tree) {
  std::map<std::string, Room> rooms;
  for (const SourceFile& file : tree) {
    if (!IsCxx(file.path)) continue;
    Room& room = rooms[std::string(DirName(file.path))];
    if (absl::EndsWith(file.path, "_test.cc")) continue;
    const absl::string_view name = BaseName(file.path);
    room.units.emplace(name.substr(0, name.rfind('.')));
    room.lines += std::count(file.text.begin(), file.text.end(), '\n');
  }
  for (const SourceFile& file : tree) {
    if (BaseName(file.path) != "BUILD.bazel") continue;
    const auto room = rooms.find(std::string(DirName(file.path)));
    if (room != rooms.end()) room->second.has_build_file = true;
  }
  return rooms;
}

// Whether a folder is made of code that only tests use.
bool IsForTests(absl::string_view folder) {
  return absl::StartsWith(folder, "tests/") || folder == "bench" ||
         absl::StartsWith(folder, "bench/") || absl::EndsWith(folder, "/testing") ||
         absl::StrContains(folder, "/testing/");
}

// "datamgr/catalog/tree" -> "datamgr/catalog": folders below one such room are one subsystem. A
// role's own folder joins its rooms, and belongs to none: "".
std::string SubsystemOf(absl::string_view folder) {
  const std::vector<absl::string_view> parts = absl::StrSplit(folder, '/');
  return parts.size() < 2 ? "" : absl::StrCat(parts[0], "/", parts[1]);
}

struct FolderInclude {
  std::string path;
  int line;
};

}  // namespace

std::vector<Finding> CheckRooms(const SourceTree& tree) {
  std::vector<Finding> findings;
  for (const auto& [folder, room] : RoomsOf(tree)) {
    if (room.units.size() > kUnitsMax || room.lines > kRoomLinesMax) {
      findings.push_back({folder, 0,
                          absl::StrCat(room.units.size(), " units of ", room.lines,
                                       " lines without tests: at most ", kUnitsMax, " units and ",
                                       kRoomLinesMax, " lines; give a subsystem its own folder")});
    }
    if (!room.has_build_file) {
      findings.push_back({folder, 0, "sources without a BUILD.bazel: one in each folder"});
    }
  }
  for (const SourceFile& file : tree) {
    if (BaseName(file.path) != "BUILD.bazel" || IsForTests(DirName(file.path)) ||
        absl::StartsWith(file.path, "third_party/")) {
      continue;
    }
    for (const BuildRule& rule : FindBuildRules(file.text)) {
      if (absl::StrContains(rule.text, "testonly = True")) {
        findings.push_back(
            {file.path, rule.line, "only tests use it: it belongs to a folder named testing"});
      }
    }
  }
  return findings;
}

std::vector<Finding> CheckDirections(const SourceTree& tree) {
  // The first include from one folder to another.
  std::map<std::pair<std::string, std::string>, FolderInclude> arrows;
  for (const SourceFile& file : tree) {
    if (!IsCxx(file.path) || absl::EndsWith(file.path, "_test.cc")) continue;
    const std::string from(DirName(file.path));
    for (const Include& include : FindIncludes(file.text)) {
      const std::string to(DirName(include.path));
      if (from == to || SubsystemOf(from).empty() || SubsystemOf(from) != SubsystemOf(to)) continue;
      arrows.try_emplace({from, to}, FolderInclude{file.path, include.line});
    }
  }
  std::vector<Finding> findings;
  for (const auto& [ends, include] : arrows) {
    const auto& [from, to] = ends;
    const auto back = arrows.find({to, from});
    if (back == arrows.end() || from > to) continue;
    findings.push_back({include.path, include.line,
                        absl::StrCat(from, " and ", to, " include each other (", back->second.path,
                                     ":", back->second.line, "): includes run one way")});
  }
  return findings;
}

std::vector<Finding> CheckVisibility(const SourceTree& tree) {
  std::vector<Finding> findings;
  for (const SourceFile& file : tree) {
    if (BaseName(file.path) != "BUILD.bazel") continue;
    const std::string role(file.path.substr(0, file.path.find('/')));
    if (std::find(std::begin(kRoles), std::end(kRoles), role) == std::end(kRoles)) continue;
    for (const VisibilityEntry& entry : FindVisibility(file.text)) {
      const bool is_known = entry.label == "//visibility:private" || entry.label == "//:assemblers";
      bool is_inside = is_known;
      for (const absl::string_view top : {absl::string_view(role), absl::string_view("tests"),
                                          absl::string_view("bench"), absl::string_view("tools")}) {
        is_inside = is_inside || absl::StartsWith(entry.label, absl::StrCat("//", top, ":")) ||
                    absl::StartsWith(entry.label, absl::StrCat("//", top, "/"));
      }
      if (is_inside) continue;
      findings.push_back({file.path, entry.line,
                          absl::StrCat(entry.label, " sees a room of ", role,
                                       ": only its own role, tests, bench and tools may")});
    }
  }
  return findings;
}

}  // namespace convergia::tidy
