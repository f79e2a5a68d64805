#include "common/node/program/program.h"

#include <errno.h>
#include <glog/logging.h>
#include <google/protobuf/io/tokenizer.h>
#include <google/protobuf/text_format.h>
#include <grpc/support/log.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <sstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "common/base/clock.h"
#include "common/base/descriptors.h"
#include "common/base/standard_streams.h"
#include "common/base/status_macros.h"
#include "common/base/version.h"
#include "common/identity/files.h"
#include "common/node/program/log_sampler.h"
#include "common/rpc/auth/peer.h"

namespace convergia::node {
namespace {

class ErrorLines final : public google::protobuf::io::ErrorCollector {
 public:
  explicit ErrorLines(absl::string_view path) : path_(path) {}

  // Lines and columns count from 0 here. Line -1 means the end of the text.
  void AddError(int line, int column, const std::string& message) override {
    lines_.push_back(line < 0 ? absl::StrCat(path_, ": ", message)
                              : absl::StrCat(path_, ":", line + 1, ":", column + 1, ": ", message));
  }

  std::string Text() const { return absl::StrJoin(lines_, "\n"); }

 private:
  const std::string path_;
  std::vector<std::string> lines_;
};

// Strangers can put text into the messages of gRPC: the server name of a handshake, for one. So
// they go through a LogSampler.
void LogOfGrpc(gpr_log_func_args* args) {
  static auto* const sampler = new LogSampler;
  const bool is_error = args->severity == GPR_LOG_SEVERITY_ERROR;
  if (!is_error && !VLOG_IS_ON(1)) return;
  const auto line =
      sampler->Take(rpc::WithPlainAddresses(args->message), RealClock::Get().Elapsed());
  if (!line.has_value()) return;
  // Most errors are failed handshakes, which deserve a warning at most.
  google::LogMessage(args->file, args->line, is_error ? google::GLOG_WARNING : google::GLOG_INFO)
          .stream()
      << "grpc: " << *line;
}

// The memory has keys and passwords. So there are no core dumps, and only root may trace the
// process.
void KeepMemoryPrivate() {
#ifndef __SANITIZE_ADDRESS__  // The leak check traces the process.
  const rlimit none = {0, 0};
  (void)setrlimit(RLIMIT_CORE, &none);
  (void)prctl(PR_SET_DUMPABLE, 0);
#endif
}

sigset_t AwaitedSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  return signals;
}

}  // namespace

std::optional<int> StartProgram(int argc, char** argv, const ProgramFacts& facts,
                                ProgramFlags* flags) {
  OpenStandardStreams(argv, ClosedStream::kDiscards);
  CLI::App app(facts.description, facts.name);
  app.set_version_flag("--version", VersionText(facts.name));
  app.add_option("--config", flags->config, "Configuration, a textproto (see config.proto)")
      ->required();
  app.add_flag("--check", flags->check, "Check the configuration, then exit");
  bool core_dumps = false;
  app.add_flag("--core-dumps", core_dumps,
               "Let the kernel write this process's memory to a file if it crashes");
  if (facts.has_init) {
    CLI::Option* const init =
        app.add_flag("--init", flags->init, "Make keys, certificates and the store, then exit");
    app.add_option("--new-operator", flags->new_operator,
                   "Make a key and a certificate for this operator, new or not, then exit; while "
                   "the server does not run")
        ->excludes(init);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    std::ostringstream out;  // The parser throws for --help and --version too.
    if (app.exit(error, out, std::cerr) != 0) return kExitUsage;
    return ExitWith(PrintToStandardOutput(out.str()));
  }
  RaiseDescriptorLimit();
  if (!core_dumps) KeepMemoryPrivate();
  // Debian builds Abseil with debugging checks. This check takes a global lock for each Mutex lock.
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
  FLAGS_logtostderr = true;
  FLAGS_log_prefix = true;
  google::InitGoogleLogging(facts.name.c_str());
  gpr_set_log_function(LogOfGrpc);
  return std::nullopt;
}

absl::Status ReadConfig(const std::string& path, google::protobuf::Message* config) {
  CVG_ASSIGN_OR_RETURN(const std::string text, identity::ReadFileToString(path));
  return ParseConfig(text, path, config);
}

absl::Status ParseConfig(absl::string_view text, absl::string_view path,
                         google::protobuf::Message* config) {
  ErrorLines errors(path);
  google::protobuf::TextFormat::Parser parser;
  parser.RecordErrorsTo(&errors);
  if (parser.ParseFromString(std::string(text), config)) return absl::OkStatus();
  return absl::InvalidArgumentError(errors.Text());
}

int ExitWith(const absl::Status& status) {
  if (status.ok()) return kExitOk;
  std::cerr << status.message() << std::endl;
  return absl::IsInvalidArgument(status) || absl::IsNotFound(status) ? kExitUsage : kExitFailed;
}

void PrintReady(const std::vector<std::pair<std::string, std::string>>& facts) {
  std::cout << "READY " << absl::StrJoin(facts, " ", absl::PairFormatter("=")) << std::endl;
}

ShutdownSignal::ShutdownSignal() {
  const sigset_t signals = AwaitedSignals();
  CHECK_EQ(pthread_sigmask(SIG_BLOCK, &signals, nullptr), 0);
  signal(SIGPIPE, SIG_IGN);  // A write to a peer that is gone then fails with EPIPE.
  signal(SIGXFSZ, SIG_IGN);  // A write beyond the size limit of files then fails with EFBIG.
}

void ShutdownSignal::Await() {
  const sigset_t signals = AwaitedSignals();
  int got = 0;
  CHECK_EQ(sigwait(&signals, &got), 0);
  LOG(INFO) << "stopping (" << strsignal(got) << "); the same again stops at once";
  absl::MutexLock lock(&mu_);
  is_over_ = true;
  // A signal that Trigger() sent meanwhile would end the process now.
  const timespec at_once = {};
  while (sigtimedwait(&signals, nullptr, &at_once) > 0) {
  }
  CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &signals, nullptr), 0);
}

bool ShutdownSignal::pending() const {
  sigset_t waiting;
  CHECK_EQ(sigpending(&waiting), 0);
  return sigismember(&waiting, SIGTERM) == 1 || sigismember(&waiting, SIGINT) == 1;
}

void ShutdownSignal::Trigger() {
  absl::MutexLock lock(&mu_);
  if (!is_over_) PCHECK(kill(getpid(), SIGTERM) == 0);
}

}  // namespace convergia::node
