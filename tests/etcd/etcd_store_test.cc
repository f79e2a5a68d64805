// ReplicatedStore over a real etcd: the store's suite, and an etcd that loses its leader.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/base/random.h"
#include "common/base/testing/status_testing.h"
#include "common/disk/testing/faulty_disk.h"
#include "common/store/replicated/replicated_store.h"
#include "common/store/testing/store_suite.h"
#include "tests/etcd/etcd_cluster.h"

namespace convergia::etcd {
namespace {

using store::Batch;
using store::CampaignAnswer;
using store::ReplicatedStore;

// A replica in memory, over a log of its own client.
class Replica {
 public:
  Replica(EtcdCluster* cluster, const std::string& prefix, std::string name,
          const store::HistoryBounds& history = {})
      : name_(std::move(name)) {
    auto log = cluster->OpenLog(prefix);
    EXPECT_OK(log);
    if (!log.ok()) return;
    log_ = *std::move(log);
    ReplicatedStore::Options options;
    options.store.dir = "/store";
    options.store.disk = &disk_;
    options.store.reserve_bytes = 0;
    options.store.history = history;
    options.replica = name_;
    options.secret = std::string(32, 's');
    options.log = log_.get();
    auto store = ReplicatedStore::Open(options);
    EXPECT_OK(store);
    if (store.ok()) store_ = *std::move(store);
  }
  ~Replica() {
    if (store_ != nullptr) store_->Fence(absl::CancelledError("the test ends"));
  }

  // The first candidate wins. Its lease is long: no test renews it.
  absl::Status Lead() {
    const CampaignAnswer answer = log_->TryCampaign({.replica = name_,
                                                     .address = name_ + ":1",
                                                     .candidacy = SecureRandomHex(8),
                                                     .lease = absl::Seconds(300)});
    if (answer.kind != CampaignAnswer::Kind::kWon) return absl::AbortedError("not won");
    return store_->Lead(answer.term);
  }
  ReplicatedStore& store() { return *store_; }

 private:
  const std::string name_;
  disk::FaultyDisk disk_;
  std::unique_ptr<EtcdLog> log_;
  std::unique_ptr<ReplicatedStore> store_;
};

std::string NewPrefix() { return absl::StrCat("convergia/", SecureRandomHex(8), "/"); }

// One member for the whole suite, as long as the program runs.
EtcdCluster* SuiteCluster() {
  static EtcdCluster* const kCluster = [] {
    auto started = EtcdCluster::Start(1);
    EXPECT_OK(started);
    return started.ok() ? started->release() : nullptr;
  }();
  return kCluster;
}

class LeadingStore final : public store::Store {
 public:
  explicit LeadingStore(const store::HistoryBounds& history)
      : replica_(SuiteCluster(), NewPrefix(), "one", history) {
    EXPECT_OK(replica_.Lead());
  }

  absl::StatusOr<std::optional<store::KeyValue>> Get(absl::string_view key) const override {
    return replica_.store().Get(key);
  }
  std::unique_ptr<store::Snapshot> TakeSnapshot() const override {
    return replica_.store().TakeSnapshot();
  }
  void CommitAsync(Batch batch, store::CommitCallback done) override {
    replica_.store().CommitAsync(std::move(batch), std::move(done));
  }
  absl::StatusOr<std::unique_ptr<store::Watcher>> Watch(absl::string_view prefix,
                                                        store::Revision from_revision,
                                                        store::WatchCallback callback) override {
    return replica_.store().Watch(prefix, from_revision, std::move(callback));
  }
  void Stop() override { replica_.store().Stop(); }

 private:
  mutable Replica replica_;
};

}  // namespace
}  // namespace convergia::etcd

namespace convergia::store {
namespace {

INSTANTIATE_TEST_SUITE_P(Etcd, StoreSuite,
                         testing::Values(Backend{"ReplicatedStoreOnEtcd",
                                                 [](const HistoryBounds& history) {
                                                   return std::make_unique<etcd::LeadingStore>(
                                                       history);
                                                 }}),
                         BackendName);

}  // namespace
}  // namespace convergia::store

namespace convergia::etcd {
namespace {

// Each member in turn may be etcd's leader; the store goes on with the two that are left.
TEST(EtcdStoreTest, AMemberThatDiesLosesNoCommitAndAStandbyHasAll) {
  for (int killed = 0; killed < 2; ++killed) {
    SCOPED_TRACE(killed);
    ASSERT_OK_AND_ASSIGN(const auto cluster, EtcdCluster::Start(3));
    const std::string prefix = NewPrefix();
    Replica one(cluster.get(), prefix, "one"), two(cluster.get(), prefix, "two");
    ASSERT_OK(one.Lead());
    for (int i = 1; i <= 50; ++i) {
      if (i == 25) cluster->Kill(killed);
      ASSERT_OK_AND_ASSIGN(const store::Revision revision,
                           one.store().Commit(Batch().Put(absl::StrCat("k", i), "v")));
      EXPECT_EQ(revision, i);
    }
    ASSERT_TRUE(two.store().AwaitApplied(one.store().applied().position.sequence));
    ASSERT_OK_AND_ASSIGN(const store::Page mine, one.store().Scan("", "", 100));
    ASSERT_OK_AND_ASSIGN(const store::Page others, two.store().Scan("", "", 100));
    EXPECT_EQ(mine.rows.size(), 50);
    EXPECT_EQ(others.rows, mine.rows);
  }
}

}  // namespace
}  // namespace convergia::etcd
