// Messages per second and the servers' CPU time per message, on one edge and across two, beside
// NATS in the same run where Debian's nats-server is installed.
//
//   bazel run //bench:messages -- --pairs=50 --in_flight=32 --seconds=5
#include <glog/logging.h>
#include <stdlib.h>
#include <unistd.h>

#include <iostream>
#include <optional>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/flags/usage.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "bench/load.h"
#include "bench/peers.h"
#include "common/base/status_macros.h"
#include "tools/devcluster/cluster.h"

ABSL_FLAG(int, pairs, 50, "pairs of one sender and one receiver");
ABSL_FLAG(int, in_flight, 32, "messages under way per sender");
ABSL_FLAG(int, body_bytes, 200, "bytes per message");
ABSL_FLAG(int, seconds, 5, "how long to measure each line");
ABSL_FLAG(int, rounds, 1, "how often to measure each line; the median counts");
ABSL_FLAG(std::string, dir, "", "where the cluster lives; default: a new directory under /tmp");

namespace convergia::bench {
namespace {

constexpr char kPassword[] = "bench password";

std::string Sender(int pair) { return absl::StrCat("s", pair); }
std::string Receiver(int pair) { return absl::StrCat("r", pair); }

struct Where {
  std::string host;
  int port = 0;
};

absl::StatusOr<Where> ParseAddress(const std::string& address) {
  const size_t colon = address.rfind(':');
  Where where;
  if (colon == std::string::npos || !absl::SimpleAtoi(address.substr(colon + 1), &where.port)) {
    return absl::InvalidArgumentError(absl::StrCat("not host:port: ", address));
  }
  where.host = address.substr(0, colon);
  return where;
}

// One line of the table.
struct Scenario {
  std::string name;
  std::function<std::vector<LoadConnection>()> connections;
  std::vector<int> server_pids;
  std::string compared_to;  // Another scenario's name.
};

class Bench {
 public:
  absl::Status Run() {
    CVG_RETURN_IF_ERROR(StartCluster());
    CVG_RETURN_IF_ERROR(AddPeers());
    CVG_RETURN_IF_ERROR(AddOurs());
    std::cout << absl::StrFormat(
        "%d pairs, %d in flight, %d bytes, TLS; CPU is the servers' alone\n",
        absl::GetFlag(FLAGS_pairs), absl::GetFlag(FLAGS_in_flight),
        absl::GetFlag(FLAGS_body_bytes));
    std::cout << absl::StrFormat("%-34s %12s %14s %10s %10s  %s\n", "", "messages/s",
                                 "CPU us/message", "p50 us", "p99 us", "ratio of CPU");
    for (const Scenario& scenario : scenarios_) CVG_RETURN_IF_ERROR(Measure(scenario));
    cluster_->Stop();
    return absl::OkStatus();
  }

 private:
  absl::Status StartCluster() {
    dir_ = absl::GetFlag(FLAGS_dir);
    if (dir_.empty()) {
      char pattern[] = "/tmp/convergia-bench.XXXXXX";
      if (mkdtemp(pattern) == nullptr) return absl::UnavailableError("no directory under /tmp");
      dir_ = pattern;
    }
    std::cout << "cluster in " << dir_ << std::endl;
    devcluster::Cluster::Options options;
    options.dir = dir_;
    options.counts.edges = 2;
    for (int pair = 0; pair < absl::GetFlag(FLAGS_pairs); ++pair) {
      options.accounts.push_back({Sender(pair), kPassword});
      options.accounts.push_back({Receiver(pair), kPassword});
    }
    // All come from one address and send as fast as they can: that is what is measured here.
    options.config_changes.edge = [](v1::EdgeConfig* config) {
      v1::LineLimits* limits = config->mutable_line_limits();
      limits->set_unauthenticated_per_address_max(100'000);
      limits->set_signed_in_per_address_max(100'000);
      limits->set_messages_per_second(100'000'000);
      limits->set_messages_burst(100'000'000);
    };
    CVG_ASSIGN_OR_RETURN(cluster_, devcluster::Cluster::Create(std::move(options)));
    return cluster_->Start();
  }

  absl::Status AddOurs() {
    CVG_ASSIGN_OR_RETURN(const auto first, cluster_->node("edge1"));
    CVG_ASSIGN_OR_RETURN(const auto second, cluster_->node("edge2"));
    CVG_ASSIGN_OR_RETURN(const Where here, ParseAddress(first.line));
    CVG_ASSIGN_OR_RETURN(const Where there, ParseAddress(second.line));
    scenarios_.push_back(
        {"convergia, one edge", [=] { return Ours(here, here); }, {first.pid}, "nats, answering"});
    scenarios_.push_back({"convergia, across two edges",
                          [=] { return Ours(here, there); },
                          {first.pid, second.pid},
                          "nats, two servers, not answering"});
    return absl::OkStatus();
  }

  absl::Status AddPeers() {
    if (!NatsPeer::Installed()) {
      std::cout << "nats-server is not installed (Debian package nats-server): no ratios\n";
      return absl::OkStatus();
    }
    CVG_ASSIGN_OR_RETURN(const auto edge, cluster_->node("edge1"));
    const std::string certificate = edge.dir + "/node.pem", key = edge.dir + "/node.key";
    CVG_ASSIGN_OR_RETURN(one_nats_, NatsPeer::Start(1, dir_, certificate, key));
    CVG_ASSIGN_OR_RETURN(two_nats_, NatsPeer::Start(2, dir_, certificate, key));
    const Where one = {"127.0.0.1", one_nats_->port(0)};
    const Where left = {"127.0.0.1", two_nats_->port(0)};
    const Where right = {"127.0.0.1", two_nats_->port(1)};
    scenarios_.push_back({"nats, answering", [=] { return Nats(one, one, /*verbose=*/true); },
                          one_nats_->pids(), ""});
    scenarios_.push_back({"nats, two servers, not answering",
                          [=] { return Nats(left, right, /*verbose=*/false); }, two_nats_->pids(),
                          ""});
    return absl::OkStatus();
  }

  static std::vector<LoadConnection> Ours(const Where& here, const Where& there) {
    std::vector<LoadConnection> all;
    const std::string body(absl::GetFlag(FLAGS_body_bytes), 'x');
    for (int pair = 0; pair < absl::GetFlag(FLAGS_pairs); ++pair) {
      all.push_back({here.host, here.port,
                     MakeConvergiaDialect(Sender(pair), kPassword, Receiver(pair), body),
                     /*sends=*/true});
      all.push_back({there.host, there.port,
                     MakeConvergiaDialect(Receiver(pair), kPassword, Sender(pair), body),
                     /*sends=*/false});
    }
    return all;
  }

  static std::vector<LoadConnection> Nats(const Where& here, const Where& there, bool verbose) {
    std::vector<LoadConnection> all;
    const std::string body(absl::GetFlag(FLAGS_body_bytes), 'x');
    for (int pair = 0; pair < absl::GetFlag(FLAGS_pairs); ++pair) {
      all.push_back({here.host, here.port,
                     MakeNatsDialect(Sender(pair), Receiver(pair), body, verbose),
                     /*sends=*/true});
      all.push_back({there.host, there.port,
                     MakeNatsDialect(Receiver(pair), Sender(pair), body, verbose),
                     /*sends=*/false});
    }
    return all;
  }

  absl::Status Measure(const Scenario& scenario) {
    std::vector<std::pair<double, LoadResult>> rounds;
    LoadOptions options;
    options.in_flight = absl::GetFlag(FLAGS_in_flight);
    options.run = absl::Seconds(absl::GetFlag(FLAGS_seconds));
    options.server_pids = scenario.server_pids;
    for (int round = 0; round < absl::GetFlag(FLAGS_rounds); ++round) {
      CVG_ASSIGN_OR_RETURN(const LoadResult result, RunLoad(scenario.connections(), options));
      if (result.messages == 0) {
        return absl::InternalError(absl::StrCat(scenario.name, ": no message was answered"));
      }
      rounds.emplace_back(
          absl::ToDoubleMicroseconds(result.server_cpu) / static_cast<double>(result.messages),
          result);
    }
    std::sort(rounds.begin(), rounds.end(),
              [](const auto& a, const auto& b) { return a.first < b.first; });
    Print(scenario, rounds[rounds.size() / 2]);
    return absl::OkStatus();
  }

  void Print(const Scenario& scenario, const std::pair<double, LoadResult>& median) {
    const auto& [cpu_us, result] = median;
    cpu_us_[scenario.name] = cpu_us;
    std::string ratio;
    if (const auto peer = cpu_us_.find(scenario.compared_to); peer != cpu_us_.end()) {
      ratio = absl::StrFormat("%.2f x %s", cpu_us / peer->second, scenario.compared_to);
    }
    std::cout << absl::StrFormat(
                     "%-34s %12.0f %14.2f %10.0f %10.0f  %s", scenario.name,
                     static_cast<double>(result.messages) / absl::ToDoubleSeconds(result.elapsed),
                     cpu_us, absl::ToDoubleMicroseconds(result.p50),
                     absl::ToDoubleMicroseconds(result.p99), ratio)
              << std::endl;
  }

  std::string dir_;
  std::unique_ptr<devcluster::Cluster> cluster_;
  std::unique_ptr<NatsPeer> one_nats_, two_nats_;
  std::vector<Scenario> scenarios_;
  std::map<std::string, double> cpu_us_;
};

}  // namespace
}  // namespace convergia::bench

int main(int argc, char** argv) {
  google::InitGoogleLogging(argv[0]);
  absl::SetProgramUsageMessage("messages per second and CPU per message; see bench/README.md");
  absl::ParseCommandLine(argc, argv);
  if (const absl::Status status = convergia::bench::Bench().Run(); !status.ok()) {
    std::cerr << status << std::endl;
    return 1;
  }
  return 0;
}
