#include "tests/cluster/convergia_program.h"

#include <fcntl.h>
#include <glog/logging.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include "absl/strings/str_cat.h"

namespace convergia::testing {
namespace {

constexpr char kProgram[] = "client/convergia";

}  // namespace

ConvergiaProgram::ConvergiaProgram(Options options) : options_(std::move(options)) {
  std::filesystem::create_directories(options_.dir);
  WriteWholeFile(PathOf("password"), absl::StrCat(options_.password, "\n"));
  WriteWholeFile(PathOf("home/.here"), "");
}

std::string ConvergiaProgram::PathOf(absl::string_view name) const {
  const std::string path = absl::StrCat(options_.dir, "/", name);
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  return path;
}

std::vector<std::string> ConvergiaProgram::CommandOf(
    const std::vector<std::string>& arguments) const {
  std::vector<std::string> command = options_.launcher;
  command.insert(command.end(), {kProgram, absl::StrCat("--user=", options_.user),
                                 absl::StrCat("--server=", options_.management),
                                 absl::StrCat("--ca=", options_.ca_file),
                                 absl::StrCat("--password-file=", PathOf("password"))});
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

pid_t ConvergiaProgram::Start(const std::vector<std::string>& arguments,
                              absl::string_view stdin_bytes) const {
  WriteWholeFile(PathOf("stdin"), stdin_bytes);
  setenv("CONVERGIA_HOME", PathOf("home").c_str(), 1);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  const std::string in = PathOf("stdin"), err = PathOf("stderr");
  const std::string out = options_.out.empty() ? PathOf("stdout") : options_.out;
  constexpr int kWrite = O_WRONLY | O_CREAT | O_TRUNC;
  posix_spawn_file_actions_addopen(&files, STDIN_FILENO, in.c_str(), O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, out.c_str(), kWrite, 0600);
  posix_spawn_file_actions_addopen(&files, STDERR_FILENO, err.c_str(), kWrite, 0600);
  std::vector<std::string> command = CommandOf(arguments);
  std::vector<char*> argv;
  for (std::string& argument : command) argv.push_back(argument.data());
  argv.push_back(nullptr);
  pid_t pid = -1;
  CHECK_EQ(posix_spawn(&pid, argv[0], &files, nullptr, argv.data(), environ), 0);
  posix_spawn_file_actions_destroy(&files);
  return pid;
}

Outcome ConvergiaProgram::AwaitEnd(pid_t pid) const {
  int status = 0;
  CHECK_EQ(waitpid(pid, &status, 0), pid);
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1,
          options_.out.empty() ? ReadWholeFile(PathOf("stdout")) : "",
          ReadWholeFile(PathOf("stderr"))};
}

Outcome ConvergiaProgram::Run(const std::vector<std::string>& arguments,
                              absl::string_view stdin_bytes) const {
  return AwaitEnd(Start(arguments, stdin_bytes));
}

std::string ReadWholeFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return std::string((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
}

void WriteWholeFile(const std::string& path, absl::string_view bytes) {
  std::ofstream out(path, std::ios::binary | std::ios::trunc);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size())).flush();
  CHECK(out) << "cannot write " << path;
}

}  // namespace convergia::testing
