#pragma once

#include <asio/executor_work_guard.hpp>
#include <asio/io_context.hpp>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "client/connect/client.h"
#include "client/connect/requester.h"

namespace convergia::client {

// A Client with its own thread, for programs that wait for each call.
//
//   BlockingClient client(options);
//   ASSIGN(client.Connect(absl::Seconds(20)));
//   client.SendMessage("bob", "hi");
//   StatusOr<Message> message = client.NextMessage(absl::InfiniteDuration());
//
// Thread-safe. Messages wait in a queue for NextMessage(); while the queue is full, nothing is read
// from the main server. With Messages::kToObserver they go to the observer instead. The observer is
// called on the client's own thread.
class BlockingClient final : public Requester {
 public:
  enum class Messages { kToQueue, kToObserver };

  static constexpr size_t kMessagesMax = 10'000;
  static constexpr size_t kMessageBytesMax = 16 * 1024 * 1024;

  explicit BlockingClient(ClientOptions options, ClientObserver* observer = nullptr,
                          Messages messages = Messages::kToQueue);
  ~BlockingClient() override;  // Close().

  // Each as in Client. Errors after Close(): kCancelled.
  absl::Status Connect(absl::Duration timeout);
  absl::StatusOr<int> SendMessage(std::string to, std::string body);
  absl::StatusOr<std::string> Request(std::string word, std::vector<std::string> fields) override;
  absl::StatusOr<std::string> RequestAtManagement(std::string word,
                                                  std::vector<std::string> fields);

  absl::StatusOr<std::string> RequestWithoutSignIn(std::string word,
                                                   std::vector<std::string> fields);

  // Starts again with this password after the client has given up. Later calls wait for the result.
  void SignInAgain(std::string password) ABSL_LOCKS_EXCLUDED(mu_);

  // SendMessage() without waiting. `done` always runs: on the client's thread, or at once after
  // Close(). Messages are sent in the order of the calls.
  void SendMessageThen(std::string to, std::string body,
                       std::function<void(absl::StatusOr<int>)> done);

  // Request() without waiting, under the same rules. Of Requester.
  void RequestThen(std::string word, std::vector<std::string> fields, Done done) override;

  // The oldest message not yet taken.
  //
  // Errors: kDeadlineExceeded if none came in time; the reason if the client has given up;
  // kCancelled after Close().
  absl::StatusOr<Message> NextMessage(absl::Duration timeout) ABSL_LOCKS_EXCLUDED(mu_);

  // Leaves the server and ends the thread. Idempotent. Must not be called by an observer.
  void Close() ABSL_LOCKS_EXCLUDED(mu_);

 private:
  class Inbox;  // The observer between Client and this.

  // co_spawn()s `make()` on the client's thread and gives its result to `done`. After Close() the
  // result is kCancelled, at once.
  template <typename T>
  void Begin(std::function<asio::awaitable<T>()> make, std::function<void(T)> done)
      ABSL_LOCKS_EXCLUDED(mu_);
  template <typename T>
  T Await(asio::awaitable<T> work) ABSL_LOCKS_EXCLUDED(mu_);
  void TakeMessage(const Message& message) ABSL_LOCKS_EXCLUDED(mu_);
  void TakeGaveUp(const absl::Status& why) ABSL_LOCKS_EXCLUDED(mu_);
  bool QueueIsFull() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mu_) {
    return messages_.size() >= kMessagesMax || message_bytes_ >= kMessageBytesMax;
  }

  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  const std::unique_ptr<Inbox> inbox_;
  Client client_;
  std::thread thread_;

  absl::Mutex mu_;
  std::deque<Message> messages_ ABSL_GUARDED_BY(mu_);
  size_t message_bytes_ ABSL_GUARDED_BY(mu_) = 0;
  bool paused_ ABSL_GUARDED_BY(mu_) = false;
  absl::Status gave_up_ ABSL_GUARDED_BY(mu_);
  bool closed_ ABSL_GUARDED_BY(mu_) = false;
};

}  // namespace convergia::client
