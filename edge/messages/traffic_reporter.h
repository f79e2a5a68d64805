#pragma once

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "convergia/v1/cluster.pb.h"
#include "edge/messages/message_shell.h"

namespace convergia::edge {

// Tells mgmt every few seconds who of this edge's users sent how much to whom, so that it can bring
// together those who talk. What cannot be sent is lost, and nothing depends on it. Thread-safe.
class TrafficReporter {
 public:
  static constexpr absl::Duration kEvery = absl::Seconds(5);
  // In one report of one shard; the others come with the next. 8 peers each: some 600 KB.
  static constexpr size_t kTalkersMax = 2'500;

  using Send = std::function<void(v1::FromNode message)>;

  // `messages` must outlive the reporter, and so must the shards it works on: Stop() first.
  TrafficReporter(MessageShell* messages, Send send)
      : messages_(messages), send_(std::move(send)) {}
  ~TrafficReporter() { Stop(); }

  void Start();
  void Stop() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  void ReportLoop() ABSL_LOCKS_EXCLUDED(mu_);

  MessageShell* const messages_;
  const Send send_;
  absl::Mutex mu_;
  bool stopped_ ABSL_GUARDED_BY(mu_) = false;
  std::thread thread_;
};

}  // namespace convergia::edge
