// The speed of storage on the whole way from a client through main server and datamgr to data
// servers and back, with real processes, beside the speed of the disk itself in the same run.
// bench/README.md says what each number means.
//
//   bazel run //bench:storage -- --dir=/path/on/the/disk
#include <sys/types.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iostream>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/flags/flag.h"
#include "absl/flags/parse.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "absl/synchronization/mutex.h"
#include "absl/synchronization/notification.h"
#include "bench/disk_rate.h"
#include "client/connect/blocking_client.h"
#include "client/files/storage.h"
#include "common/base/clock.h"
#include "common/base/fail.h"
#include "common/identity/files.h"
#include "tools/devcluster/cluster.h"

ABSL_FLAG(std::string, dir, "", "where the cluster lives and the disk is measured; is made");
ABSL_FLAG(int, mib, 256, "how much is written and read at a time");
ABSL_FLAG(int, files, 3'000, "how many small files are made at a time");
ABSL_FLAG(int, rounds, 3, "how often each line is measured; the median counts");
ABSL_FLAG(int, messages, 1'000, "how many messages are timed, 200 a second");
ABSL_FLAG(std::string, datamgr, "", "another program for datamgr, to compare with");

namespace convergia::bench {
namespace {

using client::BlockingClient;
using client::RequestWindow;
using client::Storage;

constexpr char kPassword[] = "bench password";
constexpr size_t kPiecesAtOnce = 8;
constexpr size_t kRequestsAtOnce = 60;
constexpr int kFileBytes = 1'000;
constexpr absl::Duration kMessageEvery = absl::Milliseconds(5);

absl::Duration Now() { return RealClock::Get().Elapsed(); }
void Pause(absl::Duration time) { absl::Notification().WaitForNotificationWithTimeout(time); }

// A cluster with one non-volatile and three volatile data servers, and a folder for each class.
class Bench {
 public:
  explicit Bench(std::string dir) : dir_(std::move(dir)), mib_(RandomMiB(1)) {
    devcluster::Cluster::Options options;
    options.dir = dir_;
    options.counts = {
        .datamgr = 1, .edges = 1, .dataservers_volatile = 3, .dataservers_nonvolatile = 1};
    for (const char* name : {"alice", "ann", "ben"}) options.accounts.push_back({name, kPassword});
    options.config_changes.datamgr = PreferByFolder;
    options.config_changes.edge = [](v1::EdgeConfig* config) {
      config->mutable_line_limits()->set_messages_per_second(1'000'000);  // Its pause is not meant.
    };
    const std::string program = absl::GetFlag(FLAGS_datamgr);
    if (!program.empty()) options.programs[Role::kDatamgr] = program;
    auto cluster = devcluster::Cluster::Create(options);
    DieUnlessOk(cluster.status());
    cluster_ = *std::move(cluster);
    DieUnlessOk(cluster_->Start());
    alice_ = SignIn("alice");
    for (const char* folder : {"/one", "/three"}) Prepare(folder);
  }

  void Run() {
    for (int round = 0; round < absl::GetFlag(FLAGS_rounds); ++round) OneRound(round);
    const double bare = Median(bare_), syncs = Median(syncs_);
    absl::PrintF("%d MiB at a time, %d pieces of 1 MiB under way; medians of %d rounds\n",
                 absl::GetFlag(FLAGS_mib), kPiecesAtOnce, absl::GetFlag(FLAGS_rounds));
    absl::PrintF("%-46s %8.1f MB/s\n", "disk, fdatasync after each MiB", bare);
    PrintRate("write to one non-volatile server", one_.write, bare, "the disk");
    PrintRate("write to three volatile servers on it", three_.write, bare / 3, "a third of it");
    PrintRate("read from one server (page cache)", one_.read, bare, "the disk's writes");
    PrintRate("read from three servers (page cache)", three_.read, bare, "the disk's writes");
    absl::PrintF("%-46s %8.0f /s\n", "disk, 4 KiB and fdatasync", syncs);
    PrintFiles("files of 1,000 bytes made, one server", one_.files, syncs);
    PrintFiles("files of 1,000 bytes made, three servers", three_.files, syncs);
    Messages();
    PrintMemory();
  }

 private:
  struct Rates {
    std::vector<double> write, read, files;
  };

  static void PreferByFolder(v1::DatamgrConfig* config) {
    auto* one = config->add_folder_policies();
    one->set_folder("one");
    one->set_prefer(v1::DatamgrConfig::NON_VOLATILE);
    auto* three = config->add_folder_policies();
    three->set_folder("three");
    three->set_prefer(v1::DatamgrConfig::VOLATILE);
  }

  std::unique_ptr<BlockingClient> SignIn(const std::string& user) {
    client::ClientOptions options;
    const auto mgmt = cluster_->node("mgmt");
    DieUnlessOk(mgmt.status());
    options.management = *client::Address::Parse(mgmt->line);
    options.ca_pem = *identity::ReadFileToString(cluster_->operator_files().ca);
    options.user = user;
    options.password = kPassword;
    auto client = std::make_unique<BlockingClient>(std::move(options), nullptr,
                                                   BlockingClient::Messages::kToObserver);
    DieUnlessOk(client->Connect(absl::Seconds(60)));
    return client;
  }

  // Until data servers of that class have come.
  void Prepare(const std::string& folder) {
    Storage storage(alice_.get());
    DieUnlessOk(storage.CreateFolder(folder));
    DieUnlessOk(storage.CreateFile(folder + "/first"));
    const std::string wanted = folder == "/one" ? "nonvolatile1" : "volatile3";
    for (const absl::Duration began = Now(); Now() - began < absl::Seconds(60);) {
      (void)storage.Write(folder + "/first", 0, "x");
      const auto info = storage.GetInfo(folder + "/first");
      for (const auto& row : info.ok() ? info->rows : decltype(info->rows)()) {
        if (row[0] == "volume" && absl::StrContains(absl::StrJoin(row, " "), wanted)) return;
      }
      Pause(absl::Milliseconds(100));
    }
    DieUnlessOk(absl::UnavailableError(absl::StrCat("no data servers for ", folder)));
  }

  void OneRound(int round) {
    const int mib = absl::GetFlag(FLAGS_mib);
    bare_.push_back(BareDisk(dir_, mib, mib_));
    syncs_.push_back(BareSyncs(dir_, 1));
    Files(absl::StrCat("/one/files", round), &one_);
    Large(absl::StrCat("/one/large", round), mib, &one_);
    bare_.push_back(BareDisk(dir_, mib, mib_));
    Files(absl::StrCat("/three/files", round), &three_);
    Large(absl::StrCat("/three/large", round), mib, &three_);
    bare_.push_back(BareDisk(dir_, mib, mib_));
    syncs_.push_back(BareSyncs(dir_, 1));
  }

  void Large(const std::string& path, int mib, Rates* rates) {
    DieUnlessOk(Storage(alice_.get()).CreateFile(path));
    const uint64_t bytes = static_cast<uint64_t>(mib) * kMiB;
    absl::Duration began = Now();
    Pipelined(mib, kPiecesAtOnce, [&](RequestWindow& window, int i) {
      window.Send("WRITEFILE", {path, absl::StrCat(i * kMiB), mib_});
    });
    rates->write.push_back(MegabytesPerSecond(bytes, Now() - began));
    began = Now();
    Pipelined(mib, kPiecesAtOnce, [&](RequestWindow& window, int i) {
      window.Send("READFILE", {path, absl::StrCat(i * kMiB), absl::StrCat(kMiB)});
    });
    rates->read.push_back(MegabytesPerSecond(bytes, Now() - began));
  }

  void Files(const std::string& folder, Rates* rates) {
    DieUnlessOk(Storage(alice_.get()).CreateFolder(folder));
    const int files = absl::GetFlag(FLAGS_files);
    const std::string bytes(kFileBytes, 'x');
    const absl::Duration began = Now();
    Pipelined(2 * files, kRequestsAtOnce, [&](RequestWindow& window, int i) {
      const std::string path = absl::StrCat(folder, "/", i / 2);
      if (i % 2 == 0) {
        window.Send("CREATEFILE", {path});
      } else {
        window.Send("WRITEFILE", {path, "0", bytes});
      }
    });
    rates->files.push_back(files / absl::ToDoubleSeconds(Now() - began));
  }

  template <typename Send>
  void Pipelined(int count, size_t at_once, const Send& send) {
    RequestWindow window(alice_.get(), at_once);
    for (int sent = 0; sent < count || !window.empty();) {
      if (sent < count && !window.full()) {
        send(window, sent++);
      } else {
        DieUnlessOk(window.TakeNext().status());
      }
    }
  }

  // How long messages take while nothing else happens, and beside somebody who stores as fast as
  // possible; in turn, twice.
  void Messages() {
    const auto ann = SignIn("ann"), ben = SignIn("ben");
    for (const absl::Duration began = Now(); Now() - began < absl::Seconds(30);) {
      if (ann->SendMessage("ben", "there?").ok()) break;
    }
    std::vector<double> quiet, beside;
    for (int turn = 0; turn < 2; ++turn) {
      TimeMessages(*ann, &quiet);
      std::atomic<bool> stop = false;
      std::thread uploader([&] { Upload(stop); });
      TimeMessages(*ann, &beside);
      stop = true;
      uploader.join();
    }
    absl::PrintF(
        "messages at 200/s: p50 %.2f ms, p99 %.2f ms; beside a large upload p50 %.2f ms, "
        "p99 %.2f ms\n",
        At(quiet, 0.5), At(quiet, 0.99), At(beside, 0.5), At(beside, 0.99));
  }

  void Upload(const std::atomic<bool>& stop) {
    const std::string path = "/one/beside";
    (void)Storage(alice_.get()).CreateFile(path);
    while (!stop) {
      Pipelined(32, kPiecesAtOnce, [&](RequestWindow& window, int i) {
        window.Send("WRITEFILE", {path, absl::StrCat(i * kMiB), mib_});
      });
    }
  }

  // From when each was due to its answer, in milliseconds.
  static void TimeMessages(BlockingClient& from, std::vector<double>* times) {
    absl::Mutex mu;
    int missing = absl::GetFlag(FLAGS_messages);
    const std::string body(200, 'x');
    absl::Duration due = Now();
    for (int i = absl::GetFlag(FLAGS_messages); i > 0; --i, due += kMessageEvery) {
      if (due > Now()) Pause(due - Now());
      from.SendMessageThen("ben", body, [&, due](const absl::StatusOr<int>& sent) {
        DieUnlessOk(sent.status());
        absl::MutexLock lock(&mu);
        times->push_back(absl::ToDoubleMilliseconds(Now() - due));
        --missing;
      });
    }
    absl::MutexLock lock(&mu);
    const auto is_done = [&missing] { return missing == 0; };
    mu.Await(absl::Condition(&is_done));
  }

  static double At(std::vector<double>& times, double share) {
    std::sort(times.begin(), times.end());
    return times[static_cast<size_t>(share * static_cast<double>(times.size() - 1))];
  }

  static void PrintRate(const char* what, const std::vector<double>& rates, double limit,
                        const char* of_what) {
    absl::PrintF("%-46s %8.1f MB/s  %5.2f of %s\n", what, Median(rates), Median(rates) / limit,
                 of_what);
  }
  static void PrintFiles(const char* what, const std::vector<double>& rates, double syncs) {
    absl::PrintF("%-46s %8.0f /s    %5.2f of the disk's syncs\n", what, Median(rates),
                 Median(rates) / syncs);
  }
  void PrintMemory() {
    std::cout << "the most memory of each:";
    for (const auto& node : cluster_->nodes()) {
      std::ifstream status(absl::StrCat("/proc/", node.pid, "/status"));
      std::string word;
      uint64_t kib = 0;
      while (status >> word && word != "VmHWM:") {
      }
      status >> kib;
      std::cout << " " << node.name << " " << kib / 1024 << " MiB";
    }
    std::cout << std::endl;
  }

  const std::string dir_;
  const std::string mib_;
  std::unique_ptr<devcluster::Cluster> cluster_;
  std::unique_ptr<BlockingClient> alice_;
  std::vector<double> bare_, syncs_;
  Rates one_, three_;
};

}  // namespace
}  // namespace convergia::bench

int main(int argc, char** argv) {
  absl::ParseCommandLine(argc, argv);
  const std::string dir = absl::GetFlag(FLAGS_dir);
  if (dir.empty()) {
    std::cerr << "say --dir=FOLDER: on the disk that is to be measured, new or empty\n";
    return 2;
  }
  convergia::bench::Bench(dir).Run();
  return 0;
}
