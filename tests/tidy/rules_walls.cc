#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "tests/tidy/cxx_scan.h"
#include "tests/tidy/rules.h"
#include "tests/tidy/source_tree.h"

namespace convergia::tidy {
namespace {

constexpr absl::string_view kRoles[] = {"mgmt", "datamgr", "dataserver", "edge", "client"};

// The rooms of common/, each with those it may include besides itself.
struct CommonRoom {
  absl::string_view name;
  std::vector<absl::string_view> may_include;
};
const std::vector<CommonRoom>& CommonRooms() {
  static const auto* const kRooms = new std::vector<CommonRoom>{
      {"base", {}},
      {"line", {"base"}},
      {"store", {"base", "disk", "proto"}},
      {"disk", {"base"}},
      {"identity", {"base"}},
      {"tls", {"base", "identity"}},
      {"rpc", {"base", "disk", "identity", "tls", "proto"}},
      {"session", {"base", "identity", "tls"}},
      {"lineserver", {"base", "identity", "line", "session", "tls"}},
      {"etcd", {"base", "rpc", "store"}},
      {"node", {"base", "disk", "line", "identity", "tls", "rpc", "store", "proto"}},
  };
  return *kRooms;
}

// Libraries that only some rooms may know, so that the others need not change with them.
struct Library {
  absl::string_view header_prefix;
  std::vector<absl::string_view> rooms;  // Path prefixes.
};
const std::vector<Library>& Libraries() {
  static const auto* const kLibraries = new std::vector<Library>{
      {"rocksdb/", {"common/store/", "common/disk/", "dataserver/"}},
      {"gd.h", {"mgmt/"}},
      {"sodium", {"mgmt/"}},
      {"histedit.h", {"client/"}},
      {"editline/", {"client/"}},
      {"nlohmann/", {"client/"}},
      {"xxhash.h", {"dataserver/", "datamgr/", "edge/", "client/", "common/base/"}},
      {"CLI/", {"common/node/", "client/", "tools/", "bench/", "tests/"}},
      {"grpc",
       {"common/rpc/", "common/node/", "common/etcd/", "mgmt/", "datamgr/", "dataserver/", "edge/",
        "tools/", "tests/", "bench/"}},
      {"openssl/", {"common/", "mgmt/", "tools/", "tests/", "bench/"}},
      {"gtest/", {"tests/"}},
      {"gmock/", {"tests/"}},
  };
  return *kLibraries;
}

bool HasPrefix(absl::string_view path, const std::vector<absl::string_view>& prefixes) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](absl::string_view prefix) { return absl::StartsWith(path, prefix); });
}

bool IsRole(absl::string_view room) {
  return std::find(std::begin(kRoles), std::end(kRoles), room) != std::end(kRoles);
}

// "common/line/framer.h" -> "common/line"; "edge/session.h" -> "edge"; generated protos -> "proto";
// "" for what is not ours.
std::string RoomOf(absl::string_view path) {
  if (absl::StartsWith(path, "convergia/v1/")) return "proto";
  const std::vector<absl::string_view> parts = absl::StrSplit(path, absl::MaxSplits('/', 2));
  if (parts[0] == "common" && parts.size() > 2) return absl::StrCat("common/", parts[1]);
  const bool is_shop = parts[0] == "tools" || parts[0] == "tests" || parts[0] == "bench";
  return IsRole(parts[0]) || is_shop ? std::string(parts[0]) : "";
}

// "" if code in `from` may include a header of `to`, else what the wall is.
std::string WallBetween(absl::string_view from, absl::string_view to) {
  if (from == to || to.empty()) return "";
  const bool to_is_common = absl::StartsWith(to, "common/");
  if (from == "tools" || from == "tests" || from == "bench") return "";
  if (IsRole(from)) {
    if (to_is_common || to == "proto") return "";
    return absl::StrCat("role rooms speak proto, never include one another: ", from, " -> ", to);
  }
  absl::string_view name = from;
  if (!absl::ConsumePrefix(&name, "common/")) return "";
  for (const CommonRoom& room : CommonRooms()) {
    if (room.name != name) continue;
    for (const absl::string_view allowed : room.may_include) {
      if (to == absl::StrCat("common/", allowed) || to == allowed) return "";
    }
    return absl::StrCat(from, " may include only {", absl::StrJoin(room.may_include, ", "),
                        "}, not ", to);
  }
  return absl::StrCat(from, " is not in the plan: give it a floor in tests/tidy/rules_walls.cc");
}

std::string LibraryWall(absl::string_view path, absl::string_view header) {
  if (IsTestCode(path)) return "";
  for (const Library& library : Libraries()) {
    if (absl::StartsWith(header, library.header_prefix) && !HasPrefix(path, library.rooms)) {
      return absl::StrCat(header, " belongs to {", absl::StrJoin(library.rooms, ", "),
                          "}: go through their interface");
    }
  }
  return "";
}

// The operations of users at an edge do not depend on the protocol that asks for them.
std::string DialectWall(absl::string_view path, absl::string_view header) {
  if (!HasPrefix(path, {"edge/core/", "edge/messages/"})) return "";
  for (const absl::string_view dialect : {"common/line/", "common/lineserver/", "edge/commands/"}) {
    if (absl::StartsWith(header, dialect)) {
      return absl::StrCat(DirName(path), " knows no dialect: ", header,
                          " belongs to edge/commands");
    }
  }
  return "";
}

}  // namespace

std::vector<Finding> CheckWalls(const SourceTree& tree) {
  std::vector<Finding> findings;
  for (const SourceFile& file : tree) {
    if (!IsCxx(file.path)) continue;
    const std::string room = RoomOf(file.path);
    for (const Include& include : FindIncludes(file.text)) {
      const std::string wall = WallBetween(room, RoomOf(include.quoted ? include.path : ""));
      if (!wall.empty()) findings.push_back({file.path, include.line, wall});
      const std::string library = LibraryWall(file.path, include.path);
      if (!library.empty()) findings.push_back({file.path, include.line, library});
      const std::string dialect = DialectWall(file.path, include.path);
      if (!dialect.empty()) findings.push_back({file.path, include.line, dialect});
    }
  }
  return findings;
}

}  // namespace convergia::tidy
