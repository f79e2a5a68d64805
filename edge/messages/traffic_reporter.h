#pragma once

#include <functional>
#include <thread>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "convergia/v1/cluster.pb.h"
#include "edge/messages/message_shell.h"

namespace convergia::edge {

// Reports to mgmt every kEvery how many bytes the users of this edge sent to which peers. Each
// shard with traffic sends its own report. mgmt uses them to move users nearer to their peers. A
// report that cannot be sent is lost; nothing depends on it.
//
// Life: constructor -> Start() -> Stop(), each called by one thread at a time.
class TrafficReporter {
 public:
  static constexpr absl::Duration kEvery = absl::Seconds(5);
  // The most users in one shard's report; further users come with the next. With 8 peers each, a
  // report has some 600 KB.
  static constexpr size_t kTalkersMax = 2'500;

  // Sends a report to mgmt. Called on the thread of each shard, and must not block. A shard may
  // call it once more after Stop().
  using Send = std::function<void(v1::FromNode message)>;

  // `messages` and its shards must live until Stop() has returned.
  TrafficReporter(MessageShell* messages, Send send)
      : messages_(messages), send_(std::move(send)) {}
  ~TrafficReporter() { Stop(); }

  // Starts the thread that reports. Once.
  void Start();
  // Ends the thread and waits for its end. Idempotent.
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
