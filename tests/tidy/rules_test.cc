#include "tests/tidy/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "tests/tidy/source_tree.h"

namespace convergia::tidy {
namespace {

using Rule = std::vector<Finding> (*)(const SourceTree&);

// A rule, a tree that breaks it and where, and a tree like it that does not.
struct RuleCase {
  const char* name;
  Rule rule;
  SourceTree bad;
  std::string path;  // Of the one finding in `bad`.
  int line;
  SourceTree good;
};

std::string Lines(int count, absl::string_view line) {
  std::string text;
  for (int i = 0; i < count; ++i) absl::StrAppend(&text, line, "\n");
  return text;
}

class RuleTest : public testing::TestWithParam<RuleCase> {};

TEST_P(RuleTest, FindsTheBreachWhereItIsAndNothingElse) {
  const RuleCase& c = GetParam();
  const std::vector<Finding> findings = c.rule(c.bad);
  ASSERT_EQ(findings.size(), 1);
  EXPECT_EQ(findings[0].path, c.path);
  EXPECT_EQ(findings[0].line, c.line);
  for (const Finding& finding : c.rule(c.good)) {
    ADD_FAILURE() << finding.path << ":" << finding.line << ": " << finding.text;
  }
}

std::string NameOf(const testing::TestParamInfo<RuleCase>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Walls, RuleTest,
    testing::ValuesIn<RuleCase>({
        {"RolesNeverIncludeOneAnother",
         CheckWalls,
         {{"edge/a.cc", "\n#include \"mgmt/b.h\"\n"}},
         "edge/a.cc",
         2,
         {{"edge/a.cc", "#include \"edge/b.h\"\n#include \"common/line/f.h\"\n"}}},
        {"RolesNeverIncludeTools",
         CheckWalls,
         {{"client/a.cc", "#include \"tools/b.h\"\n"}},
         "client/a.cc",
         1,
         {{"tools/a.cc", "#include \"client/b.h\"\n"}}},
        {"CommonNeverIncludesARole",
         CheckWalls,
         {{"common/rpc/a.h", "#include \"edge/b.h\"\n"}},
         "common/rpc/a.h",
         1,
         {{"common/rpc/a.h", "#include \"convergia/v1/edge.pb.h\"\n"}}},
        {"CommonIncludesOnlyTheFloorsBelow",
         CheckWalls,
         {{"common/base/a.h", "#include \"common/line/b.h\"\n"}},
         "common/base/a.h",
         1,
         {{"common/line/a.h", "#include \"common/base/b.h\"\n"},
          {"common/base/a.h", "#include \"absl/strings/match.h\"\n#include <string>\n"}}},
        {"TheLineSpeaksNoProto",
         CheckWalls,
         {{"common/line/a.h", "#include \"convergia/v1/edge.pb.h\"\n"}},
         "common/line/a.h",
         1,
         {{"common/node/a.h", "#include \"convergia/v1/edge.pb.h\"\n"}}},
        {"ANewCommonRoomNeedsAFloor",
         CheckWalls,
         {{"common/util/a.h", "#include \"common/base/b.h\"\n"}},
         "common/util/a.h",
         1,
         {{"common/util/a.h", "#include \"common/util/b.h\"\n"}}},
        {"RocksDbStaysInTheStore",
         CheckWalls,
         {{"mgmt/a.cc", "#include <rocksdb/db.h>\n"}},
         "mgmt/a.cc",
         1,
         {{"common/store/a.cc", "#include <rocksdb/db.h>\n"}}},
        {"GoogleTestStaysInTests",
         CheckWalls,
         {{"edge/a.cc", "#include <gtest/gtest.h>\n"}},
         "edge/a.cc",
         1,
         {{"edge/a_test.cc", "#include <gtest/gtest.h>\n"},
          {"edge/test_client.h", "#include <gtest/gtest.h>\n"},
          {"common/store/testing/store_suite.cc", "#include <gmock/gmock.h>\n"}}},
        {"OperationsKnowNoDialect",
         CheckWalls,
         {{"edge/core/a.h", "#include \"common/lineserver/session.h\"\n"}},
         "edge/core/a.h",
         1,
         {{"edge/commands/a.h", "#include \"common/lineserver/session.h\"\n"},
          {"edge/core/a.h", "#include \"edge/upstream/data_client.h\"\n"}}},
        {"MessagesKnowNoDialect",
         CheckWalls,
         {{"edge/messages/a.cc", "#include \"edge/commands/line_session.h\"\n"}},
         "edge/messages/a.cc",
         1,
         {{"edge/messages/a.cc", "#include \"edge/core/talk.h\"\n"}}},
        {"ACommentIsNoInclude",
         CheckWalls,
         {{"edge/a.cc", "// x\n#include \"mgmt/b.h\"\n"}},
         "edge/a.cc",
         2,
         {{"edge/a.cc", "/*\n#include \"mgmt/b.h\"\n*/\n"}}},
    }),
    NameOf);

// A room of so many units, each a header and a source of one line, and its build file.
SourceTree RoomOf(int units) {
  SourceTree tree = {{"edge/BUILD.bazel", ""}};
  for (int i = 0; i < units; ++i) {
    tree.push_back({absl::StrCat("edge/a", i, ".h"), "int a;\n"});
    tree.push_back({absl::StrCat("edge/a", i, ".cc"), "int a;\n"});
  }
  tree.push_back({"edge/one_test.cc", Lines(3000, "int a;")});
  return tree;
}

INSTANTIATE_TEST_SUITE_P(
    Rooms, RuleTest,
    testing::ValuesIn<RuleCase>({
        {"ManyUnits", CheckRooms, RoomOf(16), "edge", 0, RoomOf(15)},
        {"ManyLines",
         CheckRooms,
         {{"edge/a/BUILD.bazel", ""}, {"edge/a/b.cc", Lines(2201, "int a;")}},
         "edge/a",
         0,
         {{"edge/a/BUILD.bazel", ""},
          {"edge/a/b.cc", Lines(2200, "int a;")},
          {"edge/a/c/BUILD.bazel", ""},
          {"edge/a/c/d.cc", Lines(2200, "int a;")}}},
        {"TestingMayNotGrowEither",
         CheckRooms,
         {{"edge/testing/BUILD.bazel", ""}, {"edge/testing/a.h", Lines(2201, "int a;")}},
         "edge/testing",
         0,
         {{"edge/testing/BUILD.bazel", ""}, {"edge/testing/a.h", "int a;\n"}}},
        {"FolderWithoutABuildFile",
         CheckRooms,
         {{"edge/BUILD.bazel", "\"a/b.cc\""}, {"edge/a/b.cc", "int a;\n"}},
         "edge/a",
         0,
         {{"edge/a/BUILD.bazel", "\"b.cc\""}, {"edge/a/b.cc", "int a;\n"}}},
        {"FakeOutsideTesting",
         CheckRooms,
         {{"edge/BUILD.bazel", "\ncc_library(\n    testonly = True,\n)\n"}},
         "edge/BUILD.bazel",
         2,
         {{"edge/testing/BUILD.bazel", "cc_library(\n    testonly = True,\n)\n"},
          {"tests/a/BUILD.bazel", "cc_library(\n    testonly = True,\n)\n"},
          {"edge/BUILD.bazel", "cc_test(\n)\n"}}},
        {"FoldersThatIncludeEachOther",
         CheckDirections,
         {{"edge/relay/a.h", "\n#include \"edge/relay/b/c.h\"\n"},
          {"edge/relay/b/d.cc", "#include \"edge/relay/a.h\"\n"}},
         "edge/relay/a.h",
         2,
         {{"edge/relay/a.h", "#include \"edge/relay/b/c.h\"\n"},
          {"edge/relay/b/d_test.cc", "#include \"edge/relay/a.h\"\n"},
          {"edge/a.h", "#include \"edge/relay/a.h\"\n"},
          {"edge/relay/e.h", "#include \"edge/a.h\"\n"}}},
        {"ARoomForAnotherRole",
         CheckVisibility,
         {{"datamgr/a/BUILD.bazel", "visibility = [\n    \"//edge:__subpackages__\",\n],\n"}},
         "datamgr/a/BUILD.bazel",
         2,
         {{"datamgr/a/BUILD.bazel",
           "package(default_visibility = [\"//datamgr:__subpackages__\"])\n"
           "visibility = [\n    \"//:assemblers\",\n    \"//tests/sim:__subpackages__\",\n],\n"
           "deps = [\"//edge/x\"],\n"},
          {"common/a/BUILD.bazel", "visibility = [\"//visibility:public\"],\n"}}},
        {"ARoomForAll",
         CheckVisibility,
         {{"edge/a/BUILD.bazel", "package(default_visibility = [\"//visibility:public\"])\n"}},
         "edge/a/BUILD.bazel",
         1,
         {{"edge/a/BUILD.bazel", "package(default_visibility = [\"//visibility:private\"])\n"}}},
    }),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Cxx, RuleTest,
    testing::ValuesIn<RuleCase>({
        {"LongFunction",
         CheckSizes,
         {{"a.cc", absl::StrCat("\nint f(int a) {\n", Lines(70, "  a++;"), "}\n")}},
         "a.cc",
         2,
         {{"a.cc", absl::StrCat("int f(int a) {\n", Lines(68, "  a++;"), "}\n")}}},
        {"LongMethodInAClass",
         CheckSizes,
         {{"a.h", absl::StrCat("class A {\n  void F() {\n", Lines(70, "    a++;"), "  }\n};\n")}},
         "a.h",
         2,
         {{"a.h", absl::StrCat("class A {\n", Lines(100, "  void F();"), "};\n")}}},
        {"LongNamespaceIsNoFunction",
         CheckSizes,
         {{"a.cc", absl::StrCat("TEST(A, B) {\n", Lines(70, "  if (x) {\n  }"), "}\n")}},
         "a.cc",
         1,
         {{"a.cc", absl::StrCat("namespace a {\n", Lines(100, "int f() { return '{'; }"), "}\n")}}},
        {"LongFile",
         CheckSizes,
         {{"a.cc", Lines(601, "int a;")}},
         "a.cc",
         0,
         {{"a.cc", absl::StrCat("// Long because it is a table.\n", Lines(601, "int a;"))}}},
        {"SleepInATest",
         CheckSleeps,
         {{"edge/a_test.cc", "\n  absl::SleepFor(absl::Seconds(1));\n"}},
         "edge/a_test.cc",
         2,
         {{"edge/a_test.cc", "// absl::SleepFor(absl::Seconds(1));\nauto a = \"SleepFor\";\n"}}},
        {"ThreadSleepAnywhere",
         CheckSleeps,
         {{"edge/a.cc", "std::this_thread::sleep_for(1s);\n"}},
         "edge/a.cc",
         1,
         {{"tests/testing/eventually.cc", "absl::SleepFor(kStep);\n"}}},
        {"ClockOutsideBase",
         CheckClocks,
         {{"edge/a.cc", "auto t = absl::Now();\n"}},
         "edge/a.cc",
         1,
         {{"common/base/clock.cc", "return absl::Now();\n"}}},
        {"ChronoClockOutsideBase",
         CheckClocks,
         {{"edge/a.cc", "auto t = std::chrono::steady_clock::now();\n"}},
         "edge/a.cc",
         1,
         {{"edge/a.cc", "auto t = clock.Now() + expiry_time(nullptr_value);\n"}}},
        {"StdStringView",
         CheckSpelling,
         {{"a.cc", "void f(std::string_view a);\n"}},
         "a.cc",
         1,
         {{"a.cc", "void f(absl::string_view a);  // not std::string_view\n"}}},
        {"HeaderWithoutPragmaOnce",
         CheckSpelling,
         {{"a.h", "// #pragma once\nint a;\n"}},
         "a.h",
         0,
         {{"a.h", "// What.\n#pragma once\n"}, {"a.cc", "int a;\n"}}},
    }),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Text, RuleTest,
    testing::ValuesIn<RuleCase>({
        {"WorkLeftUndone",
         CheckWords,
         {{"docs/a.md", "# A\nTODO: write\n"}},
         "docs/a.md",
         2,
         {{"docs/a.md", "# A\nthe todo list of a user; HACKING\n"}}},
        {"PutOff",
         CheckWords,
         {{"edge/a.cc", "// For now, one.\n"}},
         "edge/a.cc",
         1,
         {{"edge/a.cc", "// known for nowhere\n"}}},
        {"LongLine",
         CheckLines,
         {{"a.cc", std::string(101, 'a') + "\n"}},
         "a.cc",
         1,
         {{"a.cc", Lines(1, std::string(99, 'a') + "\xc3\xa9")}}},
        {"BlankAtTheEnd", CheckLines, {{"tools/a", "a\nb \n"}}, "tools/a", 2, {{"a", "a b\n"}}},
        {"NoLineBreakAtTheEnd", CheckLines, {{"a.md", "# a"}}, "a.md", 1, {{"a.md", "# a\n"}}},
        {"DeadFile",
         CheckDeadFiles,
         {{"edge/BUILD.bazel", "srcs = [\"b.cc\"]\n"}, {"edge/a.cc", ""}, {"edge/b.cc", ""}},
         "edge/a.cc",
         0,
         {{"edge/BUILD.bazel", "srcs = [\"x/a.cc\"] + glob([\"y/*.cc\"])\n"},
          {"edge/x/a.cc", ""},
          {"edge/y/b.cc", ""},
          {"edge/macros.bzl", "srcs = [name + \"_fuzz.cc\", \"replay.cc\"]\n"},
          {"edge/replay.cc", ""}}},
        {"DeadProto",
         CheckDeadFiles,
         {{"BUILD.bazel", ""}, {"proto/a.proto", ""}},
         "proto/a.proto",
         0,
         {{"proto/BUILD.bazel", "\"a.proto\""}, {"proto/a.proto", ""}}},
        {"TargetWithoutWarnings",
         CheckWarnings,
         {{"edge/BUILD.bazel", "\ncc_library(\n    srcs = [\"a.cc\"],\n)\n"}},
         "edge/BUILD.bazel",
         2,
         {{"edge/BUILD.bazel", "cc_library(\n    srcs = [\"a.cc\"],\n    copts = COPTS,\n)\n"},
          {"third_party/BUILD.bazel", "cc_library(\n    srcs = [\"a.cc\"],\n)\n"}}},
        {"NoTitle",
         CheckTitles,
         {{"docs/a.md", "Text\n"}},
         "docs/a.md",
         1,
         {{"docs/a.md", "# Title\n"}}},
        {"UnclearWordInAComment",
         CheckSentences,
         {{"docs/adr/a.h", "\n// Begins\n// Anew.\n"}},
         "docs/adr/a.h",
         3,
         {{"docs/adr/a.h", "// At most no more than five.\nint anew = whoever;\n"},
          {"a.h", "// Renewed.\nconst char* text = \"anew\";\n"}}},
        {"UnclearWordInABuildFile",
         CheckSentences,
         {{"edge/BUILD.bazel", "name = \"anew\",\n  size = 1,  # Whoever.\n"}},
         "edge/BUILD.bazel",
         2,
         {{"edge/BUILD.bazel", "name = \"anew\",  # Again.\nwhoever = 1\n"}}},
        {"UnclearWordInAScript",
         CheckSentences,
         {{"tools/run", "#!/bin/sh\n# It goes on no more.\nanew\n"}},
         "tools/run",
         2,
         {{"tools/run", "# No more than five.\nanew \"$#anew\"\n"}, {"a.txt", "# Anew.\n"}}},
        {"UnclearWordInADocument",
         CheckSentences,
         {{"docs/SECURITY.md", "# A\nIt does so no more.\n"}},
         "docs/SECURITY.md",
         2,
         {{"docs/SECURITY.md", "# A\nNo more than that, may be.\n```\nno more\n```\n"}}},
        {"OldNameOfAType",
         CheckOldNames,
         {{"mgmt/a.h", "\nclass Mover {};\n"}},
         "mgmt/a.h",
         2,
         {{"mgmt/a.h", "class MovePlanner {};  // Not class Mover.\n"},
          {"edge/a.h", "struct Lane {};\n"}}},
        {"OldNameOfATest",
         CheckOldNames,
         {{"mgmt/a_test.cc", "\nTEST(MoverTest, Moves) {}\n"}},
         "mgmt/a_test.cc",
         2,
         {{"mgmt/a_test.cc", "TEST(MovePlannerTest, HasNoMoverTest) {}\n"},
          {"common/line/a_test.cc", "TEST(RowsTest, Rows) {}\n"}}},
        {"OldNameOfAFile",
         CheckOldNames,
         {{"edge/directory/waybill.h", "struct SegmentHeader {};\n"}},
         "edge/directory/waybill.h",
         0,
         {{"common/line/rows.h", "class RowWriter {};\n"}}},
        {"PathThatIsNotThere",
         CheckPaths,
         {{"docs/a.md", "# A\nSee `edge/gone.h`.\n"}, {"edge/a.h", ""}},
         "docs/a.md",
         2,
         {{"docs/a.md", "# A\n`edge/`, `edge/a.h`, `edge/*.h`, `/edge/x`, `no/such`\n"},
          {"edge/a.h", ""}}},
        {"CommandWithoutDescription",
         CheckCommands,
         {{"docs/PROTOCOL.md", "## Commands\n### PING\n"},
          {"edge/command_table.cc", "{\"PING\", 1},\n{.word = \"SENDMESSAGE\",\n"}},
         "edge/command_table.cc",
         2,
         {{"docs/PROTOCOL.md", "## Commands of the edge\n### PING\n## Pushes\n### BYE code\n"},
          {"edge/command_table.cc", "  {\"PING\", 1},\n"}}},
        {"DescriptionWithoutCommand",
         CheckCommands,
         {{"docs/PROTOCOL.md", "## Commands\n### PING\n### PONG text\n"},
          {"edge/command_table.cc", "{\"PING\", 1},\n"}},
         "docs/PROTOCOL.md",
         3,
         {{"docs/PROTOCOL.md", "## Commands\n### PING\n"},
          {"mgmt/commands.cc", "    {\"PING\", Handle},\n"}}},
        {"NoProtocolDocument",
         CheckCommands,
         {{"edge/command_table.cc", "{\"PING\", 1},\n"}},
         "docs/PROTOCOL.md",
         0,
         {{"docs/PROTOCOL.md", "## Commands\n### PING\n"},
          {"edge/command_table.cc", "{\"PING\", 1},\n"}}},
        {"NoCommandTable",
         CheckCommands,
         {{"docs/PROTOCOL.md", "## Commands\n### PING\n"}},
         "docs/PROTOCOL.md",
         0,
         {{"docs/PROTOCOL.md", "## Commands\n### PING\n"},
          {"common/lineserver/common_rows.cc", "{\"PING\", 1},\n"}}},
    }),
    NameOf);

}  // namespace
}  // namespace convergia::tidy
