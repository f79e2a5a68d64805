#include "tools/devcluster/process.h"

#include <fcntl.h>
#include <glog/logging.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "common/base/status_macros.h"

namespace convergia::devcluster {
namespace {

absl::Status SystemError(absl::string_view what, int error) {
  return absl::UnavailableError(absl::StrCat(what, ": ", strerror(error)));
}

std::vector<char*> Pointers(const std::vector<std::string>& strings) {
  std::vector<char*> pointers;
  for (const std::string& string : strings) pointers.push_back(const_cast<char*>(string.c_str()));
  pointers.push_back(nullptr);
  return pointers;
}

std::vector<std::string> Environment(const std::vector<std::string>& extra) {
  std::vector<std::string> all = extra;  // Ours come first, because getenv() returns the first
                                         // match.
  for (char** entry = environ; *entry != nullptr; ++entry) all.push_back(*entry);
  return all;
}

// The data for the child between fork() and exec(), where it must not allocate.
struct ChildPlan {
  pid_t parent;
  int out, err;      // -1: inherited from us.
  int failure_pipe;  // Receives errno if exec() fails; exec() closes it.
  char** arguments;
  char** environment;
};

[[noreturn]] void BecomeProgram(const ChildPlan& plan) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != plan.parent) _exit(127);  // The parent died before the call above.
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  if (plan.out >= 0) {
    const int nothing = open("/dev/null", O_RDONLY);
    dup2(nothing, STDIN_FILENO);
    dup2(plan.out, STDOUT_FILENO);
    dup2(plan.err, STDERR_FILENO);
  }
  // The program gets only the standard streams. That exec() closes the failure pipe tells Spawn()
  // of its success.
  close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
  execve(plan.arguments[0], plan.arguments, plan.environment);
  const int error = errno;
  [[maybe_unused]] const ssize_t told = write(plan.failure_pipe, &error, sizeof(error));
  _exit(127);
}

bool IsProgram(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error) && access(path.c_str(), X_OK) == 0;
}

}  // namespace

absl::StatusOr<std::unique_ptr<Process>> Process::Start(Options options) {
  std::unique_ptr<Process> process(new Process(std::move(options)));
  process->thread_ = std::thread([process = process.get()] { process->Run(); });
  absl::MutexLock lock(&process->mu_);
  process->mu_.Await(absl::Condition(
      +[](std::optional<absl::Status>* started) { return started->has_value(); },
      &process->started_));
  CVG_RETURN_IF_ERROR(*process->started_);
  return process;
}

Process::~Process() {
  Signal(SIGKILL);
  if (thread_.joinable()) thread_.join();
}

void Process::Signal(int signal) {
  absl::MutexLock lock(&mu_);
  if (pid_ > 0 && !wait_status_.has_value()) kill(pid_, signal);
}

void Process::Stop() {
  constexpr absl::Duration kLookAgainAfter = absl::Milliseconds(1);
  Signal(SIGSTOP);
  absl::MutexLock lock(&mu_);
  while (pid_ > 0 && !wait_status_.has_value()) {
    siginfo_t info = {};
    // Reports the stop once all threads have stopped. WNOWAIT leaves the report for later calls.
    const int found = waitid(P_PID, pid_, &info, WSTOPPED | WNOHANG | WNOWAIT);
    if (found != 0 || info.si_pid == pid_) return;
    mu_.AwaitWithTimeout(
        absl::Condition(
            +[](std::optional<int>* status) { return status->has_value(); }, &wait_status_),
        kLookAgainAfter);
  }
}

std::optional<int> Process::AwaitExit(absl::Duration timeout) {
  absl::MutexLock lock(&mu_);
  mu_.AwaitWithTimeout(
      absl::Condition(
          +[](std::optional<int>* status) { return status->has_value(); }, &wait_status_),
      timeout);
  return wait_status_;
}

void Process::Run() {
  const absl::Status spawned = Spawn();
  {
    absl::MutexLock lock(&mu_);
    started_ = spawned;
  }
  if (spawned.ok()) {
    ReadUntilExit();
    Collect();
  }
  for (const int descriptor : {log_, out_}) {
    if (descriptor >= 0) close(descriptor);
  }
}

absl::Status Process::Spawn() {
  int failure[2], out[2] = {-1, -1};
  if (!options_.log.empty()) {
    log_ = open(options_.log.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
    if (log_ < 0) return SystemError(options_.log, errno);
    if (pipe2(out, O_CLOEXEC) != 0) return SystemError("pipe", errno);
    out_ = out[0];
    fcntl(out_, F_SETFL, O_NONBLOCK);
  }
  const auto close_out = absl::MakeCleanup([&] { close(out[1]); });
  if (pipe2(failure, O_CLOEXEC) != 0) return SystemError("pipe", errno);
  const auto close_failure = absl::MakeCleanup([&] { close(failure[0]); });
  const std::vector<std::string> environment = Environment(options_.environment);
  const std::vector<char*> argument_pointers = Pointers(options_.arguments);
  const std::vector<char*> environment_pointers = Pointers(environment);
  const ChildPlan plan = {getpid(),
                          out[1],
                          log_,
                          failure[1],
                          const_cast<char**>(argument_pointers.data()),
                          const_cast<char**>(environment_pointers.data())};
  const pid_t pid = fork();
  if (pid == 0) BecomeProgram(plan);
  const int fork_error = errno;
  close(failure[1]);
  if (pid < 0) return SystemError("fork", fork_error);
  int error = 0;
  // Reads nothing if the program runs, because exec() closed the other end.
  if (read(failure[0], &error, sizeof(error)) == sizeof(error)) {
    waitpid(pid, nullptr, 0);
    return SystemError(options_.arguments[0], error);
  }
  absl::MutexLock lock(&mu_);
  pid_ = pid;
  return absl::OkStatus();
}

void Process::ReadUntilExit() {
  const int handle = static_cast<int>(syscall(SYS_pidfd_open, pid_, 0));
  PCHECK(handle >= 0) << "pidfd_open";
  pollfd waits[] = {{handle, POLLIN, 0}, {out_, POLLIN, 0}};
  while (true) {
    poll(waits, 2, -1);
    if ((waits[1].revents & (POLLIN | POLLHUP)) != 0 && !ReadSome()) {
      if ((waits[1].revents & POLLHUP) != 0) waits[1].fd = -1;  // The child only closed its output.
    }
    if (waits[0].revents != 0) break;
  }
  while (out_ >= 0 && ReadSome()) {
  }
  close(handle);
}

bool Process::ReadSome() {
  char bytes[4096];
  const ssize_t count = read(out_, bytes, sizeof(bytes));
  if (count <= 0) return false;
  [[maybe_unused]] const ssize_t logged = write(log_, bytes, count);
  partial_.append(bytes, count);
  size_t end;
  while ((end = partial_.find('\n')) != std::string::npos) {
    if (options_.on_line) options_.on_line(absl::string_view(partial_).substr(0, end));
    partial_.erase(0, end + 1);
  }
  constexpr size_t kLineBytesMax = 64 * 1024;
  if (partial_.size() > kLineBytesMax) partial_.clear();
  return true;
}

void Process::Collect() {
  int wait_status = 0;
  {
    // The child has ended, so waitpid() does not block. Under the lock, so that Signal() never hits
    // another process.
    absl::MutexLock lock(&mu_);
    PCHECK(waitpid(pid_, &wait_status, 0) == pid_) << "waitpid";
    wait_status_ = wait_status;
  }
  if (options_.on_exit) options_.on_exit(wait_status);
}

std::string DescribeWaitStatus(int wait_status) {
  if (WIFEXITED(wait_status)) return absl::StrCat("exit status ", WEXITSTATUS(wait_status));
  const int signal = WTERMSIG(wait_status);
  return absl::StrCat("signal ", signal, " (", strsignal(signal), ")");
}

absl::StatusOr<std::string> FindProgram(absl::string_view path) {
  const char* runfiles = std::getenv("TEST_SRCDIR");
  const char* workspace = std::getenv("TEST_WORKSPACE");
  if (runfiles != nullptr && workspace != nullptr) {
    const std::string candidate = absl::StrCat(runfiles, "/", workspace, "/", path);
    if (IsProgram(candidate)) return candidate;
  }
  std::error_code error;
  std::filesystem::path folder = std::filesystem::read_symlink("/proc/self/exe", error);
  while (folder.has_relative_path()) {
    folder = folder.parent_path();
    const std::string candidate = folder / std::string(path);
    if (IsProgram(candidate)) return candidate;
  }
  return absl::NotFoundError(absl::StrCat("the program ", path,
                                          " is not built: run  bazel build //",
                                          path.substr(0, path.rfind('/')), ":all"));
}

}  // namespace convergia::devcluster
