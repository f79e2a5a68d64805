#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/synchronization/notification.h"
#include "common/disk/testing/faulty_disk.h"
#include "common/store/replicated/replicated_store.h"
#include "common/store/replicated/testing/fake_log.h"

namespace convergia::store {

// One replica on a disk of its own, over a quorum that it shares with others. For tests.
class TestReplica {
 public:
  TestReplica(FakeQuorum* quorum, std::string name);
  ~TestReplica() { Kill(); }

  // Starts it as a standby.
  absl::Status Start();
  // Ends it as kill -9 does: its disk and what it sent remain.
  void Kill();

  // Wins the election, which must be free, and leads.
  absl::Status Lead();

  ReplicatedStore& store() { return *store_; }
  FakeLog& log() { return *log_; }
  disk::FaultyDisk& disk() { return disk_; }
  const std::string& name() const { return name_; }
  // Waits until it is fenced, or 30 s.
  bool AwaitFenced() { return fenced_->WaitForNotificationWithTimeout(absl::Seconds(30)); }
  bool is_fenced() const { return fenced_->HasBeenNotified(); }

  // For the next Start().
  std::string secret = std::string(32, 's');
  TrimOptions trim;
  HistoryBounds history;

 private:
  FakeQuorum* const quorum_;
  const std::string name_;
  disk::FaultyDisk disk_;
  int campaigns_ = 0;
  std::unique_ptr<FakeLog> log_;
  std::unique_ptr<absl::Notification> fenced_;
  std::unique_ptr<ReplicatedStore> store_;
};

}  // namespace convergia::store
