// The `convergia` program as people and scripts run it, against fake servers.

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <asio/executor_work_guard.hpp>
#include <asio/post.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <future>
#include <iterator>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/str_split.h"
#include "client/testing/fake_server.h"
#include "client/testing/terminal_program.h"
#include "common/base/clock.h"
#include "common/base/fail.h"
#include "common/line/rows.h"

namespace convergia::client {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kProgram[] = "client/convergia";

struct Outcome {
  int exit_code = -1;
  std::string out;
  std::string err;
};

std::string ReadFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
}

// A program on a terminal. Errors of the terminal fail the test.
class OnTerminal {
 public:
  explicit OnTerminal(const std::vector<std::string>& arguments)
      : program_(TerminalProgram::Start(arguments)) {
    EXPECT_TRUE(program_.ok()) << program_.status();
  }

  void Type(absl::string_view keys) {
    if (!program_.ok()) return;
    const absl::Status status = (*program_)->Type(keys);
    EXPECT_TRUE(status.ok()) << status;
  }
  std::string AwaitShown(absl::string_view wanted) {
    if (!program_.ok()) return "";
    const absl::StatusOr<std::string> shown = (*program_)->AwaitShown(wanted);
    EXPECT_TRUE(shown.ok()) << shown.status();
    return shown.value_or("");
  }
  int AwaitExit() {
    if (!program_.ok()) return -1;
    const absl::StatusOr<int> code = (*program_)->AwaitExit();
    EXPECT_TRUE(code.ok()) << code.status();
    return code.value_or(-1);
  }

 private:
  const absl::StatusOr<std::unique_ptr<TerminalProgram>> program_;
};

class ConvergiaTest : public testing::Test {
 protected:
  ConvergiaTest()
      : home_(absl::StrCat(testing::TempDir(), "/",
                           testing::UnitTest::GetInstance()->current_test_info()->name())),
        ca_(identity::CertificateAuthority::Create(RealClock::Get())),
        edge_(io_, ca_, {Role::kEdge, "edge1"},
              [this](absl::string_view word, absl::string_view data) {
                return AnswerOfEdge(word, data);
              }),
        mgmt_(io_, ca_, {Role::kMgmt, "mgmt"},
              [this](absl::string_view word, absl::string_view data) {
                return AnswerOfManagement(word, data);
              }),
        work_(asio::make_work_guard(io_)) {
    std::filesystem::remove_all(home_);
    std::filesystem::create_directories(home_);
    setenv("CONVERGIA_HOME", home_.c_str(), 1);
    setenv("TERM", "xterm", 1);
    unsetenv("DISPLAY");
    unsetenv("WAYLAND_DISPLAY");
    std::ofstream(CaFile()) << ca_.certificate_pem();
    thread_ = std::thread([this] { io_.run(); });
  }
  ~ConvergiaTest() override {
    io_.stop();
    thread_.join();
  }

  std::string CaFile() const { return home_ + "/cluster.pem"; }
  std::string TicketOf(absl::string_view user) {
    return absl::StrCat("cvt", tickets_, ".of.", user);
  }

  std::string LoginRows(absl::string_view user) {
    const int64_t expires = absl::ToUnixMillis(RealClock::Get().Now() + absl::Hours(24));
    return absl::StrCat("user\t", user, "\nticket\t", TicketOf(user), "\nexpires\t", expires,
                        "\nsession\t1");
  }

  FakeServer::Answer AnswerOfManagement(absl::string_view word, absl::string_view data) {
    const std::vector<std::string> fields = absl::StrSplit(data, '\n');
    if (word == "REGISTERACCOUNT") {
      if (passwords_.contains(fields[0])) return Fail(FailCode::kExists, "alice is taken");
      registering_ = fields;
      return std::string("r1\njpeg of \n~ bytes");
    }
    if (word == "CONFIRMREGISTERACCOUNT") {
      if (data != "r1\nK7TP") return Fail(FailCode::kWrongCaptcha, "not what it shows");
      passwords_[registering_[0]] = registering_[1];
      return std::string(registering_.size() > 2 ? "waiting" : "");
    }
    if (word == "LOGIN") {
      const auto it = passwords_.find(fields[0]);
      const bool good =
          it != passwords_.end() && (fields[1] == it->second || fields[1] == TicketOf(fields[0]));
      if (!good) return Fail(FailCode::kSignInFailed, "wrong password");
      signed_in_ = fields[0];
      return LoginRows(fields[0]);
    }
    if (word == "CHANGEPASSWORD") {
      passwords_[signed_in_] = fields[1];
      return LoginRows(signed_in_);
    }
    if (word == "GETSERVERMAP") {
      const std::string alice = "u1\talice\tclient\toffline\t\t";
      if (!fields[0].empty()) return fields[0] == "n2" ? alice : std::string();
      const std::string servers = absl::StrCat(
          "n1\tmgmt\tmanagementserver\tonline\t\t\n"
          "n2\tedge1\tmainserver\tonline\t",
          map_notes_, "\tn1");
      return map_notes_ == "draining" ? absl::StrCat(servers, "\n", alice) : servers;
    }
    const MainServer edge = edge_.AsMainServer();
    return absl::StrCat(edge.name, "\t", edge.address, "\t", edge.pin);
  }

  FakeServer::Answer AnswerOfEdge(absl::string_view word, absl::string_view data) {
    if (word == "LOGIN") {
      const std::string user(data.substr(0, data.find('\n')));
      if (data != absl::StrCat(user, "\n", TicketOf(user))) {
        return Fail(FailCode::kSignInFailed, "wrong ticket");
      }
      return LoginRows(user);
    }
    if (word != "SENDMESSAGE") return Fail(FailCode::kUnknownCommand, "no");
    if (busy_ > 0 && busy_-- > 0) return Fail(FailCode::kBusy, "the way there is full");
    if (absl::StartsWith(data, "gone\n")) return Fail(FailCode::kUnavailable, "the end");
    if (absl::StartsWith(data, "carol\n")) return Fail(FailCode::kOffline, "carol is not there");
    if (absl::StartsWith(data, "nobody\n")) return Fail(FailCode::kNoSuchUser, "no such user");
    return std::string("1");
  }

  // Runs `work` on the servers' thread and waits for it.
  template <typename Work>
  auto OnServers(Work work) {
    std::packaged_task<decltype(work())()> task(work);
    auto future = task.get_future();
    asio::post(io_, std::move(task));
    return future.get();
  }
  void AddAccount(const std::string& user, const std::string& password) {
    OnServers([&] { passwords_[user] = password; });
  }
  // Voids all tickets and closes all connections, so everybody has to sign in again.
  void EndTicketsAndConnections() {
    OnServers([this] {
      ++tickets_;
      edge_.CloseAll();
    });
  }
  std::vector<std::string> EdgeRequests() {
    return OnServers([this] { return edge_.requests(); });
  }

  std::vector<std::string> Arguments(std::vector<std::string> arguments) {
    const std::vector<std::string> first = {kProgram, "--server=" + mgmt_.address(),
                                            "--ca=" + CaFile()};
    arguments.insert(arguments.begin(), first.begin(), first.end());
    return arguments;
  }

  pid_t Spawn(const std::vector<std::string>& arguments, const std::string& input) {
    std::ofstream(home_ + "/in", std::ios::binary) << input;
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    const auto open = [this, &files](int fd, const char* name, int flags) {
      posix_spawn_file_actions_addopen(&files, fd, (home_ + name).c_str(), flags, 0600);
    };
    open(STDIN_FILENO, "/in", O_RDONLY);
    open(STDOUT_FILENO, "/out", O_WRONLY | O_CREAT | O_TRUNC);
    open(STDERR_FILENO, "/err", O_WRONLY | O_CREAT | O_TRUNC);
    std::vector<char*> argv;
    for (const std::string& argument : arguments)
      argv.push_back(const_cast<char*>(argument.c_str()));
    argv.push_back(nullptr);
    pid_t pid = -1;
    EXPECT_EQ(posix_spawn(&pid, argv[0], &files, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&files);
    return pid;
  }

  Outcome Await(pid_t pid) {
    const absl::StatusOr<int> code = AwaitEnd(pid);
    EXPECT_TRUE(code.ok()) << code.status();
    return {code.value_or(-1), ReadFile(home_ + "/out"), ReadFile(home_ + "/err")};
  }

  Outcome Run(const std::vector<std::string>& arguments, const std::string& input = "") {
    return Await(Spawn(Arguments(arguments), input));
  }

  const std::string home_;
  asio::io_context io_{1};
  const identity::CertificateAuthority ca_;
  std::map<std::string, std::string> passwords_;
  std::vector<std::string> registering_;
  int tickets_ = 1;
  int busy_ = 0;  // This many messages are answered BUSY.
  std::string signed_in_;
  std::string map_notes_ = "draining";  // Longer ones leave no room for users in the same answer.
  FakeServer edge_;
  FakeServer mgmt_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::thread thread_;
};

TEST_F(ConvergiaTest, RegisterAsksForPasswordAndCaptcha) {
  const Outcome outcome =
      Run({"register", "Alice", "--captcha-file=" + home_ + "/pic.jpg"}, "secret\nK7TP\n");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_THAT(outcome.out, HasSubstr("The account alice is yours"));
  EXPECT_THAT(outcome.err, HasSubstr(home_ + "/pic.jpg"));
  EXPECT_EQ(ReadFile(home_ + "/pic.jpg"), "jpeg of \n~ bytes");
  EXPECT_EQ(OnServers([this] { return passwords_["alice"]; }), "secret");
  // Now the profile has the server, the user and a ticket.
  EXPECT_EQ(Await(Spawn({kProgram, "send", "bob", "hi"}, "secret\n")).exit_code, 0);
}

TEST_F(ConvergiaTest, RegisterSendsAnInviteAndSaysWhenAnOperatorDecides) {
  const Outcome outcome = Run({"register", "alice", "--invite=c0de"}, "secret\nK7TP\n");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(OnServers([this] { return registering_.at(2); }), "c0de");
  EXPECT_THAT(outcome.out, HasSubstr("The account alice waits for an operator"));
}

// A desktop that only records which files it was told to open.
class FakeDesktop {
 public:
  explicit FakeDesktop(const std::string& home) : path_(std::getenv("PATH")) {
    std::filesystem::create_directories(home + "/bin");
    const std::string pipe = home + "/opened", program = home + "/bin/xdg-open";
    EXPECT_EQ(mkfifo(pipe.c_str(), 0600), 0);
    fd_ =
        open(pipe.c_str(), O_RDWR | O_CLOEXEC);  // Held open, so that no writer waits for a reader.
    std::ofstream(program) << "#!/bin/sh\necho \"$# $1\" >'" << pipe << "'\n";
    std::filesystem::permissions(program, std::filesystem::perms::owner_all);
    setenv("PATH", absl::StrCat(home, "/bin:", path_).c_str(), 1);
  }
  ~FakeDesktop() {
    setenv("PATH", path_.c_str(), 1);
    close(fd_);
  }

  // The file that was opened; "" if none was during `patience`.
  std::string Opened(absl::Duration patience) {
    pollfd polled = {fd_, POLLIN, 0};
    if (poll(&polled, 1, static_cast<int>(absl::ToInt64Milliseconds(patience))) <= 0) return "";
    char text[4096];
    const ssize_t count = read(fd_, text, sizeof(text));
    return std::string(text, std::max<ssize_t>(count, 0));
  }

 private:
  const std::string path_;
  int fd_ = -1;
};

TEST_F(ConvergiaTest, RegisterOpensThePictureWhereThereIsADesktop) {
  FakeDesktop desktop(home_);
  const std::string picture = home_ + "/pic.jpg";
  const auto run = [&] {
    return Run({"register", "alice", "--captcha-file=" + picture}, "secret\nwrong\n").exit_code;
  };
  EXPECT_EQ(run(), 2);
  EXPECT_EQ(desktop.Opened(absl::ZeroDuration()), "") << "nobody sees it without a desktop";
  for (const char* const sign : {"DISPLAY", "WAYLAND_DISPLAY"}) {
    setenv(sign, ":0", 1);
    EXPECT_EQ(run(), 2);
    unsetenv(sign);
    EXPECT_EQ(desktop.Opened(kProgramPatience), "1 " + picture + "\n") << sign;
  }
}

TEST_F(ConvergiaTest, RegisterGoesOnWhereNothingOpensPictures) {
  const std::string path = std::getenv("PATH");
  setenv("PATH", "/nowhere", 1);
  setenv("DISPLAY", ":0", 1);
  const Outcome outcome =
      Run({"register", "alice", "--captcha-file=" + home_ + "/pic.jpg"}, "secret\nK7TP\n");
  unsetenv("DISPLAY");
  setenv("PATH", path.c_str(), 1);
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
}

TEST_F(ConvergiaTest, RegisterTellsAWrongCaptchaAndATakenName) {
  EXPECT_EQ(Run({"register", "alice"}, "secret\nwrong\n").exit_code, 2);
  AddAccount("alice", "secret");
  const Outcome taken = Run({"register", "alice"}, "secret\n");
  EXPECT_EQ(taken.exit_code, 9);
  EXPECT_EQ(taken.err, "convergia: alice is taken\n");
}

TEST_F(ConvergiaTest, SendTakesTheTextFromTheCommandLineOrStandardInput) {
  AddAccount("alice", "secret");
  const Outcome first = Run({"send", "bob", "hi there", "--user=alice"}, "secret\n");
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_EQ(first.out, "delivered to 1 session of bob\n");
  // The second needs no password: the ticket is kept.
  const Outcome second = Run({"send", "-q", "bob"}, "two\nlines ~\n");
  EXPECT_EQ(second.exit_code, 0) << second.err;
  EXPECT_EQ(second.out, "");
  EXPECT_THAT(EdgeRequests(), testing::Contains("SENDMESSAGE bob\nhi there"));
  EXPECT_THAT(EdgeRequests(), testing::Contains("SENDMESSAGE bob\ntwo\nlines ~"));
}

TEST_F(ConvergiaTest, FailuresHaveTheirExitCodes) {
  AddAccount("alice", "secret");
  const Outcome wrong = Run({"send", "bob", "hi", "--user=alice"}, "wrong\n");
  EXPECT_EQ(wrong.exit_code, 2);
  EXPECT_EQ(wrong.err, "convergia: wrong password\n");
  ASSERT_EQ(Run({"send", "bob", "hi", "--user=alice"}, "secret\n").exit_code, 0);
  EXPECT_EQ(Run({"send", "carol", "hi"}).exit_code, 4);
  EXPECT_EQ(Run({"send", "nobody", "hi"}).exit_code, 5);
  EXPECT_EQ(Run({"send", "b/b", "hi"}).exit_code, 1);
  EXPECT_EQ(Run({"send"}).exit_code, 1);
  EXPECT_EQ(Run({"send", "bob", std::string(1, '\n'), "--profile=.."}).exit_code, 1);
}

TEST_F(ConvergiaTest, UnreachableServerIsTold) {
  const Outcome outcome = Await(Spawn(
      {kProgram, "map", "--server=127.0.0.1:1", "--user=alice", "--ca=" + CaFile()}, "secret\n"));
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("127.0.0.1:1"));
}

TEST_F(ConvergiaTest, FirstContactNeedsAnAuthorityToTrust) {
  AddAccount("alice", "secret");
  const std::string server = "--server=" + mgmt_.address();
  const Outcome none = Await(Spawn({kProgram, "map", server, "--user=alice"}, "secret\n"));
  EXPECT_EQ(none.exit_code, 6);
  EXPECT_THAT(none.err, HasSubstr("--ca-fingerprint"));
  const Outcome other = Await(
      Spawn({kProgram, "map", server, "--user=alice", "--ca-fingerprint=" + std::string(64, '0')},
            "secret\n"));
  EXPECT_EQ(other.exit_code, 6);
  const Outcome right = Await(
      Spawn({kProgram, "map", server, "--user=alice", "--ca-fingerprint=" + ca_.fingerprint()},
            "secret\n"));
  EXPECT_EQ(right.exit_code, 0) << right.err;
  EXPECT_EQ(Await(Spawn({kProgram, "map"}, "")).exit_code, 0);  // Pinned, and a ticket.
}

TEST_F(ConvergiaTest, OnlyTheTopHelpListsExitStatuses) {
  EXPECT_THAT(Run({"--help"}).out, HasSubstr("Exit status:\n  0  done\n"));
  const std::vector<std::vector<std::string>> commands = {
      {"ls"}, {"send"}, {"map"}, {"mail"}, {"mail", "list"}, {"meta", "set"}};
  for (std::vector<std::string> command : commands) {
    command.push_back("--help");
    const Outcome help = Run(command);
    EXPECT_EQ(help.exit_code, 0);
    EXPECT_THAT(help.out, HasSubstr("--help"));
    EXPECT_THAT(help.out, Not(HasSubstr("Exit status"))) << command.front();
  }
}

TEST_F(ConvergiaTest, PasswordMayComeFromAFile) {
  AddAccount("alice", "secret");
  std::ofstream(home_ + "/password") << "secret\n";
  EXPECT_EQ(Run({"send", "--user=alice", "--password-file=" + home_ + "/password", "bob"}, "body")
                .exit_code,
            0);
  EXPECT_THAT(EdgeRequests(), testing::Contains("SENDMESSAGE bob\nbody"));
}

TEST_F(ConvergiaTest, MapShowsNamesInATable) {
  AddAccount("alice", "secret");
  const Outcome table = Run({"map", "--user=alice"}, "secret\n");
  EXPECT_EQ(table.exit_code, 0) << table.err;
  EXPECT_EQ(table.out,
            "NAME   TYPE              STATUS   CONNECTED TO  NOTES\n"
            "mgmt   managementserver  online\n"
            "edge1  mainserver        online   mgmt          draining\n"
            "alice  client            offline\n");
  const Outcome rows = Run({"map", "--tab", "--servers"});
  EXPECT_EQ(rows.out,
            "n1\tmgmt\tmanagementserver\tonline\t\t\n"
            "n2\tedge1\tmainserver\tonline\tdraining\tn1\n");
}

TEST_F(ConvergiaTest, AMapOfSeveralAnswersIsShownWhole) {
  AddAccount("alice", "secret");
  OnServers([this] { map_notes_ = std::string(500'000, 'x'); });
  const Outcome rows = Run({"map", "--tab", "--user=alice"}, "secret\n");
  EXPECT_EQ(rows.exit_code, 0) << rows.err;
  EXPECT_EQ(std::count(rows.out.begin(), rows.out.end(), '\n'), 3);
  EXPECT_THAT(rows.out, testing::EndsWith("\nu1\talice\tclient\toffline\t\t\n"));
}

TEST_F(ConvergiaTest, PasswdChangesThePasswordAndKeepsTheNewTicket) {
  AddAccount("alice", "old");
  const Outcome outcome = Run({"passwd", "--user=alice"}, "old\nnew\n");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  EXPECT_EQ(OnServers([this] { return passwords_["alice"]; }), "new");
  EXPECT_EQ(Run({"map"}).exit_code, 0);
}

TEST_F(ConvergiaTest, ListenPrintsMessagesSafely) {
  AddAccount("alice", "secret");
  ASSERT_EQ(Run({"map", "--user=alice"}, "secret\n").exit_code, 0);
  OnTerminal listen(Arguments({"listen", "--count=2"}));
  listen.AwaitShown("listening at edge1");
  OnServers([this] {
    edge_.Push("RECEIVEMESSAGE", "bob\n1700000000000\nhi \033[2J");
    edge_.Push("RECEIVEMESSAGE", "bob\n1700000000000\nbye");
  });
  const std::string shown = listen.AwaitShown("bob: bye");
  EXPECT_THAT(shown, HasSubstr("bob: hi ?[2J"));
  EXPECT_EQ(listen.AwaitExit(), 0);
}

TEST_F(ConvergiaTest, ChatTakesLinesFromAPipe) {
  AddAccount("alice", "secret");
  const Outcome outcome =
      Run({"chat", "--user=alice"},
          "secret\n/to bob\nfirst\n/msg carol second\n/nonsense\n/to\nbob: third");
  EXPECT_EQ(outcome.exit_code, 4) << outcome.err;  // Of the first that was lost.
  EXPECT_THAT(outcome.err, HasSubstr("2 lines were not sent or not delivered; the first: carol"));
  EXPECT_THAT(EdgeRequests(), testing::Contains("SENDMESSAGE bob\nfirst"));
  EXPECT_THAT(EdgeRequests(), testing::Contains("SENDMESSAGE carol\nsecond"));
  EXPECT_THAT(EdgeRequests(), testing::Contains("SENDMESSAGE bob\nthird"));
  EXPECT_THAT(outcome.out, HasSubstr("not delivered to carol: \"second\": carol is not there"));
  EXPECT_THAT(outcome.out, HasSubstr("there is no /nonsense"));
}

TEST_F(ConvergiaTest, WithoutAConnectionEverythingAfterALineIsLost) {
  AddAccount("alice", "secret");
  const Outcome outcome =
      Run({"chat", "--user=alice"}, "secret\n/to bob\nfirst\n/msg gone second\nthird\n");
  EXPECT_EQ(outcome.exit_code, 3);
  EXPECT_THAT(outcome.err, HasSubstr("1 line and everything after it were not sent"));
  EXPECT_THAT(EdgeRequests(), Not(testing::Contains("SENDMESSAGE bob\nthird")));
}

TEST_F(ConvergiaTest, ALineFromAPipeForWhichThereIsNoRoomIsSentAgainBeforeTheNext) {
  AddAccount("alice", "secret");
  OnServers([this] { busy_ = 3; });
  const Outcome outcome = Run({"chat", "--user=alice"}, "secret\n/to bob\nfirst\nsecond\n");
  EXPECT_EQ(outcome.exit_code, 0) << outcome.err;
  const std::vector<std::string> requests = EdgeRequests();
  std::vector<std::string> sent;
  std::copy_if(requests.begin(), requests.end(), std::back_inserter(sent),
               [](const std::string& one) { return absl::StartsWith(one, "SENDMESSAGE"); });
  EXPECT_EQ(std::count(sent.begin(), sent.end(), "SENDMESSAGE bob\nfirst"), 4);
  EXPECT_EQ(sent.back(), "SENDMESSAGE bob\nsecond");
}

TEST_F(ConvergiaTest, ATabThatIsTypedInAChatIsSent) {
  AddAccount("alice", "secret");
  ASSERT_EQ(Run({"map", "--user=alice"}, "secret\n").exit_code, 0);
  OnTerminal chat(Arguments({"chat"}));
  chat.AwaitShown("* connected to edge1");
  chat.Type("/msg bob one\ttwo\r/msg carol x\r");
  chat.AwaitShown("not delivered to carol");
  EXPECT_THAT(EdgeRequests(), testing::Contains("SENDMESSAGE bob\none\ttwo"));
  chat.Type("/quit\r");
  EXPECT_EQ(chat.AwaitExit(), 0);
}

TEST_F(ConvergiaTest, ChatAtATerminalKeepsTheLineBeingTyped) {
  AddAccount("alice", "secret");
  OnTerminal chat(Arguments({"chat", "--user=alice"}));
  chat.AwaitShown("Password of alice: ");
  chat.Type("secret\r");
  const std::string greeting = chat.AwaitShown("* connected to edge1");
  EXPECT_THAT(greeting, Not(HasSubstr("secret")));
  chat.Type("/to bob\r");
  chat.AwaitShown("to bob> ");
  chat.Type("half a li");
  chat.AwaitShown("half a li");
  OnServers([this] { edge_.Push("RECEIVEMESSAGE", "bob\n1700000000000\nknock"); });
  chat.AwaitShown("bob: knock");
  chat.AwaitShown("to bob> half a li");  // Shown again, below.
  chat.Type("ne\r/msg carol x\r");
  chat.AwaitShown("not delivered to carol");
  EXPECT_THAT(EdgeRequests(), testing::Contains("SENDMESSAGE bob\nhalf a line"));
  chat.Type("/quit\r");
  EXPECT_EQ(chat.AwaitExit(), 0);
}

TEST_F(ConvergiaTest, ChatWhoseTicketHasEndedAsksForThePasswordAndGoesOn) {
  AddAccount("alice", "secret");
  ASSERT_EQ(Run({"map", "--user=alice"}, "secret\n").exit_code, 0);
  OnTerminal chat(Arguments({"chat"}));
  chat.AwaitShown("* connected to edge1");
  EndTicketsAndConnections();
  chat.AwaitShown("press Enter to give your password");
  chat.Type("\r");
  chat.AwaitShown("Password: ");
  chat.Type("secret\r");
  EXPECT_THAT(chat.AwaitShown("* connected to edge1"), Not(HasSubstr("secret")));
  chat.Type("/msg carol x\r");
  chat.AwaitShown("not delivered to carol");
  chat.Type("/quit\r");
  EXPECT_EQ(chat.AwaitExit(), 0);
}

TEST_F(ConvergiaTest, ListenWhoseTicketHasEndedTakesThePasswordOfItsFile) {
  AddAccount("alice", "secret");
  std::ofstream(home_ + "/password") << "secret\n";
  ASSERT_EQ(Run({"map", "--user=alice"}, "secret\n").exit_code, 0);
  OnTerminal listen(Arguments({"listen", "--count=1", "--password-file=" + home_ + "/password"}));
  listen.AwaitShown("listening at edge1");
  EndTicketsAndConnections();
  listen.AwaitShown("listening at edge1");
  OnServers([this] { edge_.Push("RECEIVEMESSAGE", "bob\n1700000000000\nhi"); });
  listen.AwaitShown("bob: hi");
  EXPECT_EQ(listen.AwaitExit(), 0);
}

TEST_F(ConvergiaTest, CtrlCAtThePasswordLeavesTheTerminal) {
  OnTerminal chat(Arguments({"chat", "--user=alice"}));
  chat.AwaitShown("Password of alice: ");
  chat.Type("\003");
  EXPECT_EQ(chat.AwaitExit(), 10);
}

}  // namespace
}  // namespace convergia::client
