// The cost to mgmt of GETSERVERMAP and WATCHSERVERMAP with many clients: see README.md.
#include <time.h>

#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/limits.h"
#include "common/store/testing/mem_store.h"
#include "mgmt/accounts/account_store.h"
#include "mgmt/cluster/cluster.h"
#include "mgmt/views/server_map.h"

ABSL_FLAG(int, users, 100'000, "who have an account");
ABSL_FLAG(int, edges, 100, "each linked to each; a tenth of the users is signed in nowhere");
ABSL_FLAG(int, changes, 5'000, "users who come or go between two updates");

namespace convergia {
namespace {

using mgmt::Cluster;
using mgmt::ServerMap;

constexpr NodeId kMgmt = 1;

double CpuMs() {
  timespec now = {};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return absl::ToDoubleMilliseconds(absl::DurationFromTimespec(now));
}

std::string UserName(int i) { return absl::StrCat("user", i); }

void Row(const char* what, double value, const char* unit) {
  std::printf("%-64s %10.2f %s\n", what, value, unit);
}

class Bench {
 public:
  Bench() {
    for (int i = 0; i < users_; ++i) {
      const auto added = accounts_->Add(*Username::Parse(UserName(i)), "hash", absl::UnixEpoch());
      if (!added.ok()) std::printf("%s\n", added.status().ToString().c_str());
    }
    std::vector<mgmt::Member> members = {{.role = Role::kMgmt, .name = "mgmt", .node = kMgmt}};
    cluster_.SetMembers(members, {}, now_);
    for (int i = 0; i < edges_; ++i) {
      members.push_back(
          {.role = Role::kEdge, .name = absl::StrCat("edge", i), .node = kMgmt + 1 + i});
    }
    cluster_.SetMembers(members, {}, now_);
    for (int i = 0; i < edges_; ++i) Attach(i);
    cluster_.Flush(now_);
  }

  // Everything, page by page, as a client reads it.
  void ReadAll() {
    const ServerMap map(cluster_.state(), *accounts_);
    std::string after;
    double most = 0, all = 0;
    size_t bytes = 0, rows_read = 0;
    int pages = 0;
    while (true) {
      const double start = CpuMs();
      const auto rows = map.Page(after, limits::kListRowsMax, std::nullopt);
      const std::string text = mgmt::MapRowsText(*rows);
      const double took = CpuMs() - start;
      if (rows->empty()) break;
      most = std::max(most, took);
      all += took;
      bytes = std::max(bytes, text.size());
      rows_read += rows->size();
      ++pages;
      after = rows->back().id();
    }
    Row("the whole map, page by page", all, "ms CPU");
    Row("  pages", pages, "");
    Row("  a row", all * 1e3 / static_cast<double>(rows_read), "us CPU");
    Row("  the longest page: how long mgmt's loop does nothing else", most, "ms CPU");
    Row("  the largest page", static_cast<double>(bytes) / 1024, "KB");
  }

  void Watch() {
    TellOf("users who come and go, with nobody watching");
    cluster_.SetMapWatched(true);
    Step();
    TellOf("the same, watched: rows, and text once for all who watch");
    const double start = CpuMs();
    ReportLinks(0, /*without=*/1);
    Tell(start, "a link that goes, watched");
  }

 private:
  static mgmt::StreamId StreamOf(int edge) { return 1 + edge; }

  void Attach(int edge) {
    v1::Hello hello;
    hello.set_epoch(1);
    hello.mutable_addresses()->set_grpc("host:1");
    hello.mutable_addresses()->set_line("host:2");
    cluster_.OnHello(StreamOf(edge), kMgmt + 1 + edge, hello, now_);
    v1::FromNode whole;
    whole.mutable_locations()->set_whole(true);
    whole.mutable_locations()->set_version(1);
    for (int user = edge; user < users_; user += edges_) {
      if (user % 10 == 0) continue;
      v1::LocationChange* const change = whole.mutable_locations()->add_changes();
      change->set_username(UserName(user));
      change->set_sessions(1);
    }
    cluster_.OnMessage(StreamOf(edge), whole, now_);
    ReportLinks(edge, /*without=*/-1);
  }
  void ReportLinks(int edge, int without) {
    v1::FromNode message;
    for (int other = 0; other < edges_; ++other) {
      if (other == edge || other == without) continue;
      v1::LinkState* const link = message.mutable_links()->add_links();
      link->set_peer(kMgmt + 1 + other);
      link->set_rtt_us(1'000);
    }
    cluster_.OnMessage(StreamOf(edge), message, now_);
  }
  void Step() {
    now_ += absl::Seconds(1);
    cluster_.Flush(now_);
  }
  void TellOf(const char* what) {
    ++version_;
    v1::FromNode message;
    message.mutable_locations()->set_version(version_);
    for (int i = 0; i < absl::GetFlag(FLAGS_changes); ++i) {
      v1::LocationChange* const change = message.mutable_locations()->add_changes();
      change->set_username(UserName(i));
      change->set_sessions(version_ % 2 == 0 ? 1 : 0);
    }
    const double start = CpuMs();
    cluster_.OnMessage(StreamOf(0), message, now_);
    Tell(start, what);
  }
  void Tell(double start, const char* what) {
    now_ += absl::Seconds(1);
    const mgmt::ClusterActions actions = cluster_.Flush(now_);
    const std::string text = mgmt::MapRowsText(actions.map_rows);
    Row(what, CpuMs() - start, "ms CPU");
    Row("  rows", static_cast<double>(actions.map_rows.size()), "");
    Row("  to each who watches", static_cast<double>(text.size()) / 1024, "KB");
  }

  const int users_ = absl::GetFlag(FLAGS_users), edges_ = absl::GetFlag(FLAGS_edges);
  absl::Duration now_ = absl::Seconds(1'000);
  uint64_t version_ = 1;
  store::MemStore store_;
  std::unique_ptr<mgmt::AccountStore> accounts_ = *mgmt::AccountStore::Create(store_);
  Cluster cluster_{{.epoch = 1, .self = kMgmt, .version = "1"}, *accounts_};
};

}  // namespace
}  // namespace convergia

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  std::printf("%d accounts, %d edges, %d changes at a time\n", absl::GetFlag(FLAGS_users),
              absl::GetFlag(FLAGS_edges), absl::GetFlag(FLAGS_changes));
  convergia::Bench bench;
  bench.ReadAll();
  bench.Watch();
  return 0;
}
