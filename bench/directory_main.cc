// The cost of the directory, at mgmt and at an edge, beside a plain table of the same users and a
// bare copy of the same bytes: see README.md.
#include <malloc.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstring>
#include <functional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/base/hash/user_hash.h"
#include "edge/directory/directory.h"
#include "edge/directory/location_exchange.h"
#include "mgmt/cluster/directory.h"

ABSL_FLAG(int, users, 1'000'000, "who are signed in");
ABSL_FLAG(int, edges, 10, "over which they are spread");
ABSL_FLAG(int, missed, 1'000, "changes that an edge misses");

namespace convergia {
namespace {

constexpr NodeId kSelf = 1'000;  // The edge that is told.
constexpr Epoch kMgmtEpoch = 1;

// The heap's bytes in use, large blocks among them.
size_t HeapBytes() {
  const struct mallinfo2 info = mallinfo2();
  return info.uordblks + info.hblkhd;
}

absl::Duration CpuTime() {
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return absl::DurationFromTimeval(usage.ru_utime) + absl::DurationFromTimeval(usage.ru_stime);
}

// Of CPU time: what else runs on the machine does not count.
double MillisecondsOf(const std::function<void()>& work) {
  const absl::Duration before = CpuTime();
  work();
  return absl::ToDoubleMilliseconds(CpuTime() - before);
}

std::string UserName(int i) { return absl::StrCat("user", i); }
NodeId EdgeOf(int i) { return 1 + i % absl::GetFlag(FLAGS_edges); }

void Row(const char* what, double value, const char* unit, const std::string& note = "") {
  std::printf("%-52s %12.2f %-10s %s\n", what, value, unit, note.c_str());
}

// Both ends, and what goes between them as bytes.
class Bench {
 public:
  Bench()
      : at_mgmt_({.epoch = kMgmtEpoch}),
        exchange_({.self = kSelf, .epoch = 1, .is_edge = [](NodeId) { return true; }},
                  &directory_) {}

  void Run() {
    Plain();
    Announce();
    WholeTransfer();
    Gap();
    DeathOfAnEdge();
    OneChange();
  }

 private:
  int users() const { return absl::GetFlag(FLAGS_users); }

  // The limits: a table as one would write it down, and a copy of as many bytes.
  void Plain() {
    const size_t before = HeapBytes();
    absl::flat_hash_map<std::string, std::vector<NodeId>> table;
    plain_ms_ = MillisecondsOf([&] {
      for (int i = 0; i < users(); ++i) table[UserName(i)] = {EdgeOf(i)};
    });
    Row("plain table: flat_hash_map<string, vector>", double(HeapBytes() - before) / users(),
        "bytes/user");
    Row("plain table: filled in", plain_ms_, "ms CPU");
    std::vector<char> from(users() * 12, 'x'), to(from.size());
    copy_ms_ = MillisecondsOf([&] { std::memcpy(to.data(), from.data(), from.size()); });
    Row("memcpy of 12 bytes a user", copy_ms_, "ms CPU");
  }

  void Announce() {
    const size_t before = HeapBytes();
    std::vector<v1::LocationReport> reports;
    for (NodeId edge = 1; edge <= absl::GetFlag(FLAGS_edges); ++edge) {
      for (int i = edge - 1; i < users(); i += absl::GetFlag(FLAGS_edges)) {
        if (reports.empty() || reports.back().changes_size() == 5'000 || owner_.back() != edge) {
          if (!owner_.empty() && owner_.back() == edge) reports.back().set_more(true);
          reports.emplace_back().set_whole(owner_.empty() || owner_.back() != edge);
          reports.back().set_version(1);
          owner_.push_back(edge);
        }
        v1::LocationChange* const change = reports.back().add_changes();
        change->set_username(UserName(i));
        change->set_account_id(i + 1);
        change->set_sessions(1);
      }
    }
    const double ms = MillisecondsOf([&] {
      for (size_t i = 0; i < reports.size(); ++i) at_mgmt_.Apply(owner_[i], 1, reports[i]);
    });
    reports = {};
    const double tell_ms = MillisecondsOf([&] {
      while (at_mgmt_.TakeBatch()) continue;
    });
    malloc_trim(0);
    Row("mgmt: all announced by their edges", ms, "ms CPU",
        absl::StrCat(ms / plain_ms_, " x the plain table"));
    Row("mgmt: as batches", tell_ms, "ms CPU");
    Row("mgmt: places", double(at_mgmt_.bytes()) / users(), "bytes/user");
    Row("mgmt: heap, with what is kept for who missed batches",
        double(HeapBytes() - before) / users(), "bytes/user");
  }

  // Digests there, what differs back. Returns the bytes on the wire.
  size_t Compare(double* mgmt_ms, double* edge_ms) {
    exchange_.OnCheck();
    const std::string digests = exchange_.Take().to_mgmt.at(0).directory_digests().digests();
    std::vector<std::string> wire;
    *mgmt_ms = MillisecondsOf([&] {
      for (const auto& part : at_mgmt_.Differing(*DecodeDigests(digests))) {
        wire.push_back(part.SerializeAsString());
      }
    });
    *edge_ms = MillisecondsOf([&] {
      for (const std::string& bytes : wire) {
        v1::DirectoryBuckets part;
        part.ParseFromString(bytes);
        exchange_.OnBuckets(std::move(part), absl::ZeroDuration());
      }
    });
    size_t bytes = digests.size();
    for (const std::string& part : wire) bytes += part.size();
    if (directory_.digests() != at_mgmt_.digests()) std::printf("DIFFERENT DIRECTORIES\n");
    return bytes;
  }

  void WholeTransfer() {
    const size_t before = HeapBytes();
    double mgmt_ms, edge_ms;
    const size_t bytes = Compare(&mgmt_ms, &edge_ms);
    malloc_trim(0);
    Row("whole transfer: on the wire", double(bytes) / users(), "bytes/user");
    Row("whole transfer: mgmt", mgmt_ms, "ms CPU", absl::StrCat(mgmt_ms / copy_ms_, " x memcpy"));
    Row("whole transfer: edge", edge_ms, "ms CPU",
        absl::StrCat(edge_ms / plain_ms_, " x the plain table"));
    Row("edge: directory", double(directory_.bytes()) / users(), "bytes/user");
    Row("edge: heap", double(HeapBytes() - before) / users(), "bytes/user");
  }

  void Gap() {
    const int missed = absl::GetFlag(FLAGS_missed);
    v1::LocationReport report;
    report.set_version(2);
    for (int i = 0; i < missed; ++i) {
      report.add_changes()->set_username(UserName(i * absl::GetFlag(FLAGS_edges)));  // Signed out.
    }
    at_mgmt_.Apply(1, 1, report);
    while (at_mgmt_.TakeBatch()) continue;  // Lost.
    double mgmt_ms, edge_ms;
    const size_t bytes = Compare(&mgmt_ms, &edge_ms);
    const std::string note = absl::StrCat("after ", missed, " missed changes");
    Row("gap, by digests: on the wire", bytes / 1024.0, "KiB", note);
    Row("gap, by digests: mgmt", mgmt_ms, "ms CPU");
    Row("gap, by digests: edge", edge_ms, "ms CPU");
    const size_t same = Compare(&mgmt_ms, &edge_ms);
    Row("nothing missed: on the wire", same / 1024.0, "KiB");
    Row("nothing missed: mgmt and edge", mgmt_ms + edge_ms, "ms CPU");
  }

  void DeathOfAnEdge() {
    std::optional<v1::DirectoryBatch> batch;
    const double mgmt_ms = MillisecondsOf([&] {
      at_mgmt_.EdgeGone(2);
      batch = at_mgmt_.TakeBatch();
    });
    const double edge_ms = MillisecondsOf([&] { exchange_.OnBatch(*batch, absl::ZeroDuration()); });
    if (directory_.digests() != at_mgmt_.digests()) std::printf("DIFFERENT DIRECTORIES\n");
    Row("an edge dies: on the wire", batch->ByteSizeLong(), "bytes",
        absl::StrCat("with ", users() / absl::GetFlag(FLAGS_edges), " users"));
    Row("an edge dies: mgmt", mgmt_ms, "ms CPU");
    Row("an edge dies: edge, while it serves", edge_ms, "ms CPU");
  }

  void OneChange() {
    constexpr int kTimes = 10'000;
    size_t bytes = 0;
    std::vector<v1::LocationReport> reports;
    for (int i = 0; i < kTimes; ++i) {
      v1::LocationReport& report = reports.emplace_back();
      report.set_version(2 + i);
      report.add_changes()->set_username(UserName(i));
      report.mutable_changes(0)->set_sessions(1);
    }
    std::vector<v1::DirectoryBatch> batches;
    const double mgmt_ms = MillisecondsOf([&] {
      for (const v1::LocationReport& report : reports) {
        at_mgmt_.Apply(3, 1, report);
        while (auto batch = at_mgmt_.TakeBatch()) batches.push_back(*std::move(batch));
      }
    });
    const double edge_ms = MillisecondsOf([&] {
      for (const auto& batch : batches) exchange_.OnBatch(batch, absl::ZeroDuration());
    });
    for (const auto& batch : batches) bytes += batch.ByteSizeLong();
    if (directory_.digests() != at_mgmt_.digests()) std::printf("DIFFERENT DIRECTORIES\n");
    Row("one sign-in: on the wire, to each edge", double(bytes) / kTimes, "bytes");
    Row("one sign-in: mgmt", mgmt_ms * 1000 / kTimes, "us CPU");
    Row("one sign-in: each edge", edge_ms * 1000 / kTimes, "us CPU");
  }

  mgmt::Directory at_mgmt_;
  edge::Directory directory_;
  edge::LocationExchange exchange_;
  std::vector<NodeId> owner_;  // Of the reports.
  double plain_ms_ = 0;
  double copy_ms_ = 0;
};

}  // namespace
}  // namespace convergia

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  convergia::Bench().Run();
  return 0;
}
