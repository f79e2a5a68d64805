#pragma once

#include <google/protobuf/message.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

// What the main() of every server has in common: flags, configuration, signals, the READY line, the
// log.
//
//   int main(int argc, char** argv) {
//     node::ShutdownSignal shutdown;  // First of all: before any thread.
//     node::ProgramFlags flags;
//     if (auto done = node::StartProgram(argc, argv, {"edge", "Serves clients."}, &flags)) return
//     *done; v1::EdgeConfig config; if (absl::Status read = node::ReadConfig(flags.config,
//     &config); !read.ok()) {
//       return node::ExitWith(read);
//     }
//     if (flags.check) return node::ExitWith(edge::CheckConfig(config));
//     ...
//     node::PrintReady({{"name", config.name()}, {"role", "edge"}, ...});
//     shutdown.Await();
//     ...
//   }
namespace convergia::node {

struct ProgramFlags {
  std::string config;        // --config=FILE
  bool check = false;        // --check: say what is wrong with the configuration, and exit.
  bool init = false;         // --init, and
  std::string new_operator;  // --new-operator=NAME: for programs that have them.
};

struct ProgramFacts {
  std::string name;
  std::string description;
  bool has_init = false;
};

// Exit statuses, for scripts.
inline constexpr int kExitOk = 0;
inline constexpr int kExitFailed = 1;    // What the program tried failed.
inline constexpr int kExitUsage = 2;     // Flags or configuration are wrong.
inline constexpr int kExitExpelled = 3;  // The cluster has no place for this node any more.

// Reads the flags, and starts the log (glog, to stderr; gRPC's messages go there too). Returns an
// exit status if the program is to end now: after --help and --version, or with wrong flags, about
// which it has then told people. Opens closed standard streams: see common/base/standard_streams.h.
std::optional<int> StartProgram(int argc, char** argv, const ProgramFacts& facts,
                                ProgramFlags* flags);

// Reads a textproto. Errors: kNotFound and the like for the file; kInvalidArgument with one line
// "FILE:LINE:COLUMN: what is wrong" for each mistake; unknown fields are mistakes.
absl::Status ReadConfig(const std::string& path, google::protobuf::Message* config);
// The same for text that came from `path`.
absl::Status ParseConfig(absl::string_view text, absl::string_view path,
                         google::protobuf::Message* config);

// Tells people (stderr) what is wrong, if anything, and returns the exit status for it.
int ExitWith(const absl::Status& status);

// "READY key=value ..." on stdout, flushed: the sign for whoever started this program.
void PrintReady(const std::vector<std::pair<std::string, std::string>>& facts);

// SIGTERM and SIGINT, awaited instead of handled. Make it before the first thread: threads inherit
// that these signals wait. A second one of them, after Await() has returned, ends the process at
// once. One a process. Also ignores SIGPIPE and SIGXFSZ: such writes fail instead.
class ShutdownSignal {
 public:
  ShutdownSignal();

  // Returns at the first SIGTERM, SIGINT or Trigger().
  void Await();

  // Whether Await() would return at once.
  bool pending() const;

  // The same as a signal, from within: any thread.
  void Trigger();
};

}  // namespace convergia::node
