#pragma once

#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/connect/blocking_client.h"

namespace convergia::testing {

// A user with the real client who sends numbers to another user, each after the answer to the last,
// and records what arrives. The client's threads are in the network namespace of the thread that
// constructs this.
class Talker final : public client::ClientObserver {
 public:
  Talker(const client::ClientOptions& options, std::string to)
      : to_(std::move(to)), client_(options, this, client::BlockingClient::Messages::kToObserver) {}
  ~Talker() override { Hush(); }

  absl::Status Connect() { return client_.Connect(absl::Seconds(60)); }
  // Sends until Hush(), on a thread of its own.
  void Talk() {
    thread_ = std::thread([this] {
      for (int number = 0; !hushed_; ++number) Say(number);
    });
  }
  void Hush() {
    hushed_ = true;
    if (thread_.joinable()) thread_.join();
  }

  // True if a session of `other` gets a message that is no number. Only while no Talker sends to
  // `other`.
  bool Reaches(const std::string& other) { return client_.SendMessage(other, "!").ok(); }

  // The name of the main server; empty before the first sign-in.
  std::string server() const {
    absl::MutexLock lock(&mu_);
    return server_;
  }
  // The number of times the client lost its main server.
  int downs() const { return downs_; }
  int sent() const { return sent_; }
  int delivered() const { return delivered_; }
  // The answer to each number sent.
  std::map<int, absl::Status> answers() const {
    absl::MutexLock lock(&mu_);
    return answers_;
  }
  // In the order of arrival.
  std::vector<int> heard() const {
    absl::MutexLock lock(&mu_);
    return heard_;
  }

 private:
  void Say(int number) {
    const absl::StatusOr<int> answer =
        client_.SendMessage(to_, absl::StrCat(number, std::string(100, '.')));
    absl::MutexLock lock(&mu_);
    answers_[number] = answer.status();
    ++sent_;
    delivered_ += answer.ok();
  }
  void OnMessage(const client::Message& message) override {
    if (message.body == "!") return;
    int number = -1;
    const bool is_number =
        absl::SimpleAtoi(message.body.substr(0, message.body.find('.')), &number);
    absl::MutexLock lock(&mu_);
    heard_.push_back(is_number && message.from == to_ ? number : -1);
  }
  void OnUp(const client::MainServer& server) override {
    absl::MutexLock lock(&mu_);
    server_ = server.name;
  }
  void OnDown(const absl::Status& why) override { ++downs_; }

  const std::string to_;
  std::atomic<bool> hushed_ = false;
  std::atomic<int> downs_ = 0;
  std::atomic<int> sent_ = 0;
  std::atomic<int> delivered_ = 0;
  mutable absl::Mutex mu_;
  std::string server_ ABSL_GUARDED_BY(mu_);
  std::map<int, absl::Status> answers_ ABSL_GUARDED_BY(mu_);
  std::vector<int> heard_ ABSL_GUARDED_BY(mu_);
  client::BlockingClient client_;  // Its thread uses the members above.
  std::thread thread_;
};

}  // namespace convergia::testing
