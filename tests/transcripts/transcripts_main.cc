// Plays the transcripts named on the command line, each against a cluster of its own, and compares.
// With --rewrite it writes what came, into the checkout when run by `bazel run`.

#include <glog/logging.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/base/status_macros.h"
#include "common/identity/files.h"
#include "tests/transcripts/player.h"
#include "tests/transcripts/transcript.h"
#include "tools/devcluster/cluster.h"

namespace convergia::testing {
namespace {

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

absl::StatusOr<std::unique_ptr<devcluster::Cluster>> StartCluster(const Transcript& transcript,
                                                                  const std::string& dir) {
  devcluster::Cluster::Options options;
  options.dir = dir;
  options.counts.edges = transcript.edges;
  options.counts.datamgr = transcript.storage ? 1 : 0;
  options.counts.dataservers_nonvolatile = transcript.storage ? 1 : 0;
  for (const std::string& name : transcript.accounts) {
    options.accounts.push_back({name, absl::StrCat("pw-", name)});
  }
  CVG_ASSIGN_OR_RETURN(auto cluster, devcluster::Cluster::Create(std::move(options)));
  CVG_RETURN_IF_ERROR(cluster->Start());
  return cluster;
}

// The transcript as it came out.
absl::StatusOr<Transcript> Play(Transcript transcript, const std::string& dir, bool* same) {
  CVG_ASSIGN_OR_RETURN(const auto cluster, StartCluster(transcript, dir));
  Player player(cluster.get());
  for (Step& step : transcript.steps) {
    CVG_ASSIGN_OR_RETURN(std::vector<std::string> results, player.Play(step));
    if (results != step.results) {
      *same = false;
      std::cerr << absl::StrJoin(step.commands, "\n") << "\n---- should be\n"
                << absl::StrJoin(step.results, "\n") << "\n---- is\n"
                << absl::StrJoin(results, "\n") << "\n\n";
    }
    step.results = std::move(results);
  }
  return transcript;
}

absl::Status PlayFile(const std::string& file, bool rewrite, bool* same) {
  CVG_ASSIGN_OR_RETURN(const std::string text, identity::ReadFileToString(file));
  CVG_ASSIGN_OR_RETURN(Transcript transcript, ParseTranscript(text));
  const std::string base = Variable("TEST_TMPDIR").empty() ? "/tmp" : Variable("TEST_TMPDIR");
  const std::string dir = absl::StrCat(base, "/transcript-",
                                       std::filesystem::path(file).stem().string(), "-", getpid());
  std::filesystem::create_directories(dir);
  absl::StatusOr<Transcript> played = Play(std::move(transcript), dir, same);
  if (played.ok()) std::filesystem::remove_all(dir);
  CVG_RETURN_IF_ERROR(played.status());
  if (!rewrite) return absl::OkStatus();
  const std::string workspace = Variable("BUILD_WORKSPACE_DIRECTORY");
  const std::string target = workspace.empty() ? file : absl::StrCat(workspace, "/", file);
  return identity::WriteFileAtomically(target, PrintTranscript(*played), 0644);
}

int Run(const std::vector<std::string>& arguments) {
  bool rewrite = false;
  std::vector<std::string> files;
  for (const std::string& argument : arguments) {
    if (argument == "--rewrite") {
      rewrite = true;
    } else {
      files.push_back(argument);
    }
  }
  if (files.empty()) std::cerr << "which transcripts? name their files\n";
  bool good = !files.empty();
  for (const std::string& file : files) {
    bool same = true;
    const absl::Status status = PlayFile(file, rewrite, &same);
    const std::string outcome = !status.ok() ? status.ToString()
                                : same       ? "as written"
                                : rewrite    ? "rewritten; read the difference"
                                             : "differs; if that is meant, --rewrite it";
    std::cerr << file << ": " << outcome << "\n";
    good = good && status.ok() && (same || rewrite);
  }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace convergia::testing

int main(int argc, char** argv) {
  FLAGS_logtostderr = true;
  google::InitGoogleLogging(argv[0]);
  return convergia::testing::Run(std::vector<std::string>(argv + 1, argv + argc));
}
