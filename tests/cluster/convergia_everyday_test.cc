// The habits of people who use cp, rsync, scp and mutt every day, with the built `convergia`
// command on a cluster of real processes. Nothing may surprise them. Long because each habit has
// its test, and all share one cluster.
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "absl/time/time.h"
#include "tests/cluster/convergia_commands_base.h"

namespace convergia::testing {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::StartsWith;

class ConvergiaEverydayTest : public ConvergiaCommandsTest {};

TEST_F(ConvergiaEverydayTest, TwoGetsOfOneFolderAtOnceMixNothing) {
  constexpr int kFiles = 1'000;
  const auto content = [](int i) { return absl::StrCat(i + 100'000, std::string(2'000, 'x')); };
  fs::create_directories(Local("many"));
  for (int i = 0; i < kFiles; ++i) {
    WriteWholeFile(Local(absl::StrCat("many/", i)), content(i));
  }
  ASSERT_THAT(alice_.Run({"put", "-q", Local("many"), folder_}), ExitsWith(kDone));
  const pid_t one = alice_.Start({"get", "-q", In("many"), Local("dst")});
  const pid_t two = again_.Start({"get", "-q", In("many"), Local("dst")});
  EXPECT_THAT(alice_.AwaitEnd(one), ExitsWith(kDone));
  EXPECT_THAT(again_.AwaitEnd(two), ExitsWith(kDone));
  int wrong = 0, there = 0;
  for (const auto& entry : fs::directory_iterator(Local("dst/many"))) {
    const std::string name = entry.path().filename().string();
    ++there;
    wrong += ReadWholeFile(entry.path().string()) != content(std::stoi(name));
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(there, kFiles);
}

TEST_F(ConvergiaEverydayTest, OfTwoPutsOfOneNameTheLaterWins) {
  const std::string a(3'000'000, 'a'), b(2'000'000, 'b');
  WriteWholeFile(Local("a"), a);
  WriteWholeFile(Local("b"), b);
  for (const auto& [first, second] : {std::pair("a", "b"), std::pair("a", "a")}) {
    for (int i = 0; i < 5; ++i) {
      const pid_t one = alice_.Start({"put", "-q", Local(first), In("f")});
      const pid_t two = again_.Start({"put", "-q", Local(second), In("f")});
      const Outcome done = alice_.AwaitEnd(one), done_too = again_.AwaitEnd(two);
      EXPECT_THAT(done, ExitsWith(kDone));
      EXPECT_THAT(done_too, ExitsWith(kDone));
      EXPECT_THAT(done.err + done_too.err, IsEmpty());
      const std::string there = alice_.Run({"cat", In("f")}).out;
      EXPECT_TRUE(there == a || there == b) << there.size();
    }
  }
  EXPECT_EQ(alice_.Run({"ls", "-a", folder_}).out, "f\n");
}

TEST_F(ConvergiaEverydayTest, WhoReadsWhileAFileIsReplacedFindsOneOrTheOtherWhole) {
  constexpr size_t kBytes = 3'000'000;
  Put("conf", std::string(kBytes, '0'));
  std::atomic<bool> is_over = false;
  std::atomic<int> missing = 0, looks = 0;
  std::thread looker([&] {
    while (!is_over) {
      ++looks;
      const auto read = line_->Ask(absl::StrCat("READFILE ", In("conf"), "\n0\n1"));
      missing += read.value_or("") == "" || !absl::StartsWith(*read, "OK ");
    }
  });
  for (char c = '1'; c <= '8'; ++c) {
    WriteWholeFile(Local("conf"), std::string(kBytes, c));
    const pid_t put = alice_.Start({"put", "-q", Local("conf"), In("conf")});
    EXPECT_THAT(again_.Run({"get", "-q", In("conf"), Local("copy")}), ExitsWith(kDone));
    const std::string copy = ReadWholeFile(Local("copy"));
    EXPECT_EQ(copy, std::string(kBytes, copy.front()));
    EXPECT_THAT(alice_.AwaitEnd(put), ExitsWith(kDone));
  }
  is_over = true;
  looker.join();
  EXPECT_EQ(missing, 0) << "of " << looks;
}

TEST_F(ConvergiaEverydayTest, SamenessIsDecidedByContent) {
  WriteWholeFile(Local("old"), "enabled=0\n");
  WriteWholeFile(Local("new"), "enabled=1\n");
  EXPECT_THAT(alice_.Run({"put", Local("new"), In("flag")}), ExitsWith(kDone));
  EXPECT_THAT(alice_.Run({"put", Local("old"), In("flag")}).out, StartsWith("1 file copied"));
  EXPECT_EQ(alice_.Run({"cat", In("flag")}).out, "enabled=0\n");
  // No time of a fetched file makes it another one.
  fs::create_directories(Local("back"));
  EXPECT_THAT(alice_.Run({"get", folder_, Local("back")}).out, StartsWith("1 file copied"));
  const std::string fetched = Local("back" + folder_ + "/flag");
  fs::last_write_time(fetched, fs::last_write_time(fetched) - std::chrono::hours(1));
  EXPECT_EQ(alice_.Run({"get", folder_, Local("back")}).out,
            "0 files copied, 1 already there, 10 B\n");
  fs::last_write_time(Local("old"),
                      fs::last_write_time(Local("old")) + std::chrono::hours(24 * 3650));
  EXPECT_EQ(alice_.Run({"put", Local("old"), In("flag")}).out,
            "0 files copied, 1 already there, 10 B\n");
}

TEST_F(ConvergiaEverydayTest, ASlashAtTheEndMeansAFolder) {
  Put("f", "bytes");
  EXPECT_THAT(alice_.Run({"put", Local("f"), In("reports/")}), FailsWith(kNotFound, "no folder"));
  EXPECT_THAT(alice_.Run({"ls", In("reports")}), ExitsWith(kNotFound));
  EXPECT_THAT(alice_.Run({"put", Local("f"), In("f/")}), FailsWith(kWrong, "not a folder"));
  EXPECT_THAT(alice_.Run({"get", In("f"), Local("none/")}), FailsWith(kNotFound, "none/"));
  EXPECT_FALSE(fs::exists(Local("none")));
  for (const char* const command : {"cat", "ls", "rm", "info", "get"}) {
    EXPECT_THAT(alice_.Run({command, In("f/")}), FailsWith(kWrong, "not a folder")) << command;
  }
  EXPECT_THAT(alice_.Run({"mv", In("f"), In("reports/")}), FailsWith(kNotFound, "no folder"));
  EXPECT_THAT(alice_.Run({"mkdir", In("reports/")}), ExitsWith(kDone));
  EXPECT_THAT(alice_.Run({"mv", In("reports/"), In("papers/")}), ExitsWith(kDone));
  EXPECT_THAT(alice_.Run({"put", Local("f"), In("/papers//")}), ExitsWith(kDone));
  EXPECT_EQ(alice_.Run({"ls", In("papers/")}).out, "f\n");
  EXPECT_THAT(alice_.Run({"rm", "-r", In("papers/")}), ExitsWith(kDone));
}

TEST_F(ConvergiaEverydayTest, WhatCannotBeHadLeavesTheFileThatIsThere) {
  for (const char* const command : {"cat", "mail", "get"}) {
    WriteWholeFile(Local("keep"), "precious");
    const std::vector<std::string> arguments =
        std::string(command) == "mail"
            ? std::vector<std::string>{"mail", "read", "99999", "-o", Local("keep")}
        : std::string(command) == "cat"
            ? std::vector<std::string>{"cat", In("nix"), "-o", Local("keep")}
            : std::vector<std::string>{"get", In("nix"), Local("keep")};
    EXPECT_THAT(alice_.Run(arguments), ExitsWith(kNotFound));
    EXPECT_EQ(ReadWholeFile(Local("keep")), "precious") << command;
  }
  Put("f", "bytes");
  EXPECT_THAT(alice_.Run({"cat", In("f"), "-o", Local("keep")}), ExitsWith(kDone));
  EXPECT_EQ(ReadWholeFile(Local("keep")), "bytes");
}

TEST_F(ConvergiaEverydayTest, NoErrorOfTheOutputIsLost) {
  Put("f", "bytes");
  EXPECT_THAT(alice_.Run({"meta", "set", "colour", "blue"}), ExitsWith(kDone));
  const ConvergiaProgram full = Launched({}, "/dev/full");
  const std::vector<std::vector<std::string>> commands = {{"ls", "/"},
                                                          {"map"},
                                                          {"info", In("f")},
                                                          {"cat", In("f")},
                                                          {"meta", "list"},
                                                          {"mail", "list"},
                                                          {"put", Local("f"), In("g")},
                                                          {"get", In("f"), "-"},
                                                          {"--help"},
                                                          {"ls", "--json", "/"},
                                                          {"map", "--json"},
                                                          {"info", "--json", In("f")},
                                                          {"meta", "list", "--json"},
                                                          {"mail", "list", "--json"},
                                                          {"meta", "get", "colour"}};
  for (const auto& command : commands) {
    EXPECT_THAT(full.Run(command), FailsWith(kNoRoom, "standard output: No space left on device"))
        << absl::StrJoin(command, " ");
  }
}

using Row = std::vector<std::string>;
using nlohmann::json;

std::vector<Row> RowsOf(absl::string_view answer) {
  std::vector<Row> rows;
  EXPECT_TRUE(absl::ConsumePrefix(&answer, "OK ")) << answer;
  for (const absl::string_view row : absl::StrSplit(answer, '\n')) {
    rows.push_back(absl::StrSplit(row, '\t'));
  }
  return rows;
}
json Number(const std::string& text) { return json(std::stoull(text)); }
json Utc(const std::string& milliseconds) {
  const absl::Time time = absl::FromUnixMillis(std::stoll(milliseconds));
  return absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", time, absl::UTCTimeZone());
}
json Names(const std::string& names) {
  return std::vector<std::string>(absl::StrSplit(names, ',', absl::SkipEmpty()));
}
json EntryOf(const Row& row) {
  return {{"name", row[0]}, {"type", row[1]}, {"bytes", Number(row[2])}, {"modified", Utc(row[3])}};
}
json MessageOf(const Row& row) {
  return {{"id", row[0]}, {"from", row[1]}, {"bytes", Number(row[2])}, {"time", Utc(row[3])}};
}
json KeyOf(const Row& row) { return {{"key", row[0]}, {"bytes", Number(row[1])}}; }
json MapRowOf(const Row& row) {
  return {{"id", row[0]},     {"name", row[1]},  {"type", row[2]},
          {"status", row[3]}, {"notes", row[4]}, {"connected", Names(row[5])}};
}

// The document of `info PATH --json` for rows of GETINFO.
json InfoOf(const std::string& path, const std::vector<Row>& rows) {
  json info = {{"path", path},         {"version", nullptr},
               {"hash", nullptr},      {"permissions", json::array()},
               {"inherited", nullptr}, {"volumes", json::array()}};
  for (const Row& row : rows) {
    const std::string& key = row[0];
    if (key == "permission") {
      info["permissions"].push_back({{"who", row[1]}, {"right", row[2]}});
    } else if (key == "inherited") {
      info[key] = {{"who", row[1]}, {"right", row[2]}, {"folder", row[3]}};
    } else if (key == "volume") {
      info["volumes"].push_back({{"volume", row[1]},
                                 {"volatile", row[2] == "volatile"},
                                 {"copies_wanted", Number(row[3])},
                                 {"online", Names(row[4])},
                                 {"offline", Names(row[5])}});
    } else {
      const bool is_time = key == "created" || key == "modified";
      info[key] = is_time ? Utc(row[1]) : key == "bytes" ? Number(row[1]) : json(row[1]);
    }
  }
  return info;
}

TEST_F(ConvergiaEverydayTest, JsonSaysWhatTheServerSays) {
  Put("写真.txt", "hello");
  EXPECT_THAT(alice_.Run({"mkdir", In("d\"e")}), ExitsWith(kDone));
  EXPECT_THAT(alice_.Run({"share", folder_, "bob", "read"}), ExitsWith(kDone));
  EXPECT_THAT(alice_.Run({"meta", "set", "größe", "blue"}), ExitsWith(kDone));
  EXPECT_THAT(bob_.Run({"mail", "send", "alice"}, "hello"), ExitsWith(kDone));
  const std::string file = In("写真.txt");
  const auto each = [](json (*of)(const Row&)) {
    return [of](const std::vector<Row>& rows) {
      json array = json::array();
      for (const Row& row : rows) array.push_back(of(row));
      return array;
    };
  };
  const auto info_of = [](const std::string& path) {
    return [path](const std::vector<Row>& rows) { return InfoOf(path, rows); };
  };
  const struct {
    std::vector<std::string> command;
    std::string request;
    std::function<json(const std::vector<Row>&)> expected;
  } kCases[] = {
      {{"ls", "--json", folder_}, absl::StrCat("LISTFOLDER ", folder_), each(EntryOf)},
      {{"info", "--json", file}, absl::StrCat("GETINFO ", file), info_of(file)},
      {{"info", "--json", folder_}, absl::StrCat("GETINFO ", folder_), info_of(folder_)},
      {{"info", "--json", absl::StrCat(In("d\"e"), "/")},
       absl::StrCat("GETINFO ", In("d\"e")),
       info_of(In("d\"e"))},
      {{"map", "--json"}, "GETSERVERMAP", each(MapRowOf)},
      {{"mail", "list", "--json"}, "LISTOFFLINEMESSAGES", each(MessageOf)},
      {{"meta", "list", "--json"}, "LISTMETADATA alice", each(KeyOf)},
      {{"meta", "list", "--json", "alice"}, "LISTMETADATA alice", each(KeyOf)},
  };
  for (const auto& c : kCases) {
    SCOPED_TRACE(absl::StrJoin(c.command, " "));
    Outcome printed;
    json expected;
    // The map still changes while servers connect.
    const bool is_same = Eventually([&] {
      printed = alice_.Run(c.command);
      expected = c.expected(RowsOf(line_->Ask(c.request).value_or("")));
      return json::parse(printed.out, nullptr, /*allow_exceptions=*/false) == expected;
    });
    EXPECT_TRUE(is_same) << printed.out << "\nis not\n" << expected.dump(2);
    EXPECT_THAT(printed, ExitsWith(kDone));
    EXPECT_THAT(printed.err, IsEmpty());
    EXPECT_FALSE(expected.empty());
  }
}

TEST_F(ConvergiaEverydayTest, JsonOfNothingIsAnEmptyArrayAndOfAnErrorNothing) {
  EXPECT_EQ(alice_.Run({"ls", "--json", folder_}).out, "[]\n");
  EXPECT_EQ(bob_.Run({"mail", "list", "--json"}).out, "[]\n");
  const Outcome missing = alice_.Run({"ls", "--json", In("nix")});
  EXPECT_THAT(missing, FailsWith(kNotFound, In("nix")));
  EXPECT_THAT(missing.out, IsEmpty());
  EXPECT_THAT(alice_.Run({"map", "--json", "--tab"}), ExitsWith(kWrong));
}

TEST_F(ConvergiaEverydayTest, ListsLineUpWithWideNamesAndLocalTimes) {
  Put("写真", "hello");
  Put("z", std::string(2'000, 'z'));
  ASSERT_OK_AND_ASSIGN(const std::string listed, line_->Ask(absl::StrCat("LISTFOLDER ", folder_)));
  const std::vector<Row> rows = RowsOf(listed);
  ASSERT_EQ(rows.size(), 2u);  // In the order of their bytes: z is first.
  absl::TimeZone zone;
  ASSERT_TRUE(absl::LoadTimeZone("Fixed/UTC+09:00:00", &zone));
  const auto time = [&](const Row& row) {
    return absl::FormatTime("%Y-%m-%d %H:%M", absl::FromUnixMillis(std::stoll(row[3])), zone);
  };
  EXPECT_EQ(Launched({"/usr/bin/env", "TZ=Fixed/UTC+09:00:00"}).Run({"ls", "-l", folder_}).out,
            absl::StrCat("2.0 KiB  ", time(rows[0]), "  z\n    5 B  ", time(rows[1]), "  写真\n"));
  EXPECT_EQ(alice_.Run({"ls", folder_}).out, "z\n写真\n");
}

TEST_F(ConvergiaEverydayTest, FilesAreReadToTheirEndAndWhatIsNoFileIsRefused) {
  EXPECT_THAT(alice_.Run({"put", "/proc/version", In("version")}), ExitsWith(kDone));
  EXPECT_EQ(alice_.Run({"cat", In("version")}).out, ReadWholeFile("/proc/version"));
  ASSERT_EQ(mkfifo(Local("pipe").c_str(), 0600), 0);
  EXPECT_THAT(alice_.Run({"put", Local("pipe"), In("x")}), FailsWith(kWrong, "is a named pipe"));
  EXPECT_THAT(alice_.Run({"put", "/dev/zero", In("x")}),
              FailsWith(kWrong, "/dev/zero is a device"));
  const std::string bytes(2'500'000, 'p');
  EXPECT_THAT(alice_.Run({"put", "-", In("piped")}, bytes), ExitsWith(kDone));
  EXPECT_EQ(alice_.Run({"get", In("piped"), "-"}).out, bytes);
  EXPECT_THAT(alice_.Run({"put", "-", folder_}, bytes), FailsWith(kWrong, "name the file in it"));
}

TEST_F(ConvergiaEverydayTest, AFullDiskIsSaidOnceWithTheReasonAndTheName) {
  fs::create_directories(Local("tree"));
  for (int i = 0; i < 50; ++i) {
    WriteWholeFile(Local(absl::StrCat("tree/", i)), std::string(200'000, 'x'));
  }
  ASSERT_THAT(alice_.Run({"put", "-q", Local("tree"), folder_}), ExitsWith(kDone));
  WriteWholeFile(Local("0"), "before");
  // No file may become larger than this: as on a full disk.
  const ConvergiaProgram full =
      Launched({"/usr/bin/env", "--ignore-signal=XFSZ", "/usr/bin/prlimit", "--fsize=100000"});
  const Outcome got = full.Run({"get", In("tree"), Local("back")});
  EXPECT_THAT(got, FailsWith(kNoRoom, "File too large"));
  EXPECT_THAT(got.err, HasSubstr(Local("back/tree/")));
  EXPECT_EQ(LinesIn(got.err), 1) << got.err;
  EXPECT_THAT(got.out, StartsWith("0 files copied"));
  ASSERT_THAT(alice_.Run({"mail", "send", "-f", Local("tree/0"), "alice"}), ExitsWith(kDone));
  const std::vector<std::string> mails =
      absl::StrSplit(alice_.Run({"mail", "list"}).out, '\n', absl::SkipEmpty());
  ASSERT_GE(mails.size(), 2u);  // The first line has the headings.
  const std::string mail(mails.back().substr(0, mails.back().find(' ')));
  const std::vector<std::vector<std::string>> commands = {{"get", In("tree/0"), Local("0")},
                                                          {"cat", In("tree/0"), "-o", Local("0")},
                                                          {"mail", "read", mail, "-o", Local("0")}};
  for (const auto& command : commands) {
    EXPECT_THAT(full.Run(command), FailsWith(kNoRoom, "File too large")) << command.front();
    EXPECT_EQ(ReadWholeFile(Local("0")), "before") << command.front();
  }
  for (const auto& entry : fs::recursive_directory_iterator(Local("back"))) {
    EXPECT_TRUE(entry.is_directory()) << entry.path() << " is left";
  }
}

TEST_F(ConvergiaEverydayTest, FailedFoldersPrintTheSumAndNameTheFirst) {
  fs::create_directories(Local("tree"));
  WriteWholeFile(Local("tree/a\nb"), "bad name");
  WriteWholeFile(Local("tree/good"), "good");
  fs::create_symlink("good", Local("tree/link"));
  const Outcome put = alice_.Run({"put", Local("tree"), folder_});
  EXPECT_THAT(put, ExitsWith(kWrong));
  EXPECT_EQ(put.out, "1 file copied, 2 left out, 4 B\n");
  const std::vector<std::string> lines = absl::StrSplit(put.err, '\n', absl::SkipEmpty());
  ASSERT_EQ(lines.size(), 3u) << put.err;
  const std::string kLead = "convergia: ";
  for (const std::string& line : lines) EXPECT_THAT(line, StartsWith(kLead));
  EXPECT_THAT(lines.back(), HasSubstr("2 were left out; the first: "));
  // Folders are read in the disk's order, so the first is the one that was said first.
  EXPECT_THAT(lines.back(), ::testing::EndsWith(lines.front().substr(kLead.size())));
}

TEST_F(ConvergiaEverydayTest, AProfileThatCannotBeWrittenIsOneWarning) {
  const ConvergiaProgram program = Launched({"/usr/bin/env", "CONVERGIA_HOME=/sys/kernel"});
  for (int i = 0; i < 2; ++i) {
    const Outcome listed = program.Run({"ls", folder_});
    EXPECT_THAT(listed, ExitsWith(kDone));
    EXPECT_EQ(LinesIn(listed.err), 1) << listed.err;
    EXPECT_THAT(listed.err, HasSubstr("nothing is saved"));
  }
  // No database knows this user, so the profile has no place.
  const std::vector<std::string> homeless = {"/usr/bin/unshare", "--user",
                                             "--map-user=54321", "/usr/bin/env",
                                             "--unset=HOME",     "--unset=CONVERGIA_HOME"};
  const Outcome listed = Launched(homeless).Run({"ls", folder_});
  EXPECT_THAT(listed, ExitsWith(kDone));
  EXPECT_EQ(LinesIn(listed.err), 1) << listed.err;
  EXPECT_THAT(listed.err, HasSubstr("there is no folder for the profile"));
}

TEST_F(ConvergiaEverydayTest, TextIsText) {
  ASSERT_OK_AND_ASSIGN(const auto bob, SignIn("edge1", "bob"));
  const std::vector<std::vector<std::string>> commands = {{"send", "bob", "-host db1 is down"},
                                                          {"send", "bob", "-h2"},
                                                          {"send", "-q", "bob", "--", "-q"},
                                                          {"send", "bob", "--quiet=no way", "-q"},
                                                          {"send", "bob", "--help"},
                                                          {"send", "bob", "--server=db1 is down"}};
  for (const auto& command : commands) {
    EXPECT_THAT(alice_.Run(command), ExitsWith(kDone)) << command.back();
  }
  EXPECT_THAT(alice_.Run({"send", "bob", "-"}, "from a pipe\n"), ExitsWith(kDone));
  for (const char* const text : {"-host db1 is down", "-h2", "-q", "--quiet=no way", "--help",
                                 "--server=db1 is down", "from a pipe"}) {
    EXPECT_THAT(bob->NextPush(), Holds(::testing::EndsWith(text)));
  }
  EXPECT_THAT(alice_.Run({"meta", "set", "mood", "-1 of 5"}), ExitsWith(kDone));
  EXPECT_EQ(alice_.Run({"meta", "get", "mood"}).out, "-1 of 5\n");
  const Outcome wrong = alice_.Run({"send", "--nonsense", "bob", "hi"});
  EXPECT_THAT(wrong, ExitsWith(kWrong));
  EXPECT_THAT(wrong.out, IsEmpty());
  EXPECT_THAT(wrong.err, HasSubstr("--nonsense"));
}

TEST_F(ConvergiaEverydayTest, AWrongCommandLineIsOneLineThatNamesTheHelp) {
  struct Case {
    std::vector<std::string> arguments;
    const char* error;
  };
  const Case cases[] = {
      {{}, "a command is missing; `convergia --help` explains"},
      {{"frob"}, "there is no command frob; `convergia --help` explains"},
      {{"mail"}, "a command is missing after mail; `convergia mail --help` explains"},
      {{"mail", "frob"}, "there is no command mail frob; `convergia mail --help` explains"},
      {{"send"}, "to is required; `convergia send --help` explains"},
  };
  for (const auto& [arguments, error] : cases) {
    const Outcome outcome = alice_.Run(arguments);
    EXPECT_THAT(outcome, FailsWith(kWrong, error));
    EXPECT_THAT(outcome.out, IsEmpty());
    EXPECT_EQ(LinesIn(outcome.err), 1) << outcome.err;
  }
}

TEST_F(ConvergiaEverydayTest, NamesThatAreWordsOfTheProtocolStayAsTheyAre) {
  EXPECT_THAT(alice_.Run({"put", "/nix/MOVE", In("x")}), FailsWith(kNotFound, "/nix/MOVE"));
  EXPECT_THAT(alice_.Run({"ls", In("MOVE")}), FailsWith(kNotFound, In("MOVE")));
}

TEST_F(ConvergiaEverydayTest, AFolderDoesNotGoOntoAFile) {
  Put("f", "bytes");
  fs::create_directories(Local("tree"));
  EXPECT_THAT(alice_.Run({"put", Local("tree"), In("f")}),
              FailsWith(kWrong, In("f") + " is a file, not a folder"));
}

TEST_F(ConvergiaEverydayTest, LinksAreWrittenThroughAndNoDeviceIsReplaced) {
  Put("f", "bytes");
  WriteWholeFile(Local("real"), "before");
  fs::create_symlink("real", Local("link"));
  EXPECT_THAT(alice_.Run({"get", In("f"), Local("link")}), ExitsWith(kDone));
  EXPECT_TRUE(fs::is_symlink(Local("link")));
  EXPECT_EQ(ReadWholeFile(Local("real")), "bytes");
  EXPECT_EQ(alice_.Run({"get", In("f"), "-"}).out, "bytes");
  // As /dev/stdout is one. A link of this folder, so that nothing else is at risk.
  fs::create_symlink("/proc/self/fd/1", Local("out"));
  EXPECT_EQ(alice_.Run({"get", In("f"), Local("out")}).out, "bytes");
  EXPECT_TRUE(fs::is_symlink(Local("out")));
  EXPECT_THAT(alice_.Run({"get", In("f"), "/dev/null"}), ExitsWith(kDone));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
}

TEST_F(ConvergiaEverydayTest, RmGoesOnAndErrorsSayWhatAndWhere) {
  for (const char* const name : {"a", "b"}) Put(name, name);
  const Outcome removed = alice_.Run({"rm", In("a"), In("missing"), In("b")});
  EXPECT_THAT(removed, FailsWith(kNotFound, In("missing")));
  EXPECT_EQ(LinesIn(removed.err), 1);
  EXPECT_THAT(removed.err, Not(HasSubstr("LISTFOLDER")));
  EXPECT_THAT(removed.err, HasSubstr("`convergia ls`"));
  EXPECT_EQ(alice_.Run({"ls", folder_}).out, "");
  EXPECT_THAT(alice_.Run({"rm", "-f", In("missing")}), ExitsWith(kDone));
  const Outcome broken = alice_.Run({"ls", In("x\ny")});
  EXPECT_EQ(LinesIn(broken.err), 1) << broken.err;
  EXPECT_THAT(alice_.Run({"ls", In("nix")}), FailsWith(kNotFound, In("nix")));
  EXPECT_THAT(alice_.Run({"--version"}).out, StartsWith("convergia "));
}

TEST_F(ConvergiaEverydayTest, MvNamesThePathThatIsMissing) {
  Put("a", "a");
  EXPECT_THAT(alice_.Run({"mv", In("a"), In("nix/b")}),
              FailsWith(kNotFound, "there is no folder " + In("nix")));
  EXPECT_THAT(alice_.Run({"mv", In("b"), In("c")}), FailsWith(kNotFound, In("b")));
}

TEST_F(ConvergiaEverydayTest, APartOfABrokenOffGetIsNotStored) {
  fs::create_directories(Local("tree"));
  WriteWholeFile(Local("tree/.convergia-ab12-cd34.part"), "half a file");
  WriteWholeFile(Local("tree/.convergia-notes"), "mine");
  EXPECT_EQ(alice_.Run({"put", Local("tree/"), folder_}).out, "1 file copied, 4 B\n");
  EXPECT_EQ(alice_.Run({"ls", "-a", folder_}).out, ".convergia-notes\n");
}

TEST_F(ConvergiaEverydayTest, MvReplacesAFileAsMvDoes) {
  Put("a", "a");
  Put("b", "b");
  EXPECT_THAT(alice_.Run({"mv", "-n", In("a"), In("b")}), FailsWith(kTaken, In("b")));
  EXPECT_THAT(alice_.Run({"mv", In("a"), In("b")}), ExitsWith(kDone));
  EXPECT_EQ(alice_.Run({"cat", In("b")}).out, "a");
  EXPECT_THAT(alice_.Run({"mkdir", In("d"), In("d/b")}), ExitsWith(kDone));
  EXPECT_THAT(alice_.Run({"mv", In("b"), In("d")}), ExitsWith(kTaken));
  EXPECT_THAT(alice_.Run({"mv", In("b"), In("b")}), ExitsWith(kWrong));
}

TEST_F(ConvergiaEverydayTest, SeveralAtOnceGoIntoAFolder) {
  for (const char* const name : {"a", "b"}) WriteWholeFile(Local(name), name);
  EXPECT_THAT(alice_.Run({"put", Local("a"), Local("b"), In("nix")}),
              FailsWith(kNotFound, "no folder"));
  const Outcome put = alice_.Run({"put", Local("a"), Local("none"), Local("b"), folder_});
  EXPECT_THAT(put, FailsWith(kNotFound, Local("none")));
  EXPECT_EQ(put.out, "2 files copied, 1 left out, 2 B\n");
  EXPECT_EQ(LinesIn(put.err), 1) << put.err;
  fs::create_directories(Local("to"));
  EXPECT_THAT(alice_.Run({"get", In("a"), In("b"), Local("to")}), ExitsWith(kDone));
  EXPECT_EQ(ReadWholeFile(Local("to/b")), "b");
  EXPECT_THAT(alice_.Run({"mkdir", In("d")}), ExitsWith(kDone));
  EXPECT_THAT(alice_.Run({"mv", In("a"), In("b"), In("d")}), ExitsWith(kDone));
  EXPECT_EQ(alice_.Run({"ls", In("d")}).out, "a\nb\n");
}

TEST_F(ConvergiaEverydayTest, EveryLineOfAPipeArrivesInOrderOrIsSaidToBeLost) {
  constexpr int kLines = 1'300;
  const pid_t listen = bob_.Start({"listen", absl::StrCat("--count=", kLines)});
  // Until he is there.
  EXPECT_TRUE(Eventually([&] { return alice_.Run({"send", "bob", "0"}).exit_code == kDone; }));
  std::string lines = "/to bob\n";
  for (int i = 1; i < kLines; ++i) absl::StrAppend(&lines, i, "\t \n");
  EXPECT_THAT(alice_.Run({"chat"}, lines), ExitsWith(kDone));
  const Outcome heard = bob_.AwaitEnd(listen);
  int next = 0;
  for (const absl::string_view line : absl::StrSplit(heard.out, '\n', absl::SkipEmpty())) {
    EXPECT_TRUE(absl::StrContains(line, absl::StrCat(" alice: ", next))) << line;
    ++next;
  }
  EXPECT_EQ(next, kLines);
  EXPECT_THAT(heard.out, HasSubstr("alice: 1\t \n"));  // Blanks at the end are text.
  Outcome alone;
  EXPECT_TRUE(Eventually([&] {  // Until all know that he has left.
    alone = alice_.Run({"chat"}, "/to bob\nare you there?\n");
    return alone.exit_code == kOffline;
  }));
  EXPECT_THAT(alone, FailsWith(kOffline, "1 line was not sent or not delivered; the first: bob"));
}

TEST_F(ConvergiaEverydayTest, ALineThatIsTooLongIsRefusedAndTheNextIsSent) {
  ASSERT_OK_AND_ASSIGN(const auto bob, SignIn("edge1", "bob"));
  const Outcome chat =
      alice_.Run({"chat"}, absl::StrCat("/to bob\n", std::string(3'000'000, 'x'), "\nthe next\n"));
  EXPECT_THAT(chat, FailsWith(kWrong, "a message has at most"));
  EXPECT_THAT(bob->NextPush(), Holds(::testing::EndsWith("the next")));
}

// The shell closes the standard stream that the redirection names.
std::vector<std::string> ShellThat(absl::string_view redirection) {
  return {"/bin/sh", "-c", absl::StrCat("exec \"$@\" ", redirection), "sh"};
}

TEST_F(ConvergiaEverydayTest, TwoSourcesOfOneNameAreNotCopiedOntoEachOther) {
  for (const char* const name : {"d1", "d2", "d1/tree", "d2/tree", "to"}) {
    fs::create_directories(Local(name));
  }
  for (const char* const name : {"d1/same", "d2/same", "d1/tree/f", "d2/tree/f", "d2/tree/g"}) {
    WriteWholeFile(Local(name), name);
  }
  const std::string all = "will not overwrite just-created ";
  const Outcome put = alice_.Run({"put", Local("d1/same"), Local("d2/same"), folder_});
  EXPECT_THAT(put, FailsWith(kWrong, all + In("same")));
  EXPECT_EQ(put.out, "1 file copied, 1 left out, 7 B\n");
  EXPECT_EQ(alice_.Run({"cat", In("same")}).out, "d1/same");
  const Outcome trees = alice_.Run({"put", Local("d1/tree"), Local("d2/tree"), folder_});
  EXPECT_THAT(trees, FailsWith(kWrong, all + In("tree/f")));
  EXPECT_EQ(alice_.Run({"cat", In("tree/f")}).out, "d1/tree/f");
  EXPECT_EQ(alice_.Run({"cat", In("tree/g")}).out, "d2/tree/g");
  // A source that fails leaves its name to the next. A source named twice is copied once.
  EXPECT_THAT(alice_.Run({"put", Local("nix/same"), Local("d2/same"), folder_}),
              ExitsWith(kNotFound));
  EXPECT_EQ(alice_.Run({"cat", In("same")}).out, "d2/same");
  EXPECT_THAT(alice_.Run({"put", Local("d1/same"), Local("d1/same"), folder_}), ExitsWith(kDone));

  EXPECT_THAT(alice_.Run({"put", "-q", Local("d1"), Local("d2"), folder_}), ExitsWith(kDone));
  const Outcome get = alice_.Run({"get", In("d1/same"), In("d2/same"), Local("to")});
  EXPECT_THAT(get, FailsWith(kWrong, all + Local("to/same")));
  EXPECT_EQ(ReadWholeFile(Local("to/same")), "d1/same");
  const Outcome both = alice_.Run({"get", In("d1/tree"), In("d2/tree"), Local("to")});
  EXPECT_THAT(both, FailsWith(kWrong, all + Local("to/tree/f")));
  EXPECT_EQ(ReadWholeFile(Local("to/tree/f")), "d1/tree/f");
  EXPECT_EQ(ReadWholeFile(Local("to/tree/g")), "d2/tree/g");
}

TEST_F(ConvergiaEverydayTest, ClosedStandardInputIsNoEmptyFileAndNoEmptyMail) {
  const ConvergiaProgram closed = Launched(ShellThat("<&-"));
  const Outcome put = closed.Run({"put", "-", In("f")});
  EXPECT_GT(put.exit_code, 0);
  EXPECT_THAT(put.err, HasSubstr("Bad file descriptor"));
  EXPECT_EQ(alice_.Run({"ls", "-a", folder_}).out, "");
  const std::string waiting = alice_.Run({"mail", "list"}).out;
  const Outcome mail = closed.Run({"mail", "send", "alice"});
  EXPECT_GT(mail.exit_code, 0);
  EXPECT_THAT(mail.err, HasSubstr("standard input: cannot read: Bad file descriptor"));
  EXPECT_EQ(alice_.Run({"mail", "list"}).out, waiting);
  // An empty standard input is an empty file.
  EXPECT_THAT(alice_.Run({"put", "-", In("f")}), ExitsWith(kDone));
  EXPECT_EQ(alice_.Run({"ls", folder_}).out, "f\n");
}

TEST_F(ConvergiaEverydayTest, AMissingFolderWithASlashIsNotMade) {
  fs::create_directories(Local("tree"));
  WriteWholeFile(Local("tree/f"), "bytes");
  EXPECT_THAT(alice_.Run({"put", "-q", Local("tree"), folder_}), ExitsWith(kDone));
  EXPECT_THAT(alice_.Run({"get", In("tree"), Local("new/")}), FailsWith(kNotFound, Local("new/")));
  EXPECT_FALSE(fs::exists(Local("new")));
  for (const std::string& tree : {Local("tree"), Local("tree/")}) {
    EXPECT_THAT(alice_.Run({"put", tree, In("new/")}),
                FailsWith(kNotFound, "there is no folder " + In("new")));
  }
  EXPECT_THAT(alice_.Run({"put", "-", In("new/")}, "x"),
              FailsWith(kNotFound, "there is no folder " + In("new")));
  EXPECT_EQ(alice_.Run({"ls", folder_}).out, "tree/\n");
  EXPECT_THAT(alice_.Run({"get", In("tree"), Local("new")}), ExitsWith(kDone));
  EXPECT_EQ(ReadWholeFile(Local("new/tree/f")), "bytes");
}

TEST_F(ConvergiaEverydayTest, TheSumMixesWithNoBytesAndSaysWhatWasDone) {
  Put("f", "bytes");
  EXPECT_EQ(alice_.Run({"get", In("f"), Local("g")}).out, "1 file copied, 5 B\n");
  // Another name of standard output, here a pipe.
  fs::create_symlink("/proc/self/fd/1", Local("out"));
  const Outcome piped = Launched(ShellThat("| cat")).Run({"get", In("f"), Local("out")});
  EXPECT_EQ(piped.out, "bytes");
  EXPECT_TRUE(fs::is_symlink(Local("out")));
  fs::create_directories(Local("d"));
  const Outcome onto = alice_.Run({"put", Local("d"), In("f")});
  EXPECT_THAT(onto, FailsWith(kWrong, "is a file, not a folder"));
  EXPECT_EQ(onto.out, "");
  EXPECT_EQ(alice_.Run({"put", Local("d"), In("nix/nix")}).out, "");
  EXPECT_THAT(alice_.Run({"put", "-q", "/proc/version", In("v")}), ExitsWith(kDone));
  EXPECT_EQ(alice_.Run({"put", "/proc/version", In("v")}).out,
            absl::StrCat("0 files copied, 1 already there, ", ReadWholeFile("/proc/version").size(),
                         " B\n"));
}

TEST_F(ConvergiaEverydayTest, HabitsOfCpAreUnderstood) {
  fs::create_directories(Local("tree"));
  for (const char* const name : {"good", "bad\nname", "tree/f", "far"}) {
    WriteWholeFile(Local(name), name);
  }
  const Outcome put = alice_.Run({"put", Local("bad\nname"), Local("good"), folder_});
  EXPECT_THAT(put, FailsWith(kWrong, "line break"));
  EXPECT_EQ(put.out, "1 file copied, 1 left out, 4 B\n");
  EXPECT_EQ(alice_.Run({"cat", In("good")}).out, "good");
  EXPECT_THAT(alice_.Run({"put", "-r", Local("tree"), folder_}), ExitsWith(kDone));
  EXPECT_THAT(alice_.Run({"get", "--recursive", In("tree"), Local("back")}), ExitsWith(kDone));
  EXPECT_EQ(ReadWholeFile(Local("back/tree/f")), "tree/f");
  EXPECT_THAT(alice_.Run({"put", "-", Local("good"), folder_}),
              FailsWith(kWrong, "- stands alone"));
  EXPECT_THAT(alice_.Run({"get", In("good"), In("tree/f"), "-"}),
              FailsWith(kWrong, "- stands alone"));
  fs::create_symlink("../far", Local("tree/link"));
  EXPECT_THAT(alice_.Run({"put", Local("tree"), folder_}), FailsWith(kWrong, "tree/link"));
  EXPECT_THAT(alice_.Run({"put", "-L", Local("tree"), folder_}), ExitsWith(kDone));
  EXPECT_EQ(alice_.Run({"cat", In("tree/link")}).out, "far");
}

}  // namespace
}  // namespace convergia::testing
