// The cost of messages and sessions, beside NATS in the same run where Debian's nats-server is
// installed. bench/README.md says what each number means.
//
//   bazel run //bench:messages -- --rounds=3
#include <glog/logging.h>

#include <algorithm>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/load/lineup.h"
#include "bench/load/load.h"
#include "common/base/status_macros.h"

ABSL_FLAG(int, pairs, 50, "pairs of one sender and one receiver");
ABSL_FLAG(int, in_flight, 32, "messages under way per sender");
ABSL_FLAG(int, many_pairs, 1000, "pairs where each sender has one message under way");
ABSL_FLAG(int, rate, 10'000, "messages a second where that is fixed");
ABSL_FLAG(int, sessions, 1000, "sessions that sign in and then do nothing");
ABSL_FLAG(int, body_bytes, 200, "bytes per message");
ABSL_FLAG(int, seconds, 5, "how long to measure each line");
ABSL_FLAG(int, rounds, 1, "how often to measure each line; the median counts");
ABSL_FLAG(std::string, dir, "", "where the cluster lives; default: a new directory under /tmp");

namespace convergia::bench {
namespace {

constexpr int kWarmUpSessions = 100;

// One measured line of messages.
struct Line {
  LoadResult result;
  double cpu_us = 0;  // A message.
};

using MakeLoad = std::function<Lineup::Load()>;

absl::StatusOr<Line> MeasureOnce(const MakeLoad& make_load, LoadOptions options) {
  Lineup::Load load = make_load();
  options.run = absl::Seconds(absl::GetFlag(FLAGS_seconds));
  options.server_pids = load.server_pids;
  CVG_ASSIGN_OR_RETURN(const LoadResult result, RunLoad(std::move(load.connections), options));
  if (result.messages == 0) return absl::InternalError("no message was answered");
  return Line{result,
              absl::ToDoubleMicroseconds(result.server_cpu) / static_cast<double>(result.messages)};
}

// The median of all rounds, by CPU.
absl::StatusOr<Line> Measure(const MakeLoad& make_load, const LoadOptions& options) {
  std::vector<Line> rounds;
  for (int round = 0; round < absl::GetFlag(FLAGS_rounds); ++round) {
    CVG_ASSIGN_OR_RETURN(const Line line, MeasureOnce(make_load, options));
    rounds.push_back(line);
  }
  std::sort(rounds.begin(), rounds.end(),
            [](const Line& a, const Line& b) { return a.cpu_us < b.cpu_us; });
  return rounds[rounds.size() / 2];
}

void PrintLine(absl::string_view name, const Line& line, absl::string_view ratio) {
  const LoadResult& result = line.result;
  std::cout << absl::StrFormat(
                   "  %-34s %10.0f /s %8.2f us CPU   p50 %7.0f us   p99 %7.0f us   %s", name,
                   static_cast<double>(result.messages) / absl::ToDoubleSeconds(result.elapsed),
                   line.cpu_us, absl::ToDoubleMicroseconds(result.p50),
                   absl::ToDoubleMicroseconds(result.p99), ratio)
            << std::endl;
}

void PrintTitle(const std::string& title) { std::cout << "\n" << title << std::endl; }

// Us beside a peer: the same number of pairs and messages at both.
struct Comparison {
  std::string title;
  std::string our_name;
  std::string peer_name;
  MakeLoad ours;
  MakeLoad peer;
  LoadOptions options;
};

class Bench {
 public:
  absl::Status Run() {
    const int pairs = absl::GetFlag(FLAGS_pairs), many = absl::GetFlag(FLAGS_many_pairs);
    CVG_ASSIGN_OR_RETURN(lineup_, Lineup::Start({.dir = absl::GetFlag(FLAGS_dir),
                                                 .pairs = std::max(pairs, many),
                                                 .body_bytes = absl::GetFlag(FLAGS_body_bytes)}));
    if (!lineup_->has_nats()) {
      std::cout << "nats-server is not installed (Debian package nats-server): no ratios\n";
    }
    std::cout << absl::GetFlag(FLAGS_body_bytes)
              << " bytes a message, TLS; CPU is the servers' alone, a message\n";
    // First: what a load leaves free in a server's heap, later sessions would take for nothing.
    CVG_RETURN_IF_ERROR(CompareSessions());
    const int in_flight = absl::GetFlag(FLAGS_in_flight), rate = absl::GetFlag(FLAGS_rate);
    CVG_RETURN_IF_ERROR(Compare(OneServer(absl::StrCat(pairs, " pairs, ", in_flight, " in flight"),
                                          pairs, {.in_flight = in_flight})));
    CVG_RETURN_IF_ERROR(Compare(Across(pairs, in_flight)));
    CVG_RETURN_IF_ERROR(
        Compare(OneServer(absl::StrCat(many, " pairs, 1 in flight"), many, {.in_flight = 1})));
    return Compare(OneServer(absl::StrCat(pairs, " pairs, ", rate, " messages a second together"),
                             pairs, {.rate = static_cast<double>(rate)}));
  }

 private:
  Comparison OneServer(const std::string& title, int pairs, const LoadOptions& options) {
    return {.title = title,
            .our_name = "convergia, one edge",
            .peer_name = "nats, answering",
            .ours = [this, pairs] { return lineup_->Ours(pairs, /*across=*/false); },
            .peer = [this,
                     pairs] { return lineup_->Nats(pairs, /*across=*/false, /*answering=*/true); },
            .options = options};
  }

  Comparison Across(int pairs, int in_flight) {
    return {.title = absl::StrCat(pairs, " pairs across two servers, ", in_flight, " in flight"),
            .our_name = "convergia, two edges",
            .peer_name = "nats, two servers, not answering",
            .ours = [this, pairs] { return lineup_->Ours(pairs, /*across=*/true); },
            .peer = [this,
                     pairs] { return lineup_->Nats(pairs, /*across=*/true, /*answering=*/false); },
            .options = {.in_flight = in_flight}};
  }

  absl::Status Compare(const Comparison& comparison) {
    PrintTitle(comparison.title);
    std::string ratio;
    CVG_ASSIGN_OR_RETURN(const Line ours, Measure(comparison.ours, comparison.options));
    if (lineup_->has_nats()) {
      CVG_ASSIGN_OR_RETURN(const Line peer, Measure(comparison.peer, comparison.options));
      PrintLine(comparison.peer_name, peer, "");
      ratio = absl::StrFormat("x nats: CPU %.2f, p50 %.2f, p99 %.2f", ours.cpu_us / peer.cpu_us,
                              absl::FDivDuration(ours.result.p50, peer.result.p50),
                              absl::FDivDuration(ours.result.p99, peer.result.p99));
    }
    PrintLine(comparison.our_name, ours, ratio);
    return absl::OkStatus();
  }

  static void PrintSessions(absl::string_view name, const SessionCost& cost,
                            absl::string_view ratio) {
    std::cout << absl::StrFormat("  %-34s %8.1f KiB idle %8.0f us CPU a sign-in   %s", name,
                                 cost.idle_bytes / 1024,
                                 absl::ToDoubleMicroseconds(cost.sign_in_cpu), ratio)
              << std::endl;
  }

  absl::Status CompareSessions() {
    const int sessions = absl::GetFlag(FLAGS_sessions);
    const int warm_up = std::min(sessions, kWarmUpSessions);
    PrintTitle(absl::StrCat(sessions, " sessions, signed in by ticket, then idle"));
    std::string ratio;
    Lineup::Load first = lineup_->OurSessions(0, warm_up);
    Lineup::Load rest = lineup_->OurSessions(warm_up, sessions);
    CVG_ASSIGN_OR_RETURN(const SessionCost ours,
                         MeasureSessions(std::move(first.connections), std::move(rest.connections),
                                         rest.server_pids));
    if (lineup_->has_nats()) {
      first = lineup_->NatsSessions(warm_up);
      rest = lineup_->NatsSessions(sessions);
      CVG_ASSIGN_OR_RETURN(const SessionCost peer,
                           MeasureSessions(std::move(first.connections),
                                           std::move(rest.connections), rest.server_pids));
      PrintSessions("nats, no sign-in but TLS", peer, "");
      ratio = absl::StrFormat("x nats: memory %.2f, CPU %.2f", ours.idle_bytes / peer.idle_bytes,
                              absl::FDivDuration(ours.sign_in_cpu, peer.sign_in_cpu));
    }
    PrintSessions("convergia, one edge", ours, ratio);
    return absl::OkStatus();
  }

  std::unique_ptr<Lineup> lineup_;
};

}  // namespace
}  // namespace convergia::bench

int main(int argc, char** argv) {
  google::InitGoogleLogging(argv[0]);
  absl::SetProgramUsageMessage("what messages and sessions cost; see bench/README.md");
  absl::ParseCommandLine(argc, argv);
  if (const absl::Status status = convergia::bench::Bench().Run(); !status.ok()) {
    std::cerr << status << std::endl;
    return 1;
  }
  return 0;
}
