#pragma once

#include <google/protobuf/message.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/synchronization/mutex.h"

// The common parts of the main() of every server: flags, configuration, signals, the READY line,
// the log. NodeMain() (node_main.h) puts them together for nodes that join a cluster.
//
//   int main(int argc, char** argv) {
//     node::ShutdownSignal shutdown;  // Before any thread.
//     node::ProgramFlags flags;
//     if (auto done = node::StartProgram(argc, argv, {"mgmt", "..."}, &flags)) return *done;
//     v1::MgmtConfig config;
//     const absl::Status read = node::ReadConfig(flags.config, &config);
//     if (!read.ok() || flags.check) return node::ExitWith(read);
//     ...
//     node::PrintReady({{"name", config.name()}, {"role", "mgmt"}, ...});
//     shutdown.Await();
//     ...
//   }
namespace convergia::node {

struct ProgramFlags {
  std::string config;        // --config=FILE
  bool check = false;        // --check: report mistakes in the configuration, and exit.
  bool init = false;         // --init, only with ProgramFacts::has_init.
  std::string new_operator;  // --new-operator=NAME, only with ProgramFacts::has_init.
};

struct ProgramFacts {
  std::string name;
  std::string description;
  bool has_init = false;
};

// Exit statuses, for scripts.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;    // The program met an error.
inline constexpr int kExitUsage = 2;     // Flags or configuration are wrong.
inline constexpr int kExitExpelled = 3;  // The cluster no longer has a place for this node.

// Reads the flags, starts the log (glog, to stderr, with the messages of gRPC), raises the limit of
// file descriptors, and forbids core dumps unless --core-dumps allows them. Opens closed standard
// streams (common/base/standard_streams.h). Call it before any server or client.
//
// Returns an exit status if the program is to end now: after --help and --version, or after wrong
// flags, which it reports on stderr.
std::optional<int> StartProgram(int argc, char** argv, const ProgramFacts& facts,
                                ProgramFlags* flags);

// Reads a textproto. Errors: those of identity::ReadFileToString(); kInvalidArgument with one line
// "FILE:LINE:COLUMN: text" for each mistake. An unknown field is a mistake.
absl::Status ReadConfig(const std::string& path, google::protobuf::Message* config);
// The same for text that came from `path`.
absl::Status ParseConfig(absl::string_view text, absl::string_view path,
                         google::protobuf::Message* config);

// Writes the text of an error to stderr. Returns kExitOk for OK, kExitUsage for kInvalidArgument
// and kNotFound, and kExitFailed for other errors.
int ExitWith(const absl::Status& status);

// Writes the line "READY key=value ..." to stdout and flushes it. The process that started this
// one can wait for the line.
void PrintReady(const std::vector<std::pair<std::string, std::string>>& facts);

// Blocks SIGTERM and SIGINT, so that Await() can wait for them. Make it before the first thread,
// because threads inherit the blocked signals. After Await() has returned, a further signal ends
// the process at once. One object in a process. It also ignores SIGPIPE and SIGXFSZ, so that such
// writes fail instead.
class ShutdownSignal {
 public:
  ShutdownSignal();

  // Returns at the first SIGTERM, SIGINT or Trigger(). Once.
  void Await() ABSL_LOCKS_EXCLUDED(mu_);

  // True if Await() would return at once.
  bool pending() const;

  // Ends Await(), as SIGTERM does. Does nothing after that: the process stops already, and must do
  // so in order. Thread-safe.
  void Trigger() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  absl::Mutex mu_;
  bool is_over_ ABSL_GUARDED_BY(mu_) = false;  // Await() has returned, or is about to.
};

}  // namespace convergia::node
